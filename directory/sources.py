"""Sources and what they said last: read again, changed by a delta, given to an import, forgotten."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from directory import holding_schema as schema
from directory.aaf_delta import apply_delta, complete_items
from directory.held_forms import REJECTED, VERSION, Item, record_item, records_of
from directory.holding import Change, Holding, Key
from directory.model import DirectoryError, Record, Rejected
from directory.readers.aaf_requests import Request
from directory.schema import new_id
from directory.source import Feed, Format, Source

COMPLETE: Final = "complete"
DELTA: Final = "delta"
CHANGES: Final = "changes"
NOW: Final = 0
"""The year of what the directory is made of: other years are prepared, or over."""


@dataclass(frozen=True, slots=True)
class CompleteSet:
    """All that a source says on a day (yyyymmdd, or empty): as records, or for AAF as requests."""

    day: str
    records: Iterable[Record] = ()
    requests: Iterable[Request] | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """What an AAF source changes on a day (yyyymmdd, or empty)."""

    day: str
    requests: Iterable[Request]


@dataclass(frozen=True, slots=True)
class Changes:
    """Records that a source has now, beside others that are held of it. Those that are `gone` it has no longer, unless
    they are among `records`, nor others of the kinds that are `whole`, nor others that were rejected of who was `told`.
    """

    records: Sequence[Record]
    gone: frozenset[Key] = frozenset()
    whole: frozenset[int] = frozenset()
    told: frozenset[str] = frozenset()


Step: TypeAlias = CompleteSet | Delta | Changes


@dataclass(frozen=True, slots=True)
class Reading:
    """What there is to read of a source, in order. `fingerprint` stands for its bytes, or is empty; `year` is the
    school year that it is held for, beside what the directory is made of, or `NOW`.
    """

    source: Source
    steps: Sequence[Step]
    fingerprint: str = ""
    year: int = NOW


@dataclass(slots=True)
class Taken:
    """What was read of a source. `read` is empty when its files are those that were read last."""

    source: Source
    read: list[str] = field(default_factory=list)
    """For each step `complete`, `delta` or `changes`, with its day."""
    passed_over: list[str] = field(default_factory=list)
    change: Change = field(default_factory=Change)
    unknown: list[Request] = field(default_factory=list)
    """Modifications of records that are not held."""
    records: int = 0
    year: int = NOW

    def add(self, change: Change) -> None:
        """Count what one step changed."""
        for name in ("added", "changed", "removed", "same", "repeated"):
            setattr(self.change, name, getattr(self.change, name) + getattr(change, name))


class Held(NamedTuple):
    """A source that was read: what it is, how much is held, of what day, and what was read last and when."""

    source: Source
    records: int
    day: str
    how: str
    read_at: int


def held_sources(connection: Connection, academy: str, year: int = NOW) -> list[Held]:
    """Every source that was read, by name."""
    rows = connection.execute(_held(academy, year))
    return [Held(_source(row), row.records, row.day, row.how, row.read_at) for row in rows]


def _held(academy: str, year: int) -> Select[Any]:
    held = (schema.source.c.academy == academy, schema.source.c.year == year)
    return select(schema.source).where(*held).order_by(schema.source.c.name)


def feeds(connection: Connection, academy: str) -> list[Feed]:
    """Each source that the directory is made of with all that is held of it, as an import takes them."""
    rows = connection.execute(_held(academy, NOW)).all()
    return [(_source(row), _records(Holding(connection, row.source_id), row.name)) for row in rows]


def forget(connection: Connection, academy: str, name: str, year: int = NOW) -> int:
    """Hold nothing of a source any more; how many records were held. One that is followed is compared whole next.

    Raises:
        DirectoryError: there is no such source.
    """
    row = _find(connection, academy, name, year)
    if row is None:
        raise DirectoryError(name, None, "nothing is held of a source of this name")
    connection.execute(delete(schema.held_record).where(schema.held_record.c.source_id == row.source_id))
    connection.execute(delete(schema.source).where(schema.source.c.source_id == row.source_id))
    if year == NOW:
        of_name = (schema.followed.c.academy == academy, schema.followed.c.name == name)
        connection.execute(update(schema.followed).where(*of_name).values(position=None))
    return int(row.records)


def take_in(
    connection: Connection, academy: str, reading: Reading, now: datetime.datetime, *, force: bool = False
) -> Taken:
    """Hold what a source says now. The transaction is the caller's, and so is the lock (`sql.lock`).

    Steps older than what is held are passed over when there are others; `force` takes a complete set of any age, with
    what follows it, and reads files that were read already.

    Raises:
        DirectoryError: broken or hostile files, a delta without or before a complete set, only what is out of date, or
            a source of another format or school than the one of this name.
    """
    row = _find(connection, academy, reading.source.name, reading.year)
    taken = Taken(reading.source, year=reading.year)
    if row is not None:
        _check_same(row, reading.source)
        taken.records = row.records
        if reading.fingerprint and row.fingerprint == _fingerprint(reading) and not force:
            return taken
    source_id = row.source_id if row is not None else _insert(connection, academy, reading)
    anew = row is None or (force and isinstance(reading.steps[0], CompleteSet))
    holding = Holding(connection, source_id)
    day, how = _follow(holding, reading, taken, since="" if row is None or anew else row.day, begun=row is not None)
    taken.records = holding.count()
    said = {
        "academic": reading.source.academic,
        "day": day,
        "read_at": int(now.timestamp()),
        "how": how,
        "records": taken.records,
        "fingerprint": _fingerprint(reading),
    }
    connection.execute(update(schema.source).where(schema.source.c.source_id == source_id).values(said))
    return taken


def _follow(holding: Holding, reading: Reading, taken: Taken, *, since: str, begun: bool) -> tuple[str, str]:
    """Take the steps that are not older than `since`; the day and kind of the last of them."""
    how = ""
    for step in reading.steps:
        if isinstance(step, Changes):
            how = CHANGES
            taken.add(_apply(holding, step))
            taken.read.append(how)
            continue
        if step.day and step.day < since:
            taken.passed_over.append(step.day)
            continue
        if isinstance(step, CompleteSet):
            change, how = holding.replace(_items(step)), COMPLETE
        elif begun:
            change, unknown = apply_delta(holding, step.requests)
            taken.unknown += unknown
            how = DELTA
        else:
            text = "this is a delta, and nothing is held that it could change: import a complete set first"
            raise DirectoryError(reading.source.name, None, text)
        begun = True
        taken.add(change)
        taken.read.append(f"{how} {step.day}".strip())
        since = step.day or since
    if not how:
        passed = ", ".join(taken.passed_over)
        text = f"what is held is of {since}, newer than what is given ({passed}); give the newest delivery"
        raise DirectoryError(reading.source.name, None, text)
    return since, how


def _apply(holding: Holding, step: Changes) -> Change:
    items = list(map(record_item, step.records))
    rejected = (
        (item.kind, item.id)
        for item in holding.items((REJECTED,))
        for record in records_of(item, "")
        if isinstance(record, Rejected) and record.id in step.told
    )
    gone = {*step.gone, *holding.keys(step.whole), *rejected} - {(item.kind, item.id) for item in items}
    change = holding.put(items)
    change.removed += holding.remove(gone)
    return change


def _items(step: CompleteSet) -> Iterator[Item]:
    if step.requests is not None:
        return complete_items(step.requests)
    return map(record_item, step.records)


def _records(holding: Holding, name: str) -> Iterator[Record]:
    for item in holding.items():
        yield from records_of(item, name)


def _fingerprint(reading: Reading) -> str:
    if not reading.fingerprint:
        return ""
    whole = f"{VERSION} {reading.source!r} {reading.fingerprint}"
    return hashlib.blake2b(whole.encode(), digest_size=16).hexdigest()


def _find(connection: Connection, academy: str, name: str, year: int) -> Row[Any] | None:
    return connection.execute(_held(academy, year).where(schema.source.c.name == name)).first()


def _insert(connection: Connection, academy: str, reading: Reading) -> int:
    source, source_id = reading.source, new_id()
    said = {"academy": academy, "name": source.name, "format": source.format, "school": source.school}
    empty = {"academic": source.academic, "day": "", "read_at": 0, "how": "", "records": 0, "fingerprint": ""}
    connection.execute(insert(schema.source).values(source_id=source_id, year=reading.year, **said, **empty))
    return source_id


def _source(row: Row[Any]) -> Source:
    return Source(row.name, Format(row.format), row.school, row.academic)


def _check_same(row: Row[Any], source: Source) -> None:
    """A source keeps its format and school: what is held of it would be taken for something else."""
    if (row.format, row.school) != (source.format, source.school):
        before = f"{row.format}{f' of {row.school}' if row.school else ''}"
        text = (
            f"a source of this name was {before} until now; give this one another name, and forget that one afterwards"
        )
        raise DirectoryError(source.name, None, text)
