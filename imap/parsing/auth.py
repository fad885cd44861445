"""Commands that say who speaks: AUTHENTICATE, LOGIN, ID, ENABLE."""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field
from typing import ClassVar, Final

from imap.errors import BadCommand
from imap.parsing.commands import Command
from imap.parsing.lexer import Cursor
from imap.parsing.limits import MAX_ID_FIELDS, MAX_ID_NAME, MAX_ID_VALUE, MAX_OPTIONS


@dataclass(frozen=True, slots=True)
class Authenticate(Command):
    """AUTHENTICATE (RFC 9051 6.2.2); the initial response is decoded, empty for ``=``, None when there is none."""

    verb: ClassVar[str] = "AUTHENTICATE"
    mechanism: str
    initial_response: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Login(Command):
    """LOGIN (RFC 9051 6.2.3)."""

    verb: ClassVar[str] = "LOGIN"
    username: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Id(Command):
    """ID (RFC 2971): the client's fields, or None for NIL."""

    verb: ClassVar[str] = "ID"
    fields: tuple[tuple[str, str | None], ...] | None


@dataclass(frozen=True, slots=True)
class Enable(Command):
    """ENABLE (RFC 9051 6.3.1): capability names in capitals."""

    verb: ClassVar[str] = "ENABLE"
    capabilities: tuple[str, ...]


_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]+={0,2}")


# authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp] *(CRLF base64)
def authenticate(cursor: Cursor) -> Authenticate:
    cursor.space()
    mechanism = cursor.atom("an authentication mechanism").upper()
    return Authenticate(mechanism, _initial_response(cursor) if cursor.skip(b" ") else None)


# initial-resp = (base64 / "=")
def _initial_response(cursor: Cursor) -> bytes:
    if cursor.skip(b"="):
        return b""
    if (encoded := cursor.match(_BASE64)) is None:
        raise cursor.expected("an initial response in base64")
    return decode_base64(encoded)


def decode_base64(encoded: bytes) -> bytes:
    """A SASL response line. Raises BadCommand when it is no base64 (RFC 9051 section 6.2.2)."""
    try:
        return binascii.a2b_base64(encoded, strict_mode=True)
    except binascii.Error:
        # the cause would repeat a piece of what may be a secret
        raise BadCommand("Expected base64") from None


# login = "LOGIN" SP userid SP password
# userid = astring
# password = astring
def login(cursor: Cursor) -> Login:
    cursor.space()
    username = cursor.text_astring("a user name")
    cursor.space()
    return Login(username, cursor.text_astring("a password"))


# enable = "ENABLE" 1*(SP capability)
def enable(cursor: Cursor) -> Enable:
    capabilities: list[str] = []
    while not capabilities or cursor.ahead():
        cursor.space()
        capabilities.append(cursor.atom("a capability").upper())
        if len(capabilities) > MAX_OPTIONS:
            raise BadCommand("More than {most} capabilities", most=MAX_OPTIONS)
    return Enable(tuple(capabilities))


# id = "ID" SPACE id_params_list
# id_params_list = "(" #(string SPACE nstring) ")" / nil
def identify(cursor: Cursor) -> Id:
    cursor.space()
    if not cursor.skip(b"("):
        if cursor.nstring('"(" or NIL') is not None:
            raise cursor.expected('"(" or NIL')
        return Id(None)
    if cursor.skip(b")"):
        return Id(())
    return Id(tuple(cursor.items(_id_field, limit=MAX_ID_FIELDS, what="fields in ID")))


def _id_field(cursor: Cursor) -> tuple[str, str | None]:
    name = cursor.decode(cursor.string("the name of a field"), "the name of a field")
    cursor.space()
    value = cursor.nstring("the value of a field")
    if len(name) > MAX_ID_NAME or (value is not None and len(value) > MAX_ID_VALUE):
        raise BadCommand(
            "A field of ID has a name of {name} octets and a value of {value} at most",
            name=MAX_ID_NAME,
            value=MAX_ID_VALUE,
        )
    return name, None if value is None else cursor.decode(value, "the value of a field")
