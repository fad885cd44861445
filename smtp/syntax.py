"""The grammar of submission commands (RFC 5321 section 4.1) and of their parameters, strict and without side effects.

Each parser begins with its ABNF. All raise SmtpError with the reply that the fault deserves.
"""

from __future__ import annotations

import ipaddress
import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from dataclasses import dataclass
from typing import Final

from smtp.future_release import Hold, parse_hold
from smtp.handler import SmtpError
from smtp.replies import Closing

LINE_LIMIT: Final = 2_048
"""RFC 5321 section 4.5.3.1.4 asks for 512 octets; SIZE, AUTH, DSN and SMTPUTF8 add up to 1,200."""
AUTH_LINE_LIMIT: Final = 12_288
"""RFC 4954 section 4."""
LOCAL_LIMIT: Final = 64
"""Octets of a local part, a domain (RFC 5321 section 4.5.3.1) and a label (RFC 1035 section 2.3.4)."""
DOMAIN_LIMIT: Final = 255
LABEL_LIMIT: Final = 63
SIZE_DIGITS: Final = 20
"""RFC 1870 section 4."""
XTEXT_LIMIT: Final = 500
"""ORCPT and AUTH (RFC 3461 section 4.2, RFC 4954 section 3); ENVID is shorter (RFC 3461 section 4.4)."""
ENVID_LIMIT: Final = 100

_ATEXT: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010FFFF]"
_DOT_STRING: Final = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_PATH: Final = re.compile(
    rf"""<(?:@[^:<>"\s]+:)?(?P<local>{_DOT_STRING.pattern}|"(?:[^"\\]|\\.)*")(?:@(?P<domain>[^\s<>@"\\]+))?>"""
)
_LABEL: Final = re.compile(
    r"[A-Za-z0-9\u0080-\U0010FFFF](?:[A-Za-z0-9\-\u0080-\U0010FFFF]*[A-Za-z0-9\u0080-\U0010FFFF])?"
)
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,255}|\[[A-Za-z0-9.:%_-]{1,253}\]")
_PARAMETER: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^=\s]+))?")
_XTEXT: Final = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_UNITEXT: Final = re.compile(r"(?:[!-*,-<>-\[\]-~\u0080-\U0010FFFF]|\\x\{[0-9A-F]{2,6}\})+")
_ATOM: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+")

NOTIFY_VALUES: Final = frozenset({"SUCCESS", "FAILURE", "DELAY"})


def _fault(text: str, code: int = 501, status: str = "5.5.4") -> SmtpError:
    return SmtpError(code, status, text)


def split_command(line: bytes) -> tuple[str, str]:
    """The verb in capitals and its argument, trimmed.

    command-line = verb *( SP argument ); control characters have no place in it, whatever the command.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise SmtpError(500, "5.5.2", "Command is not valid UTF-8") from None
    if not text.isprintable():
        raise SmtpError(500, "5.5.2", "Command has a control character")
    verb, _, argument = text.partition(" ")
    return verb.upper(), argument.strip(" ")


def parse_host(argument: str) -> str:
    """Ehlo = "EHLO" SP ( Domain / address-literal ), with the underscores that computer names have."""
    if not _HOST.fullmatch(argument):
        raise _fault("Give a host name or an address literal after EHLO", status="5.5.2")
    return argument


@dataclass(frozen=True, slots=True)
class MailCommand:
    """MAIL FROM with its parameters, checked and decoded."""

    address: str
    smtputf8: bool
    body_8bit: bool
    size: int
    dsn_return: str | None
    envelope_id: str | None
    require_tls: bool
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class RcptCommand:
    """RCPT TO with its parameters, checked and decoded."""

    address: str
    notify: frozenset[str]
    original: str | None


def parse_mail(argument: str) -> MailCommand:
    """mail = "MAIL FROM:" Reverse-path [SP Mail-parameters].

    Outlook's space after the colon is let pass.
    """
    path, parameters = _split_path(argument, "FROM:", "5.1.7")
    size = parameters.pop("SIZE", "0")
    body = parameters.pop("BODY", "7BIT")
    smtputf8 = "SMTPUTF8" in parameters
    utf8_value = parameters.pop("SMTPUTF8", None)
    require_tls = "REQUIRETLS" in parameters
    tls_value = parameters.pop("REQUIRETLS", None)
    hold = _hold(parameters)
    dsn_return = parameters.pop("RET", "")
    envelope_id = parameters.pop("ENVID", "")
    trusted = parameters.pop("AUTH", "")
    _refuse_unknown(parameters)
    if size is None or not (size.isascii() and size.isdigit() and len(size) <= SIZE_DIGITS):
        raise _fault("SIZE must be a number of octets")
    if body is None or body.upper() not in {"7BIT", "8BITMIME"}:
        raise _fault("BODY must be 7BIT or 8BITMIME")
    if utf8_value is not None:
        raise _fault("SMTPUTF8 takes no value")
    if tls_value is not None:
        raise _fault("REQUIRETLS takes no value")
    if dsn_return is None or dsn_return.upper() not in {"", "FULL", "HDRS"}:
        raise _fault("RET must be FULL or HDRS")
    if trusted is None:
        raise _fault("AUTH needs a value")
    decode_xtext(trusted, XTEXT_LIMIT)
    address = "" if path == "<>" else parse_path(path, "5.1.7", utf8=smtputf8, non_ascii=550)
    return MailCommand(
        address=address,
        smtputf8=smtputf8,
        body_8bit=body.upper() == "8BITMIME",
        size=int(size),
        dsn_return=dsn_return.upper() or None,
        envelope_id=_optional_xtext("ENVID", envelope_id, ENVID_LIMIT),
        require_tls=require_tls,
        hold=hold,
    )


def parse_rcpt(argument: str, *, utf8: bool) -> RcptCommand:
    """rcpt = "RCPT TO:" ( "<Postmaster>" / Forward-path ) [SP Rcpt-parameters]."""
    path, parameters = _split_path(argument, "TO:", "5.1.3")
    notify = parameters.pop("NOTIFY", "")
    original = parameters.pop("ORCPT", "")
    _refuse_unknown(parameters)
    wanted = frozenset() if notify == "" else frozenset((notify or "?").upper().split(","))
    if wanted != {"NEVER"} and not wanted <= NOTIFY_VALUES:
        raise _fault("NOTIFY must be NEVER, or a list of SUCCESS, FAILURE and DELAY")
    if path == "<>":
        raise _fault("A recipient needs an address", status="5.1.3")
    address = "postmaster" if path.lower() == "<postmaster>" else parse_path(path, "5.1.3", utf8=utf8, non_ascii=553)
    return RcptCommand(address, wanted, _original_recipient(original, utf8=utf8))


def parse_path(path: str, status: str, *, utf8: bool, non_ascii: int = 553) -> str:
    """The address of a path, without source route (RFC 5321 appendix C) and without quotes that are not needed.

    Path = "<" [ A-d-l ":" ] Mailbox ">"; Mailbox = Local-part "@" ( Domain / address-literal ).
    """
    if not utf8 and not path.isascii():
        raise _fault("Addresses outside ASCII need the SMTPUTF8 parameter", non_ascii, "5.6.7")
    match = _PATH.fullmatch(path)
    if match is None or match["domain"] is None:
        raise _fault("Malformed address", status=status)
    local, domain = match["local"], match["domain"]
    if local.startswith('"'):
        plain = re.sub(r"\\(.)", r"\1", local[1:-1])
        local = plain if _DOT_STRING.fullmatch(plain) else '"' + re.sub(r'(["\\])', r"\\\1", plain) + '"'
    if len(local.encode()) > LOCAL_LIMIT or len(domain.encode()) > DOMAIN_LIMIT:
        raise _fault("Address is too long", status=status)
    if not is_domain(domain):
        raise _fault("Malformed domain in address", status=status)
    return f"{local}@{domain}"


def parse_bdat(argument: str) -> tuple[int, bool]:
    """bdat-cmd = "BDAT" SP chunk-size [ SP "LAST" ] (RFC 3030 section 2).

    A malformed one closes the connection: what follows may be message data, and must not be read as commands.
    """
    match = re.fullmatch(r"([0-9]{1,19})(?: +(LAST))?", argument, re.IGNORECASE | re.ASCII)
    if match is None:
        raise Closing(501, "5.5.4", "Say BDAT, the size of the chunk, and LAST for the last one")
    return int(match[1]), match[2] is not None


def decode_base64(text: bytes) -> bytes:
    """base64 of RFC 4648 section 4 and nothing else, as RFC 4954 section 4 demands."""
    try:
        return a2b_base64(text, strict_mode=True)
    except (Base64Error, ValueError):
        raise SmtpError(501, "5.5.2", "Response is not valid base64") from None


def decode_xtext(value: str, limit: int) -> str:
    """xtext = *( xchar / hexchar ) (RFC 3461 section 4), which may hide printable ASCII only: no field is injected."""
    if len(value) > limit or not _XTEXT.fullmatch(value):
        raise _fault("Parameter value is too long or not valid xtext")
    decoded = re.sub(r"\+([0-9A-F]{2})", lambda match: chr(int(match[1], 16)), value)
    if not (decoded.isascii() and decoded.isprintable()):
        raise _fault("Parameter value hides characters that are not printable")
    return decoded


def _split_path(argument: str, keyword: str, status: str) -> tuple[str, dict[str, str | None]]:
    """keyword path *( SP esmtp-param ); esmtp-param = esmtp-keyword [ "=" esmtp-value ]."""
    if argument[: len(keyword)].upper() != keyword:
        raise _fault(f"Say {'MAIL' if keyword == 'FROM:' else 'RCPT'} {keyword}<address>")
    rest = argument[len(keyword) :].lstrip(" ")
    match = re.match(r'<(?:[^"<>]|"(?:[^"\\]|\\.)*")*>(?= |$)', rest)
    if match is None:
        raise _fault("An address must stand in angle brackets", status=status)
    parameters: dict[str, str | None] = {}
    for word in rest[match.end() :].split():
        parameter = _PARAMETER.fullmatch(word)
        if parameter is None:
            raise _fault("Malformed parameter")
        name = parameter[1].upper()
        if name in parameters:
            raise _fault(f"Parameter {name} is given twice")
        parameters[name] = parameter[2]
    return match[0], parameters


def _hold(parameters: dict[str, str | None]) -> Hold | None:
    """hold-param = "HOLDFOR=" future-release-interval / "HOLDUNTIL=" future-release-date-time (RFC 4865 section 3)."""
    if parameters.keys().isdisjoint({"HOLDFOR", "HOLDUNTIL"}):
        return None
    given = {name: parameters.pop(name) or "" for name in ("HOLDFOR", "HOLDUNTIL") if name in parameters}
    return parse_hold(given.get("HOLDFOR"), given.get("HOLDUNTIL"))


def _refuse_unknown(parameters: dict[str, str | None]) -> None:
    if parameters:
        raise _fault(f"Parameter {next(iter(parameters))[:40]} is not supported", 555)


def is_domain(domain: str) -> bool:
    """Domain = sub-domain *( "." sub-domain ), or an address literal with an IPv4 or IPv6 address."""
    if domain.startswith("[") and domain.endswith("]"):
        inner = domain[1:-1]
        try:
            if inner[:5].upper() == "IPV6:":
                ipaddress.IPv6Address(inner[5:])
            else:
                ipaddress.IPv4Address(inner)
        except ValueError:
            return False
        return "%" not in inner
    return all(len(label) <= LABEL_LIMIT and _LABEL.fullmatch(label) for label in domain.split("."))


def _optional_xtext(name: str, value: str | None, limit: int) -> str | None:
    if value is None:
        raise _fault(f"{name} needs a value")
    return decode_xtext(value, limit) or None


def _original_recipient(value: str | None, *, utf8: bool) -> str | None:
    """original-recipient-address = addr-type ";" xtext (RFC 3461 section 4.2), or RFC 6533's utf-8 type."""
    if value == "":
        return None
    kind, semicolon, address = (value or "").partition(";")
    if not semicolon or not address or not _ATOM.fullmatch(kind):
        raise _fault("ORCPT must be an address type, a semicolon and an address")
    if kind.lower() != "utf-8":
        return f"{kind};{decode_xtext(address, XTEXT_LIMIT)}"
    if len(address) > XTEXT_LIMIT or not _UNITEXT.fullmatch(address) or not (utf8 or address.isascii()):
        raise _fault("Malformed UTF-8 address in ORCPT")
    return f"{kind};{address}"
