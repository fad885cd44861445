"""Keys of DKIM from the first day to the last: made, published, signing, retired, removed.

A key signs once its record was seen in the DNS. The one whose place it takes is kept, and stays published, for some
days: until what it signed has arrived everywhere.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from certs import dkim
from certs.dkim import Kind
from mailgate.signing.schema import dkim_key

KEPT_DAYS: Final = 7
"""Days that a retired key stays published: longer than mail waits in a queue."""
DAY: Final = 86_400

_k = dkim_key.c


class DkimKeyError(ValueError):
    """What cannot be done with the keys of a domain: why."""


class State(StrEnum):
    """Where a key stands."""

    MADE = "made"
    """Its record is to be published."""
    PUBLISHED = "published"
    """Its record was seen; it does not sign yet."""
    SIGNING = "signing"
    RETIRED = "retired"
    """Another one signs; its record stays."""


class Key(msgspec.Struct, frozen=True):
    """A key without what is secret of it; times are seconds since the epoch, UTC, 0: not yet."""

    domain: str
    selector: str
    kind: Kind
    record: str
    """The text to publish."""
    made_at: int
    seen_at: int
    signs_at: int
    retired_at: int

    @property
    def name(self) -> str:
        """Where its record is published."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def state(self) -> State:
        """Where it stands."""
        if self.retired_at:
            return State.RETIRED
        if self.signs_at:
            return State.SIGNING
        return State.PUBLISHED if self.seen_at else State.MADE


class Turn(msgspec.Struct, frozen=True):
    """What one step of a rotation did."""

    made: Sequence[Key] = ()
    begun: Sequence[Key] = ()
    retired: Sequence[Key] = ()
    removed: Sequence[Key] = ()
    until: int = 0
    """When the next step may be made: until then retired keys stay published; 0: at any time."""


def keys(connection: Connection, domain: str | None = None, *, lock: bool = False) -> list[Key]:
    """Those of a domain, or of all, the oldest first."""
    query = select(dkim_key).order_by(_k.domain, _k.made_at, _k.kind, _k.selector)
    if domain is not None:
        query = query.where(_k.domain == domain)
    rows = connection.execute(query.with_for_update() if lock else query)
    return [
        Key(
            row.domain, row.selector, Kind(row.kind), dkim.record(dkim.from_octets(row.private)), row.made_at,
            row.seen_at, row.signs_at, row.retired_at,
        )
        for row in rows
    ]  # fmt: skip


def make(connection: Connection, domain: str, kinds: Collection[Kind]) -> list[Key]:
    """New keys, which do not sign yet. Raises DkimKeyError where one of the kind waits already."""
    waiting = {one.kind: one for one in keys(connection, domain, lock=True) if not one.signs_at}
    for kind in kinds:
        if kind in waiting:
            raise DkimKeyError(f"a new key of kind {kind} is there already: publish {waiting[kind].name}")
    now = int(time.time())
    day = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d")
    rows = [
        {
            # Never one that was used before: others may remember it.
            "domain": domain, "selector": f"{kind[0]}{day}{secrets.token_hex(2)}", "kind": kind.value,
            "private": dkim.to_octets(dkim.generate(kind)), "made_at": now, "seen_at": 0, "signs_at": 0,
            "retired_at": 0,
        }
        for kind in sorted(set(kinds))
    ]  # fmt: skip
    connection.execute(insert(dkim_key), rows)
    fresh = {row["selector"] for row in rows}
    return [one for one in keys(connection, domain) if one.selector in fresh]


def see(connection: Connection, seen: Collection[Key]) -> None:
    """Note that the records of these were in the DNS just now."""
    if seen:
        connection.execute(update(dkim_key).where(_among(seen)).values(seen_at=int(time.time())))


def rotate(
    connection: Connection, domain: str, seen: Collection[str], *, force: bool = False, kept_days: int = KEPT_DAYS
) -> Turn:
    """Make the next step for a domain: new keys are made, or begin to sign; retired ones are removed after their days.

    `seen`: the selectors whose records are in the DNS now. Raises DkimKeyError for new keys that are not there, unless
    `force`, and for a domain without keys.
    """
    now = int(time.time())
    there = keys(connection, domain, lock=True)
    if not there:
        raise DkimKeyError(f"{domain} has no keys: `mailgate dkim create {domain}` makes them")
    ended = [one for one in there if one.retired_at and one.retired_at + kept_days * DAY <= now]
    _delete(connection, ended)
    waiting = [one for one in there if not one.signs_at]
    signing = [one for one in there if one.state is State.SIGNING]
    retired = [one for one in there if one.retired_at and one not in ended]
    if waiting:
        missing = [one.name for one in waiting if one.selector not in seen]
        if missing and not force:
            raise DkimKeyError(f"not in the DNS as it should be: {', '.join(missing)}; nothing was changed")
        kinds = {one.kind for one in waiting}
        replaced = [one for one in signing if one.kind in kinds]
        connection.execute(update(dkim_key).where(_among(waiting)).values(signs_at=now))
        _retire(connection, replaced, now)
        return Turn(begun=waiting, retired=replaced, removed=ended)
    if ended:
        return Turn(removed=ended)
    if retired:
        return Turn(until=max(one.retired_at for one in retired) + kept_days * DAY)
    return Turn(made=make(connection, domain, {one.kind for one in signing}))


def remove(connection: Connection, domain: str, selector: str, *, force: bool = False) -> Key:
    """Forget a key for ever. Raises DkimKeyError, for one that signs unless `force`."""
    found = next((one for one in keys(connection, domain, lock=True) if one.selector == selector), None)
    if found is None:
        raise DkimKeyError(f"{domain} has no key {selector}")
    if found.state is State.SIGNING and not force:
        raise DkimKeyError(f"{selector} signs: `mailgate dkim rotate {domain}` has another one take its place")
    _delete(connection, [found])
    return found


def _retire(connection: Connection, found: Collection[Key], now: int) -> None:
    if found:
        connection.execute(update(dkim_key).where(_among(found)).values(retired_at=now))


def _delete(connection: Connection, found: Collection[Key]) -> None:
    if found:
        connection.execute(delete(dkim_key).where(_among(found)))


def _among(found: Collection[Key]) -> Any:  # noqa: ANN401 - an SQL condition
    return or_(*(and_(_k.domain == one.domain, _k.selector == one.selector) for one in found))
