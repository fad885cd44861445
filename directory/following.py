"""A source on an LDAP server, followed: what to take in of it after a look at what changed there.

SDET is taken in entry by entry, as long as that gives what reading all would give; otherwise, and for LCS and Scribe,
whose records are made of several entries and whose trees are those of one school, everything is read.
"""

from __future__ import annotations

import pickle
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Final

from directory.held_forms import kind_of
from directory.holding import Key, batches
from directory.model import ClassRecord, GroupRecord, Record, School
from directory.opening import read_server, server_settings
from directory.readers.ldap_changes import begin, look
from directory.readers.ldap_position import Look, Position, PositionLostError, Touched, Watch
from directory.readers.ldap_server import LdapTree, opened
from directory.readers.ldap_tree import LdapSettings
from directory.readers.sdet_entries import (
    PERSON_ATTRIBUTES,
    PERSON_IDENTITY,
    RECORDS,
    STRUCTURE_ATTRIBUTES,
    STRUCTURE_IDENTITY,
    SdetTree,
)
from directory.readers.sdet_ldap import SdetSettings
from directory.source import Source
from directory.sources import Changes, CompleteSet, Step

FEW: Final = 500
"""Entries that are read one by one; more are read with all the others."""
_BATCH: Final = 500
_OF_STRUCTURES: Final = frozenset(map(kind_of, (School, ClassRecord, GroupRecord)))


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
def follow(source: Source, server: Mapping[str, Any], kept: bytes | None) -> Iterator[Followed]:
    """What to take in of a source since the position that was `kept`; everything when there is none.

    All of it has come from the server when this is entered; it is there until the end of the block.

    Raises:
        DirectoryError: the server did not give everything.
    """
    settings, watches = _watched(source, server)
    why = "a complete comparison"
    if kept is not None:
        try:
            found = _since(settings, watches, Position.decode(kept))
        except PositionLostError as error:
            why = str(error)
        else:
            if found is not None:
                yield found
                return
            why = "much has changed, or what changed concerns other entries too"
    with opened(settings) as tree:
        position = begin(tree, watches)
    with tempfile.TemporaryFile() as spool:
        whole = CompleteSet("", _spooled(spool, read_server(source, server)))
        yield Followed(position, whole, complete=True, why=why)


def _since(settings: LdapSettings, watches: Sequence[Watch], position: Position) -> Followed | None:
    """What changed, or None when everything is to be read. Raises PositionLostError, DirectoryError."""
    with opened(settings) as tree:
        found = look(tree, watches, position)
        if not found:
            return Followed(found.position, None)
        changes = _some(tree, settings, found) if isinstance(settings, SdetSettings) else None
        return None if changes is None else Followed(found.position, changes)


def _watched(source: Source, server: Mapping[str, Any]) -> tuple[LdapSettings, tuple[Watch, ...]]:
    """Where the server is, and the branches to look at: for SDET structures first, since people name them."""
    settings = server_settings(source, server)
    if isinstance(settings, SdetSettings):
        reader = SdetTree(settings.url)
        structures = Watch(settings.structures, ("ENTStructure",), STRUCTURE_IDENTITY, reader.structure_identity)
        return settings, (structures, Watch(settings.people, ("ENTPerson",), PERSON_IDENTITY, reader.person_identity))
    branches = (settings.groups, settings.people)
    return settings, tuple(Watch(branch, ("*",)) for branch in branches)


def _some(tree: LdapTree, settings: SdetSettings, found: Look) -> Changes | None:
    """What the entries that changed say now, or None when that is not all that reading everything would change."""
    structures, people = found.touched
    there = [one.dn for one in people if one.now is not None]
    if (
        len(there) > FEW
        or any(one.before != one.now for one in structures)
        or _concerns_others(people, found.position.branches[-1].notes())
    ):
        return None
    reader = SdetTree(settings.url)
    of_structures = list(reader.structures(tree.search(settings.structures, ("ENTStructure",), STRUCTURE_ATTRIBUTES)))
    records = of_structures if structures else []
    for dn in there:
        entry = tree.one(dn, PERSON_ATTRIBUTES)
        if entry is None:
            return None
        records += reader.person(entry)
    before = (_key(one.before) for one in people if one.before)
    names = (note.partition(" ") for one in (*structures, *people) for note in (one.before, one.now) if note)
    return Changes(
        records,
        gone=frozenset(key for key in before if key is not None),
        whole=_OF_STRUCTURES if structures else frozenset(),
        told=frozenset(part for first, _, last in names for part in (first, last)),
    )


def _concerns_others(people: Iterable[Touched], notes: Mapping[bytes, str]) -> bool:
    """Whether an entry has, or had, the number of another one."""
    touched = list(people)
    concerned = {note for one in touched for note in (one.before, one.now) if note}
    now = Counter(one.now for one in touched)
    everywhere = Counter(note for note in notes.values() if note in concerned)
    return any(everywhere[note] > 1 or everywhere[note] != now[note] for note in concerned)


def _key(identity: str) -> Key | None:
    """The record of a person by the identity of the entry, if it has one."""
    category, _, identifier = identity.partition(" ")
    return (kind_of(RECORDS[category]), identifier) if category else None


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
