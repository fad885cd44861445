"""The Authentication-Results field (RFC 8601): what of it other servers wrote is read, our own is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FIELD: Final = b"authentication-results"
_MOST: Final = 100
"""Results of one field that are read, and properties of one result."""
_FOLD: Final = "\r\n\t"
_LINE: Final = 76

_KEYWORD: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
_TOKEN: Final = re.compile(r"[^\s\x00-\x20\x7f()<>@,;:\\\"/\[\]?=]+")
_QUOTED: Final = re.compile(r'"((?:[^"\\\r\n]|\\[^\r\n]|\r\n[ \t])*)"')
_PVALUE: Final = re.compile(r"[^\s\x00-\x20\x7f()<>,;\\\"]+")
"""An address or a name; wider than the grammar where nothing else can be meant."""
_WHITE: Final = re.compile(r"[ \t\r\n]*")
_COMMENT_PIECE: Final = re.compile(r"[^()\\]+|\\.|[()]", re.DOTALL)
_PLAIN: Final = re.compile(r"(?:[!#$%&'*+\-.^_`{|}~0-9A-Za-z]*@)?[!#$%&'*+\-.^_`{|}~0-9A-Za-z]+")
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")


class Result(StrEnum):
    """What became of an authentication (RFC 8601 section 2.7)."""

    NONE = "none"
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    POLICY = "policy"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class Resinfo:
    """What one method said, of which properties of the message."""

    method: str
    result: str
    reason: str = ""
    properties: tuple[tuple[str, str], ...] = ()
    """Each as ``("header.from", "example.net")``."""

    def property(self, name: str) -> str:
        """The first value of a property; empty when it is not there."""
        return next((value for one, value in self.properties if one == name), "")


@dataclass(frozen=True, slots=True)
class AuthenticationResults:
    """A field: who speaks, and what was found; nothing where no method was tried."""

    authserv_id: str
    resinfos: tuple[Resinfo, ...] = ()

    def of(self, method: str) -> tuple[Resinfo, ...]:
        """What a method said: DKIM for each signature."""
        return tuple(one for one in self.resinfos if one.method == method)

    def payload(self) -> str:
        """The value of the field, folded; also that of an ARC-Authentication-Results after its instance."""
        stated = [_written(one) for one in self.resinfos] or ["none"]
        who = self.authserv_id
        return f";{_FOLD}".join([who if _TOKEN.fullmatch(who) and who.isascii() else _quoted(who), *stated])

    def field(self) -> bytes:
        """The whole field with its CRLF, in ASCII."""
        return f"Authentication-Results: {self.payload()}\r\n".encode("ascii", "replace")


def parse(value: str) -> AuthenticationResults:
    """What a field says: method and result names in small letters. Raises ValueError for what is no such field."""
    return _Parser(value).payload()


def authserv_id(value: str) -> str | None:
    """Who speaks in a field of the one version there is; None where that cannot be told."""
    try:
        return _Parser(value).authserv_id()
    except ValueError:
        return None


def _written(one: Resinfo) -> str:
    words = [f"{one.method}={one.result}"]
    if one.reason:
        words.append(f"reason={_quoted(one.reason)}")
    words += [f"{name}={_pvalue(value)}" for name, value in one.properties if value]
    lines = words[:1]
    for word in words[1:]:
        if len(lines[-1]) + len(word) < _LINE:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return f"{_FOLD}\t".join(lines)


def _pvalue(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else _quoted(value)


def _quoted(value: str) -> str:
    text = _UNPRINTABLE.sub("?", value)
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


class _Parser:
    """Reads from left to right, each octet once."""

    def __init__(self, value: str) -> None:
        self._text = value
        self._at = 0

    def payload(self) -> AuthenticationResults:
        """authres-payload"""
        who = self.authserv_id()
        resinfos: list[Resinfo] = []
        while self._here(";"):
            if len(resinfos) == _MOST:
                raise ValueError("too many results")
            method = self._keyword_or_end()
            if not method or (method == "none" and not self._is("=")):
                continue
            resinfos.append(self._resinfo(method))
        if self._at < len(self._text):
            raise ValueError("something behind a result")
        return AuthenticationResults(who, tuple(resinfos))

    def authserv_id(self) -> str:
        """[CFWS] authserv-id [CFWS authres-version]"""
        self._cfws()
        who = self._value()
        self._cfws()
        if not self._is(";") and self._at < len(self._text) and self._take(_TOKEN).lstrip("0") != "1":
            raise ValueError("unknown version")
        self._cfws()
        if not self._is(";") and self._at < len(self._text):
            raise ValueError("something behind the identifier")
        return who

    def _resinfo(self, method: str) -> Resinfo:
        if self._here("/"):
            self._take(_KEYWORD)
        self._expect("=")
        result = self._take(_KEYWORD).lower()
        reason = ""
        properties: list[tuple[str, str]] = []
        while name := self._keyword_or_end():
            if len(properties) == _MOST:
                raise ValueError("too many properties")
            if self._here("."):
                name = f"{name}.{self._take(_KEYWORD).lower()}"
            self._expect("=")
            if name == "reason":
                reason = self._value()
            else:
                properties.append((name, self._property_value()))
        return Resinfo(method, result, reason, tuple(properties))

    def _keyword_or_end(self) -> str:
        self._cfws()
        return "" if self._at == len(self._text) or self._is(";") else self._take(_KEYWORD).lower()

    def _property_value(self) -> str:
        self._cfws()
        if not self._is('"'):
            return self._take(_PVALUE)
        value = self._value()
        return f'"{value}"{self._take(_PVALUE)}' if self._is("@") else value

    def _value(self) -> str:
        """value = token / quoted-string"""
        self._cfws()
        if not self._is('"'):
            return self._take(_TOKEN)
        text = self._take(_QUOTED)[1:-1].replace("\r\n", "")
        return re.sub(r"\\(.)", r"\1", text)

    def _expect(self, mark: str) -> None:
        if not self._here(mark):
            raise ValueError(f"{mark} missing")

    def _here(self, mark: str) -> bool:
        """Whether a mark is next, past white space and comments; if so it is taken, and white space behind it."""
        self._cfws()
        if not self._is(mark):
            return False
        self._at += 1
        self._cfws()
        return True

    def _is(self, mark: str) -> bool:
        return self._text.startswith(mark, self._at)

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise ValueError("something out of place")
        self._at = found.end()
        return found[0]

    def _cfws(self) -> None:
        """Comments nest to any depth."""
        self._take(_WHITE)
        while self._is("("):
            depth = 0
            for piece in _COMMENT_PIECE.finditer(self._text, self._at):
                depth += (piece[0] == "(") - (piece[0] == ")")
                if not depth:
                    self._at = piece.end()
                    break
            else:
                raise ValueError("comment without an end")
            self._take(_WHITE)
