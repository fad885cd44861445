"""Tag=value lists of signatures and keys (RFC 6376 section 3.2)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

_NAME: Final = re.compile(rb"[A-Za-z][A-Za-z0-9_]*")
_VALUE: Final = re.compile(rb"[\x21-\x3a\x3c-\x7e\x80-\xff \t\r\n]*")
_WHITE: Final = b" \t\r\n"
_NOTHING: Final = bytes.maketrans(b"", b"")


def parse_tags(text: bytes) -> dict[bytes, bytes]:
    """The values by their names, without the white space around them. Raises ValueError."""
    found: dict[bytes, bytes] = {}
    specs = text.split(b";")
    if not specs[-1].strip(_WHITE):
        specs.pop()  # after the last one a semicolon may stand
    for spec in specs:
        name, equals, value = (part.strip(_WHITE) for part in spec.partition(b"="))
        if not equals or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError("not a list of tags")
        if name in found:
            raise ValueError(f"the tag {name.decode()} stands twice")
        found[name] = value
    return found


def without_signature(text: bytes) -> bytes:
    """A signature's list as it is hashed: the value of b= and the white space around it are taken out (section 3.7)."""
    specs = text.split(b";")
    for at, spec in enumerate(specs):
        name, equals, _ = spec.partition(b"=")
        if equals and name.strip(_WHITE) == b"b":
            specs[at] = name + equals
    return b";".join(specs)


def without_white(value: bytes) -> bytes:
    """A value in which white space means nothing."""
    return value.translate(_NOTHING, _WHITE)


def parse_base64(value: bytes) -> bytes:
    """base64string. Raises ValueError, also for no octet at all."""
    try:
        found = base64.b64decode(without_white(value), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if not found:
        raise ValueError("no octets")
    return found


def parse_list(value: bytes) -> list[bytes]:
    """What stands between colons, with no white space around it."""
    return [one.strip(_WHITE) for one in value.split(b":")]
