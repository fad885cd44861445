"""What a source said last, record by record: replaced by a complete read, changed by a delta, read back to be combined.

Only what differs is written. Memory stays that of one batch, and of one number for each record of a complete read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import Column, Connection, Row, bindparam, delete, func, select, text

from directory.bulk import among, listed, upsert_rows
from directory.held_forms import KINDS, PEOPLE, Item
from directory.holding_schema import held_record

T = TypeVar("T")
Key: TypeAlias = tuple[int, str]
"""Kind and id of a record."""
BATCH: Final = 1_000


@dataclass(slots=True)
class Change:
    """How a holding changed, in records. `repeated` are people who came once more: the last was taken."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    same: int = 0
    repeated: int = 0

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


class Holding:
    """The records of one source. Whoever changes it holds the lock of the directory (`sql.lock`)."""

    def __init__(self, connection: Connection, source_id: int) -> None:
        self._connection = connection
        self._source_id = source_id
        self._of_source = held_record.c.source_id == source_id
        self._among = among(connection, held_record.c.id, "ids")

    def replace(self, items: Iterable[Item]) -> Change:
        """Hold these records and no others."""
        change = Change()
        people = 0
        seen: list[int] = []
        first = self.count() == 0
        for batch in batches(items, BATCH):
            found = {(item.kind, item.id): item for item in batch}
            seen += map(_number, found)
            people += sum(item.kind in PEOPLE for item in batch)
            self._put(found, change, nothing_held=first)
        seen = [number for number, _ in groupby(sorted(seen))]
        change.repeated = people - sum(number & _PERSON for number in seen)
        if first:
            change.added = len(seen)
        change.removed = self._remove_others(seen)
        if change.added + change.removed > BATCH and self._connection.dialect.name == "postgresql":
            # Without statistics PostgreSQL takes the holding for a few rows, and reads all of it for each batch.
            self._connection.execute(text(f"ANALYZE {held_record.name}"))
        return change

    def put(self, items: Iterable[Item]) -> Change:
        """Insert these records, or replace those that are there."""
        change = Change()
        for batch in batches(items, BATCH):
            self._put({(item.kind, item.id): item for item in batch}, change)
        return change

    def remove(self, wanted: Iterable[Key]) -> int:
        """Remove records; how many there were."""
        removed = 0
        gone = delete(held_record).where(self._of_source, held_record.c.kind == bindparam("of_kind"), self._among)
        for kind, ids in _by_kind(wanted):
            for batch in batches(ids, BATCH):
                given = {"of_kind": kind, "ids": listed(self._connection, batch)}
                removed += self._connection.execute(gone, given).rowcount
        return removed

    def bodies(self, wanted: Iterable[Key]) -> dict[Key, Item]:
        """Those of these records that are held."""
        rows = self._looked_up("body", wanted)
        return {key: Item(*key, body) for key, body in rows}

    def items(self, kinds: Iterable[int] = KINDS) -> Iterator[Item]:
        """Every record of these kinds, kind by kind; the connection is free between two."""
        for kind, row in self._pages(kinds, held_record.c.id, held_record.c.body):
            yield Item(kind, row.id, row.body)

    def keys(self, kinds: Iterable[int] = KINDS) -> Iterator[Key]:
        """The same without what they say."""
        for kind, row in self._pages(kinds, held_record.c.id):
            yield kind, row.id

    def count(self) -> int:
        """How many records there are."""
        return self._connection.scalar(select(func.count()).select_from(held_record).where(self._of_source)) or 0

    def _put(self, found: Mapping[Key, Item], change: Change, *, nothing_held: bool = False) -> None:
        before = {} if nothing_held else dict(self._looked_up("digest", found))
        rows = []
        for key, item in found.items():
            digest = item.digest
            if before.get(key) == digest:
                change.same += 1
                continue
            if key in before:
                change.changed += 1
            else:
                change.added += 1
            rows.append(
                {"source_id": self._source_id, "kind": item.kind, "id": item.id, "digest": digest, "body": item.body}
            )
        if rows:
            upsert_rows(self._connection, held_record, rows)

    def _looked_up(self, column: str, wanted: Iterable[Key]) -> Iterator[tuple[Key, Any]]:
        rows = select(held_record.c.id, held_record.c[column]).where(
            self._of_source, held_record.c.kind == bindparam("of_kind"), self._among
        )
        for kind, ids in _by_kind(wanted):
            given = {"of_kind": kind, "ids": listed(self._connection, ids)}
            for identifier, value in self._connection.execute(rows, given):
                yield (kind, identifier), value

    def _remove_others(self, seen: list[int]) -> int:
        """Remove the records whose number is not among `seen`, which are sorted and distinct."""
        if len(seen) == self.count():
            return 0

        def kept(key: Key) -> bool:
            number = _number(key)
            place = bisect_left(seen, number)
            return place < len(seen) and seen[place] == number

        removed = 0
        for batch in batches(self.keys(), BATCH):
            removed += self.remove([key for key in batch if not kept(key)])
        return removed

    def _pages(self, kinds: Iterable[int], *columns: Column[Any]) -> Iterator[tuple[int, Row[Any]]]:
        """Rows with their kind, the id first, in the order of kinds and ids, a batch at a time."""
        for kind in kinds:
            page = (
                select(*columns)
                .where(self._of_source, held_record.c.kind == kind, held_record.c.id > bindparam("after"))
                .order_by(held_record.c.id)
                .limit(BATCH)
            )
            last = ""
            while rows := self._connection.execute(page, {"after": last}).all():
                for row in rows:
                    yield kind, row
                last = rows[-1].id


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`, in order."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


def _by_kind(wanted: Iterable[Key]) -> Iterable[tuple[int, list[str]]]:
    found: dict[int, list[str]] = {}
    for kind, identifier in wanted:
        found.setdefault(kind, []).append(identifier)
    return found.items()


_PERSON: Final = 1


def _number(key: Key) -> int:
    """A number for a record, the same within this process; the last bit tells whether it is a person."""
    return hash(key) | _PERSON if key[0] in PEOPLE else hash(key) & ~_PERSON
