"""The grammar of SPF records and of the macros in them (RFC 7208 sections 4.6, 5 to 7 and 12)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from smtp.authentication.results import Result

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

IPV4_BITS: Final = 32
IPV6_BITS: Final = 128
_QUALIFIERS: Final = {"+": Result.PASS, "-": Result.FAIL, "~": Result.SOFTFAIL, "?": Result.NEUTRAL}

_MACRO: Final = (
    r"%(?:[%_-]|\{(?P<letter>[a-zA-Z])(?P<digits>[0-9]{0,9})(?P<reverse>[rR]?)(?P<delimiters>[.\-+,/_=]*)\})"
)
_EXPAND: Final = re.compile(_MACRO)
_PIECE: Final = re.compile(rf"{_MACRO}|(?P<literal>[!-$&-~]+)")
_LETTERS: Final = frozenset("slodiphv")
_EXPLANATION_LETTERS: Final = _LETTERS | frozenset("crt")
_MODIFIER: Final = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)", re.DOTALL)
_DIRECTIVE: Final = re.compile(r"([-+~?]?)([A-Za-z][A-Za-z0-9]*)(.*)", re.DOTALL)
_CIDR: Final = re.compile(r"(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?$")
_TOP_LABEL: Final = re.compile(r"(?![0-9]+$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")


class RecordError(ValueError):
    """The record is not well-formed: "permerror"."""


@dataclass(frozen=True, slots=True)
class Directive:
    """A mechanism and what it means for the client that it matches."""

    result: Result
    mechanism: str
    """In small letters."""
    target: str = ""
    """A domain with its macros; empty: the current one."""
    network: Network | None = None
    """Of ip4 and ip6."""
    prefixes: tuple[int, int] = (IPV4_BITS, IPV6_BITS)
    """Bits of the addresses of `a` and `mx` that count, IPv4 and IPv6."""


@dataclass(frozen=True, slots=True)
class Record:
    """A parsed record: mechanisms in their order, and the two modifiers that mean something."""

    directives: tuple[Directive, ...]
    redirect: str = ""
    explanation: str = ""
    """The domain of exp=."""


def parse_record(text: str) -> Record:
    """record = version terms *SP, without its version. Raises RecordError for a fault anywhere (section 4.6)."""
    directives = []
    modifiers: dict[str, str] = {}
    for term in filter(None, text.split(" ")):
        if found := _MODIFIER.fullmatch(term):
            name = found[1].lower()
            if name in {"redirect", "exp"}:
                if name in modifiers:
                    raise RecordError(f"{name} stands twice")
                _check_domain(found[2])
                modifiers[name] = found[2]
            else:
                _check_macros(found[2], _LETTERS)
        else:
            directives.append(_directive(term))
    return Record(tuple(directives), modifiers.get("redirect", ""), modifiers.get("exp", ""))


def check_explanation(text: str) -> None:
    """explain-string = *( macro-string / SP ). Raises RecordError."""
    _check_macros(text.replace(" ", ""), _EXPLANATION_LETTERS)


def expand(text: str, values: dict[str, str]) -> str:
    """A well-formed macro-string with the values of its letters (section 7.3)."""

    def one(macro: re.Match[str]) -> str:
        letter = macro["letter"]
        if letter is None:
            return {"%%": "%", "%_": " ", "%-": "%20"}[macro[0]]
        parts = re.split(f"[{re.escape(macro['delimiters'] or '.')}]", values[letter.lower()])
        if macro["reverse"]:
            parts.reverse()
        if macro["digits"]:
            parts = parts[-int(macro["digits"]) :]
        value = ".".join(parts)
        return quote(value, safe="-._~") if letter.isupper() else value

    return _EXPAND.sub(one, text)


def needs_name(text: str) -> bool:
    """Whether a macro-string needs the validated name of the client, which costs look-ups."""
    return any(found["letter"] in {"p", "P"} for found in _EXPAND.finditer(text))


def _directive(term: str) -> Directive:
    """directive = [ qualifier ] mechanism (section 4.6.1)."""
    found = _DIRECTIVE.fullmatch(term)
    if found is None:
        raise RecordError("a term is neither mechanism nor modifier")
    result, name, rest = _QUALIFIERS[found[1] or "+"], found[2].lower(), found[3]
    match name:
        case "all" if not rest:
            return Directive(result, name)
        case "include" | "exists" if rest.startswith(":"):
            return Directive(result, name, _check_domain(rest[1:]))
        case "ptr" if not rest or rest.startswith(":"):
            return Directive(result, name, _check_domain(rest[1:]) if rest else "")
        case "ip4" | "ip6" if rest.startswith(":"):
            return Directive(result, name, network=_network(name, rest[1:]))
        case "a" | "mx" if not rest or rest[0] in ":/":
            return _with_prefixes(result, name, rest)
    raise RecordError(f"{name} is no mechanism, or stands in a wrong form")


def _with_prefixes(result: Result, name: str, rest: str) -> Directive:
    """[ ":" domain-spec ] [ dual-cidr-length ]"""
    cidr = _CIDR.search(rest)
    assert cidr is not None  # noqa: S101 - it matches nothing as well
    prefixes = int(cidr[1] or IPV4_BITS), int(cidr[2] or IPV6_BITS)
    if prefixes[0] > IPV4_BITS or prefixes[1] > IPV6_BITS:
        raise RecordError("a prefix is longer than an address")
    target = rest[: cidr.start()]
    if target and not target.startswith(":"):
        raise RecordError(f"{name} stands in a wrong form")
    return Directive(result, name, _check_domain(target[1:]) if target else "", None, prefixes)


def _network(name: str, text: str) -> Network:
    address, slash, prefix = text.partition("/")
    if slash and not re.fullmatch(r"0|[1-9][0-9]{0,2}", prefix):
        raise RecordError("a prefix is no number")
    try:
        if name == "ip4":
            return ipaddress.IPv4Network((address, int(prefix or IPV4_BITS)), strict=False)
        if "%" in address:
            raise RecordError("an address has a zone")
        return ipaddress.IPv6Network((address, int(prefix or IPV6_BITS)), strict=False)
    except ValueError as error:
        raise RecordError(f"{name} has no address of its kind") from error


def _check_domain(text: str) -> str:
    """domain-spec = macro-string domain-end; domain-end = ( "." toplabel [ "." ] ) / macro-expand"""
    last = _check_macros(text, _LETTERS)
    if last is None:
        raise RecordError("a domain is missing")
    _, dot, label = text.removesuffix(".").rpartition(".")
    if last["literal"] is not None and not (dot and _TOP_LABEL.fullmatch(label)):
        raise RecordError("a domain has no top label")
    return text


def _check_macros(text: str, letters: frozenset[str]) -> re.Match[str] | None:
    """macro-string = *( macro-expand / macro-literal ); its last piece. Raises RecordError."""
    at, last = 0, None
    while at < len(text):
        last = _PIECE.match(text, at)
        if last is None:
            raise RecordError("a macro is malformed")
        if last["letter"] is not None:
            if last["letter"].lower() not in letters:
                raise RecordError("a macro letter has no place here")
            if last["digits"] and not int(last["digits"]):
                raise RecordError("a macro keeps no part")
        at = last.end()
    return last
