"""A source on an LDAP server, followed: what to take in of it after a look at what changed there.

SDET is taken in entry by entry, as long as that gives what reading all would give; otherwise, and for LCS and Scribe,
whose records are made of several entries and whose trees are those of one school, everything is read.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Final

from directory.held_forms import PEOPLE, Item, record_item
from directory.holding import Key, batches
from directory.model import Record
from directory.opening import read_server, server_settings
from directory.readers.ldap_changes import Look, Position, PositionLostError, Watch, begin, look
from directory.readers.ldap_entry import Entry
from directory.readers.ldap_server import LdapTree, opened
from directory.readers.ldap_tree import LdapSettings
from directory.readers.sdet_entries import PERSON_ATTRIBUTES, STRUCTURE_ATTRIBUTES, SdetTree
from directory.readers.sdet_ldap import SdetSettings
from directory.source import Source
from directory.sources import Changes, CompleteSet, Step

FEW: Final = 500
"""Entries that are read one by one; more are read with all the others."""
_BATCH: Final = 500

Held = Callable[[Sequence[Key]], frozenset[Key]]
"""Tells which of these records are held already."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What changed: `step` is what to take in, None when nothing did."""

    position: Position
    step: Step | None
    complete: bool = False
    why: str = ""
    """Why everything was read."""


def glance(source: Source, server: Mapping[str, Any], kept: bytes) -> Position | None:
    """Whether there is anything to take in: the position to go on from when there is not, else None.

    Raises:
        DirectoryError: the server cannot be asked.
    """
    settings, watches = _watched(source, server)
    with opened(settings) as tree:
        try:
            found = look(tree, watches, Position.decode(kept))
        except PositionLostError:
            return None
    return None if found else found.position


@contextmanager
def follow(source: Source, server: Mapping[str, Any], kept: bytes | None, held: Held) -> Iterator[Followed]:
    """What to take in of a source since the position that was `kept`; everything when there is none.

    All of it has come from the server when this is entered; it is there until the end of the block.

    Raises:
        DirectoryError: the server did not give everything.
    """
    settings, watches = _watched(source, server)
    why = "a complete comparison"
    if kept is not None:
        try:
            found = _since(settings, watches, Position.decode(kept), held)
        except PositionLostError as error:
            why = str(error)
        else:
            if found is not None:
                yield found
                return
            why = "what changed concerns other entries too, or entries are gone"
    with opened(settings) as tree:
        position = begin(tree, watches)
    with tempfile.TemporaryFile() as spool:
        whole = CompleteSet("", _spooled(spool, read_server(source, server)))
        yield Followed(position, whole, complete=True, why=why)


def _since(settings: LdapSettings, watches: Sequence[Watch], position: Position, held: Held) -> Followed | None:
    """What changed, or None when everything is to be read. Raises PositionLostError, DirectoryError."""
    with opened(settings) as tree:
        found = look(tree, watches, position)
        if not found:
            return Followed(found.position, None)
        records = _some(tree, settings, found, held) if isinstance(settings, SdetSettings) else None
        return None if records is None else Followed(found.position, Changes(records))


def _watched(source: Source, server: Mapping[str, Any]) -> tuple[LdapSettings, tuple[Watch, ...]]:
    """Where the server is, and the branches to look at: for SDET structures first, since people name them."""
    settings = server_settings(source, server)
    if isinstance(settings, SdetSettings):
        return settings, (Watch(settings.structures, ("ENTStructure",)), Watch(settings.people, ("ENTPerson",)))
    branches = (settings.groups, settings.people)
    return settings, tuple(Watch(branch, ("*",)) for branch in branches)


def _some(tree: LdapTree, settings: SdetSettings, found: Look, held: Held) -> list[Record] | None:
    """The records of the entries that changed, or None when they alone do not tell what reading all would."""
    changed = [*found.added, *found.modified]
    if found.gone or len(changed) > FEW or any(watch.branch == settings.structures for watch, _ in changed):
        return None
    records = SdetTree(settings.url)
    for _ in records.structures(tree.search(settings.structures, ("ENTStructure",), STRUCTURE_ATTRIBUTES)):
        pass
    added = _records(tree, records, (dn for _, dn in found.added))
    modified = _records(tree, records, (dn for _, dn in found.modified))
    if added is None or modified is None:
        return None
    new, old = _people(added), _people(modified)
    there = held([*new, *old])
    # A number that two entries have, or that an entry had not before, concerns another record as well.
    if len(set(new)) != len(new) or there & set(new) or not there.issuperset(old):
        return None
    return [*added, *modified]


def _records(tree: LdapTree, reader: SdetTree, names: Iterable[str]) -> list[Record] | None:
    made: list[Record] = []
    for dn in names:
        entry: Entry | None = tree.one(dn, PERSON_ATTRIBUTES)
        if entry is None:
            return None
        made += reader.person(entry)
    return made


def _people(records: Iterable[Record]) -> list[Key]:
    items: Iterator[Item] = map(record_item, records)
    return [(item.kind, item.id) for item in items if item.kind in PEOPLE]


def _spooled(spool: IO[bytes], records: Iterable[Record]) -> Iterator[Record]:
    """The records, once all of them have come."""
    for batch in batches(records, _BATCH):
        pickle.dump(batch, spool)
    spool.seek(0)
    return _read_back(spool)


def _read_back(spool: IO[bytes]) -> Iterator[Record]:
    while True:
        try:
            batch: list[Record] = pickle.load(spool)  # noqa: S301 - our own, in a file without a name
        except EOFError:
            return
        yield from batch
