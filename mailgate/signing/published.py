"""Whether the world sees the records of our keys."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum

from mailgate.signing.keys import Key
from smtp.authentication.tags import parse_tags, without_white
from smtp.resolver import InvalidName, Resolver, Unanswered


class Seen(StrEnum):
    """What the name servers say of a key."""

    PUBLISHED = "published"
    MISSING = "missing"
    DIFFERENT = "different"
    """There is a record, and it is not the one of the key."""
    UNKNOWN = "unknown"
    """No name server answers."""


async def look(resolver: Resolver, keys: Sequence[Key]) -> list[Seen]:
    """What is seen of each key."""
    return list(await asyncio.gather(*(_look(resolver, one) for one in keys)))


async def _look(resolver: Resolver, key: Key) -> Seen:
    try:
        texts = (await resolver.lookup(key.name, "TXT")).texts()
    except Unanswered:
        return Seen.UNKNOWN
    except InvalidName:
        return Seen.MISSING
    if not texts:
        return Seen.MISSING
    # A verifier may take any of several records: one that is wrong is one too many.
    return Seen.PUBLISHED if all(_same(text, key.record.encode()) for text in texts) else Seen.DIFFERENT


def _same(text: bytes, record: bytes) -> bool:
    """Whether a record says what it should, however it is spaced."""
    try:
        found, wanted = parse_tags(text), parse_tags(record)
    except ValueError:
        return False
    p = without_white(found.pop(b"p", b""))
    return p == wanted.pop(b"p") and found.items() >= {(b"k", wanted[b"k"])} and found.get(b"v", b"DKIM1") == b"DKIM1"
