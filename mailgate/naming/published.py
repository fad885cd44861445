"""What the world sees of the records that a domain should have."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import msgspec

from mailgate.naming.records import Record, Topic
from smtp.resolver import InvalidName, Resolver, Unanswered

_STRICT: Final = frozenset({"quarantine", "reject"})


class State(StrEnum):
    """How what is published compares with what should be."""

    OK = "ok"
    MISSING = "missing"
    DIFFERENT = "different"
    UNKNOWN = "unknown"
    """No name server answered."""


class Seen(msgspec.Struct, frozen=True):
    """A record, and what is published in its place."""

    record: Record
    state: State
    found: list[str]


async def look(resolver: Resolver, wanted: Iterable[Record]) -> list[Seen]:
    """Compare, all at once."""
    return await asyncio.gather(*(_look(resolver, one) for one in wanted))


async def _look(resolver: Resolver, record: Record) -> Seen:
    try:
        if record.type == "CNAME":
            return await _same_host(resolver, record)
        found = await resolver.lookup(record.name, record.type)
    except (Unanswered, InvalidName) as error:
        return Seen(record, State.UNKNOWN, [str(error)])
    if record.type == "TXT":
        texts = [text.decode(errors="replace") for text in found.texts()]
        return _compared_texts(record, [text for text in texts if _version(text) == _version(record.value)])
    shown = [one.to_text() for one in found.records]
    if not shown:
        return Seen(record, State.MISSING, [])
    return Seen(record, State.OK if any(_same(record, one) for one in found.records) else State.DIFFERENT, shown)


async def _same_host(resolver: Resolver, record: Record) -> Seen:
    """A name that leads to the host, by whatever records."""
    target = record.value.rstrip(".")
    pairs = [await asyncio.gather(*(resolver.lookup(name, kind) for name in (record.name, target))) for kind in _HOSTS]
    found = {one.to_text() for ours, _ in pairs for one in ours.records}
    wanted = {one.to_text() for _, theirs in pairs for one in theirs.records}
    if not found:
        return Seen(record, State.MISSING, [])
    return Seen(record, State.OK if found & wanted else State.DIFFERENT, sorted(found))


_HOSTS: Final = ("A", "AAAA")


def _same(record: Record, found: dns.rdata.Rdata) -> bool:
    """The order of exchangers and the weights of services are the domain's own affair."""
    rdtype = dns.rdatatype.from_text(record.type)
    wanted = dns.rdata.from_text(dns.rdataclass.IN, rdtype, record.value)
    telling = {"MX": ("exchange",), "SRV": ("target", "port"), "TLSA": ("usage", "selector", "mtype", "cert")}
    return all(getattr(found, field) == getattr(wanted, field) for field in telling[record.type])


def _compared_texts(record: Record, found: list[str]) -> Seen:
    if not found:
        return Seen(record, State.MISSING, [])
    if len(found) > 1 and record.topic is not Topic.DKIM:  # two policies are none (RFC 7208 4.5, RFC 7489 6.6.3)
        return Seen(record, State.DIFFERENT, found)
    agrees = any(_agrees(record, text) for text in found)
    return Seen(record, State.OK if agrees else State.DIFFERENT, found)


def _agrees(record: Record, text: str) -> bool:
    match record.topic:
        case Topic.SPF:
            *wanted, _ = record.value.split()
            *found, last = text.lower().split()
            return set(wanted) <= set(found) and last in {"-all", "~all"}
        case Topic.DMARC:
            return _tags(text).get("p") in _STRICT
        case Topic.DKIM:
            return _tags(text).get("p") == _tags(record.value)["p"]
        case Topic.TLSRPT:
            return "rua" in _tags(text)
        case _:
            return _tags(text) == _tags(record.value)


def _version(text: str) -> str:
    """``v=spf1`` and the like; a key may do without (RFC 6376 section 3.6.1)."""
    first = text.replace(";", " ").split(maxsplit=1)[0].lower() if text.strip(" ;") else ""
    return first if first.startswith("v=") else "v=dkim1"


def _tags(text: str) -> dict[str, str]:
    """``name=value`` pairs between semicolons."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): "".join(value.split()) for name, _, value in pairs if name.strip()}
