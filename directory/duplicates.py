"""One person entered twice for two children: found in a staged set, merged when certain, kept for a look when not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, exists, func, insert, or_, select, update

from directory.addresses import batches
from directory.duplicate_evidence import Evidence, Traits, alike
from directory.family_schema import duplicate, kept_apart
from directory.merged import current
from directory.report import ImportReport, Kind
from directory.schema import person
from directory.settings import ImportSettings
from directory.staging import links, people

UNNAMED = "x"
MERGED_BEFORE = "as before"
_BATCH = 500
_NAMES = 50
"""Names of which the records are held at a time."""


@dataclass(frozen=True, slots=True)
class _Record:
    """A related person among others of the same folded name."""

    seq: int
    space: str
    source_id: str
    person_id: int
    known: bool
    local: str
    display: str
    traits: Traits


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two records of one name, the one of the lower number first, and what is done about them."""

    one: _Record
    other: _Record
    evidence: Evidence
    merged: bool


def merge_duplicates(connection: Connection, settings: ImportSettings, report: ImportReport) -> None:
    """Give the records of one person the same person, where the evidence is certain and no account is lost by it;
    report these, and those that somebody should decide. People of different kinds are never merged.
    """
    said = select(current(kept_apart.c.one_id), current(kept_apart.c.other_id))
    apart = {frozenset(row) for row in connection.execute(said)}
    moves: dict[int, int] = {}
    pairs: list[_Pair] = []
    for _, homonyms in groupby(_homonyms(connection), key=lambda one: one.local):
        records = list(homonyms)
        found = alike([one.traits for one in records])
        evidence = {(records[one].seq, records[other].seq): weighed for (one, other), weighed in found.items()}
        person_of = _decide(records, evidence, apart)
        moves |= {one.person_id: person_of[one.seq] for one in records if person_of[one.seq] != one.person_id}
        pairs += _pairs(records, evidence, person_of, apart)
        _tell_merged(records, evidence, person_of, report)
    if moves:
        connection.execute(
            update(people).where(people.c.person_id == bindparam("of")).values(person_id=bindparam("target")),
            [{"of": one, "target": target} for one, target in moves.items()],
        )
    for pair in pairs:
        if not pair.merged:
            _propose(report, pair)
    _keep(connection, settings, pairs)


def _homonyms(connection: Connection) -> Iterator[_Record]:
    """Related persons whose name another has too, those of a name together; some names are held at a time."""
    relatives = and_(people.c.kind == "relative", ~people.c.second)
    repeated = (
        select(people.c.local)
        .where(relatives, people.c.local != UNNAMED)
        .group_by(people.c.local)
        .having(func.count() > 1)
        .order_by(people.c.local)
    )
    for names in batches(list(connection.scalars(repeated)), _NAMES):
        yield from _named(connection, and_(relatives, people.c.local.in_(names)))


def _named(connection: Connection, of_name: ColumnElement[bool]) -> Iterator[_Record]:
    """Related persons of some names."""
    child = people.alias("child")
    children: dict[int, set[int]] = defaultdict(set)
    for seq, child_id in connection.execute(
        select(people.c.seq, child.c.person_id)
        .join(links, and_(links.c.source == people.c.source, links.c.relative == people.c.ref))
        .join(child, child.c.seq == links.c.seq)
        .where(of_name)
    ):
        children[seq].add(child_id)
    known = exists().where(person.c.person_id == people.c.person_id).label("known")
    columns = (
        "seq",
        "space",
        "source_id",
        "person_id",
        "local",
        "display",
        "title",
        "mail",
        "mobiles",
        "postal",
    )
    rows = connection.execute(
        select(*(people.c[name] for name in columns), known)
        .where(of_name)
        .order_by(people.c.local, func.length(people.c.source_id), people.c.source_id, people.c.space)
    )
    for row in rows:
        mobiles = frozenset(row.mobiles.split())
        traits = Traits(row.title, row.mail, mobiles, row.postal, children.get(row.seq, set()))
        yield _Record(row.seq, row.space, row.source_id, row.person_id, row.known, row.local, row.display, traits)


def _decide(
    records: Sequence[_Record], evidence: Mapping[tuple[int, int], Evidence], apart: set[frozenset[int]]
) -> dict[int, int]:
    """The person of each record: known ones keep theirs; a new one is who it certainly is, if that is one person."""
    certain = {pair for pair, found in evidence.items() if found.certain}
    person_of = {one.seq: one.person_id for one in records}
    for group in _together(records, certain, apart):
        known = {one.person_id for one in group if one.known}
        for one in group:
            if one.known:
                continue
            agreeing = {
                other.person_id
                for other in group
                if other.known and {(one.seq, other.seq), (other.seq, one.seq)} & certain
            }
            if len(known) <= 1:
                person_of[one.seq] = next(iter(known), group[0].person_id)
            elif len(agreeing) == 1:
                person_of[one.seq] = agreeing.pop()
    return person_of


def _together(
    records: Sequence[_Record], certain: AbstractSet[tuple[int, int]], apart: set[frozenset[int]]
) -> Iterable[list[_Record]]:
    """Records that are one person by a chain of certain pairs, in the order given."""
    same = {one.seq: one.seq for one in records}
    person_of = {one.seq: one.person_id for one in records}

    def root(seq: int) -> int:
        while same[seq] != seq:
            seq = same[seq]
        return seq

    for one, other in sorted(certain):
        if frozenset((person_of[one], person_of[other])) not in apart:
            same[root(other)] = root(one)
    found: dict[int, list[_Record]] = defaultdict(list)
    for record in records:
        found[root(record.seq)].append(record)
    return found.values()


def _pairs(
    records: Sequence[_Record],
    evidence: Mapping[tuple[int, int], Evidence],
    person_of: Mapping[int, int],
    apart: set[frozenset[int]],
) -> Iterator[_Pair]:
    by_seq = {one.seq: one for one in records}
    for (one, other), found in evidence.items():
        both = frozenset((person_of[one], person_of[other]))
        if both not in apart:
            yield _Pair(by_seq[one], by_seq[other], found, len(both) == 1)


def _tell_merged(
    records: Sequence[_Record],
    evidence: Mapping[tuple[int, int], Evidence],
    person_of: Mapping[int, int],
    report: ImportReport,
) -> None:
    """One finding for each record that is another's."""
    same: dict[int, list[_Record]] = defaultdict(list)
    for one in sorted(records, key=lambda record: not record.known):
        same[person_of[one.seq]].append(one)
    for one in records:
        keep, *_ = of_person = same[person_of[one.seq]]
        if one is keep:
            continue
        pairs = (pair for other in of_person for pair in ((one.seq, other.seq), (other.seq, one.seq)))
        shown = [evidence[pair] for pair in pairs if pair in evidence and evidence[pair].certain]
        best = max(shown, key=lambda found: found.score, default=None)
        why = f"{best} (score {best.score})" if best else MERGED_BEFORE
        what = " is ".join(_numbers(one, keep))
        report.found(Kind.MERGED_DUPLICATE, f"{keep.source_id} {keep.display}", what, why)


def _numbers(*records: _Record) -> list[str]:
    """The numbers of records, with their spaces where these are several."""
    several = len({one.space for one in records}) > 1
    return [f"{one.source_id} of {one.space}" if several else one.source_id for one in records]


def _propose(report: ImportReport, pair: _Pair) -> None:
    one, other, found = pair.one, pair.other, pair.evidence
    why = "both have an account already" if found.certain else str(found)
    what = f"{' and '.join(_numbers(one, other))} may be one person"
    report.found(
        Kind.POSSIBLE_DUPLICATE, f"{one.source_id} {one.display}", what, f"{why} (score {found.score}); not merged"
    )


def _keep(connection: Connection, settings: ImportSettings, pairs: Sequence[_Pair]) -> None:
    """Write what was found in the place of what an earlier import found of the same records."""
    table = duplicate.c
    here = table.academy == settings.academy
    staged = exists().where(
        people.c.kind == "relative",
        or_(
            and_(people.c.space == table.source, people.c.source_id == table.one_record),
            and_(people.c.space == table.other_source, people.c.source_id == table.other_record),
        ),
    )
    connection.execute(delete(duplicate).where(here, ~table.merged, staged))
    # Two sources of one space give a record each for one number, and so the same pair twice.
    pairs = list({(*_key(pair.one), *_key(pair.other)): pair for pair in pairs}.values())
    if pairs:
        connection.execute(
            delete(duplicate).where(
                here,
                table.source == bindparam("space"),
                table.one_record == bindparam("one"),
                table.other_source == bindparam("other_space"),
                table.other_record == bindparam("other"),
            ),
            [
                {"space": pair.one.space, "one": pair.one.source_id}
                | {"other_space": pair.other.space, "other": pair.other.source_id}
                for pair in pairs
            ],
        )
    rows: list[dict[str, Any]] = [
        {
            "source": pair.one.space,
            "academy": settings.academy,
            "one_record": pair.one.source_id,
            "other_source": pair.other.space,
            "other_record": pair.other.source_id,
            "score": pair.evidence.score,
            "evidence": str(pair.evidence),
            "merged": pair.merged,
            "found_at": settings.today,
        }
        for pair in pairs
    ]
    for some in batches(rows, _BATCH):
        connection.execute(insert(duplicate), some)


def _key(record: _Record) -> tuple[str, str]:
    return record.space, record.source_id
