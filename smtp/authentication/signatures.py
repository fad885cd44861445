"""A signature as it stands in a message: DKIM-Signature, and the fields of ARC like it (RFC 6376 section 3.5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from smtp.authentication.canonical import canonical, select
from smtp.authentication.public_keys import NoKey, PublicKey
from smtp.authentication.tags import parse_base64, parse_list, parse_tags, without_signature
from smtp.header import Field

ALGORITHMS: Final = {b"rsa-sha256": "rsa", b"ed25519-sha256": "ed25519"}
"""And the kind of key that each needs."""
LONGEST: Final = 16 * 1024
"""Octets of a signature field that is read."""

_DOMAIN: Final = re.compile(
    rb"(?=.{3,255}\Z)[A-Za-z0-9_\x80-\xff](?:[A-Za-z0-9_\x80-\xff-]*)(?:\.[A-Za-z0-9_\x80-\xff-]+)+"
)
_SELECTOR: Final = re.compile(rb"(?=.{1,255}\Z)[A-Za-z0-9_\x80-\xff-]+(?:\.[A-Za-z0-9_\x80-\xff-]+)*")
_NUMBER: Final = re.compile(rb"[0-9]{1,12}")
_LENGTH: Final = re.compile(rb"[0-9]{1,76}")


class Malformed(ValueError):
    """The field is no signature that could be verified; why."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a field says, before anything was verified."""

    field: Field
    tags: dict[bytes, bytes]
    algorithm: str
    domain: str
    selector: str
    value: bytes
    """The signature itself."""
    timestamp: int | None

    def hashed(self, *, relaxed: bool) -> bytes:
        """The field itself, as it is hashed (RFC 6376 section 3.7)."""
        bare = without_signature(self.field.value)
        whole = self.field.whole[: -len(self.field.value) - 2] + bare + b"\r\n"
        return canonical(Field(self.field.name, bare, whole), relaxed=relaxed).removesuffix(b"\r\n")

    def made_by(self, key: PublicKey, data: bytes) -> bool:
        """Whether the key signed this. Raises NoKey for one of another kind than the signature."""
        if key.kind != ALGORITHMS[self.algorithm.encode()]:
            raise NoKey("the key is of another kind than the signature")
        return key.signed(data, self.value)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a signature says it covers of a message."""

    relaxed_header: bool
    relaxed_body: bool
    names: tuple[bytes, ...]
    body_hash: bytes
    length: int | None
    """Octets of the canonicalized body that it covers; None: all."""


def read_signature(field: Field, *, required: frozenset[bytes]) -> Signature:
    """What every signature has. Raises Malformed."""
    if len(field.whole) > LONGEST:
        raise Malformed("it is too long")
    try:
        tags = parse_tags(field.value)
    except ValueError as error:
        raise Malformed(str(error)) from None
    if missing := sorted(required - tags.keys()):
        raise Malformed(f"it has no {missing[0].decode()}=")
    if tags[b"a"] not in ALGORITHMS:
        raise Malformed("its algorithm is not taken")
    if not _DOMAIN.fullmatch(tags[b"d"]):
        raise Malformed("its domain is none")
    if not _SELECTOR.fullmatch(tags[b"s"]):
        raise Malformed("its selector is none")
    return Signature(
        field, tags, tags[b"a"].decode(), _name(tags[b"d"]), _name(tags[b"s"]), octets(tags, b"b"), number(tags, b"t")
    )


def read_coverage(tags: dict[bytes, bytes]) -> Coverage:
    """c=, h=, bh= and l=. Raises Malformed."""
    header, slash, body = tags.get(b"c", b"simple").partition(b"/")
    body = body if slash else b"simple"
    if not {header, body} <= {b"simple", b"relaxed"}:
        raise Malformed("its canonicalization is unknown")
    names = tuple(name.lower() for name in parse_list(tags[b"h"]))
    length = tags.get(b"l")
    if length is not None and not _LENGTH.fullmatch(length):
        raise Malformed("its length is no number")
    return Coverage(
        header == b"relaxed", body == b"relaxed", names, octets(tags, b"bh"), None if length is None else int(length)
    )


def signed_data(signature: Signature, coverage: Coverage, header: Sequence[Field]) -> bytes:
    """What the signature is of: the fields that it names, and itself."""
    relaxed = coverage.relaxed_header
    others = [one for one in header if one is not signature.field]
    covered = b"".join(canonical(one, relaxed=relaxed) for one in select(others, coverage.names))
    return covered + signature.hashed(relaxed=relaxed)


def octets(tags: dict[bytes, bytes], name: bytes) -> bytes:
    """A value of base64. Raises Malformed."""
    try:
        return parse_base64(tags[name])
    except ValueError:
        raise Malformed(f"its {name.decode()}= is not base64") from None


def number(tags: dict[bytes, bytes], name: bytes) -> int | None:
    """A value that is a number of at most 12 digits. Raises Malformed."""
    if name not in tags:
        return None
    if not _NUMBER.fullmatch(tags[name]):
        raise Malformed(f"its {name.decode()}= is no number")
    return int(tags[name])


def _name(value: bytes) -> str:
    try:
        return value.decode().lower()
    except UnicodeDecodeError:
        raise Malformed("its names are not UTF-8") from None
