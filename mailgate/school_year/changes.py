"""What a turn of the school year changes: the state before is noted, then compared with the state after."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    MetaData,
    Select,
    Table,
    Text,
    and_,
    exists,
    func,
    insert,
    select,
)

from directory.addresses import batches
from directory.queries import ALL_LISTS, SCHOOLS_OF_PEOPLE
from directory.report import ImportReport
from directory.schema import Id, address, class_, class_member, enrolment, list_, person, school

_BATCH: Final = 500
_notes: Final = MetaData()


def _note(name: str, *columns: Column[Any]) -> Table:
    return Table(name, _notes, *columns, prefixes=["TEMPORARY"], postgresql_on_commit="DROP")


_schools = _note("turn_school", Column("person_id", Id, nullable=False, index=True), Column("uai", Text))
_classes = _note("turn_class", Column("person_id", Id, nullable=False, index=True), Column("class_id", Id))
_addresses = _note(
    "turn_address",
    Column("address", Text, primary_key=True),
    Column("person_id", Id, nullable=False),
    Column("is_primary", Boolean, nullable=False),
)


@dataclass(frozen=True, slots=True)
class ListTurn:
    """One list that is `new`, `gone` or `changed`, of a school by UAI, or of a cité."""

    state: str
    address: str
    label: str
    school: str
    before: int
    after: int
    came: int
    went: int


@dataclass(frozen=True, slots=True)
class PersonTurn:
    """Somebody who comes or leaves, with the schools by UAI; or who changes class: `left` and `joined` are classes with
    their schools.
    """

    name: str
    address: str
    profile: str
    schools: tuple[str, ...]
    left: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """All that a turn changes, for lists by address and for people by name."""

    lists: list[ListTurn] = field(default_factory=list)
    arrivals: list[PersonTurn] = field(default_factory=list)
    leavers: list[PersonTurn] = field(default_factory=list)
    moves: list[PersonTurn] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    """Addresses that reached somebody and reach another, or are no longer the first: none, but where one person was
    found to be two."""
    enrolled: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Pupils of each school before and after."""
    stayed: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of each school, pupils who were in a class there and are in one, and those of them in the very same."""

    def of(self, uai: str) -> Changes:
        """What concerns one school."""
        return replace(
            self,
            lists=[one for one in self.lists if one.school == uai],
            arrivals=[one for one in self.arrivals if uai in one.schools],
            leavers=[one for one in self.leavers if uai in one.schools],
            moves=[one for one in self.moves if uai in one.schools],
            enrolled={key: value for key, value in self.enrolled.items() if key == uai},
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        by_state = {state: [_plain(one, "state") for one in self.lists if one.state == state] for state in _STATES}
        return {
            "lists": by_state,
            "arrivals": [_plain(one, "left", "joined") for one in self.arrivals],
            "leavers": [_plain(one, "left", "joined") for one in self.leavers],
            "class_changes": [_plain(one) for one in self.moves],
            "address_changes": self.addresses,
            "pupils": {uai: {"before": before, "after": after} for uai, (before, after) in self.enrolled.items()},
        }


_STATES: Final = ("new", "gone", "changed")


class _List(NamedTuple):
    address: str
    label: str
    school: str
    members: int


class Before:
    """The state before a turn, which is in temporary tables while `noted`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lists = _lists(connection)
        self._enrolled = _enrolled(connection)

    def compare(self, report: ImportReport) -> Changes:
        """How it differs from the state now, which the import of this report made."""
        arrivals, leavers = [*report.added_ids, *report.returned_ids], list(report.left_ids)
        now = _enrolled(self._connection)
        every = sorted({*self._enrolled, *now})
        return Changes(
            self._list_turns(report),
            _people(self._connection, arrivals, SCHOOLS_OF_PEOPLE),
            _people(self._connection, leavers, select(_schools.c.person_id, _schools.c.uai)),
            _moves(self._connection, {*arrivals, *leavers}),
            _changed_addresses(self._connection),
            {uai: (self._enrolled.get(uai, 0), now.get(uai, 0)) for uai in every},
            _stayed(self._connection),
        )

    def _list_turns(self, report: ImportReport) -> list[ListTurn]:
        moved = {change.list_id: (change.came, change.went) for change in report.list_changes}
        after = _lists(self._connection)
        found = []
        for list_id in {*self._lists, *after}:
            was, now = self._lists.get(list_id), after.get(list_id)
            state = "changed" if was and now else "new" if now else "gone"
            if (was and now and list_id not in moved) or (one := now or was) is None:
                continue
            came, went = moved.get(list_id, (0, 0))
            sizes = was.members if was else 0, now.members if now else 0
            found.append(ListTurn(state, one.address, one.label, one.school, *sizes, came, went))
        return sorted(found, key=lambda one: one.address)


@contextmanager
def noted(connection: Connection) -> Iterator[Before]:
    """Note the state now, and forget it at the end."""
    _notes.create_all(connection, checkfirst=False)
    its = SCHOOLS_OF_PEOPLE.order_by(None).subquery()
    _keep(connection, _schools, select(its.c.person_id, its.c.uai))
    _keep(connection, _classes, select(class_member.c.person_id, class_member.c.class_id))
    _keep(connection, _addresses, select(address.c.address, address.c.person_id, address.c.is_primary))
    yield Before(connection)
    _notes.drop_all(connection, checkfirst=False)


def _keep(connection: Connection, table: Table, rows: Select[Any]) -> None:
    connection.execute(insert(table).from_select(list(table.c.keys()), rows))


def _lists(connection: Connection) -> dict[int, _List]:
    rows = connection.execute(ALL_LISTS.where(list_.c.active))
    return {row.list_id: _List(row.address, row.label, row.uai or "", row.members) for row in rows}


def _enrolled(connection: Connection) -> dict[str, int]:
    rows = (
        select(school.c.uai, func.count())
        .join(enrolment, enrolment.c.school_id == school.c.school_id)
        .where(school.c.domain.is_not(None))
        .group_by(school.c.uai)
    )
    return dict(connection.execute(rows).all())


def _people(connection: Connection, ids: Iterable[int], schools: Select[Any]) -> list[PersonTurn]:
    found = []
    its = schools.order_by(None).subquery()
    for some in batches(ids, _BATCH):
        of_each: dict[int, set[str]] = defaultdict(set)
        for person_id, uai in connection.execute(select(its.c.person_id, its.c.uai).where(its.c.person_id.in_(some))):
            of_each[person_id].add(uai)
        rows = connection.execute(_named().where(person.c.person_id.in_(some)))
        found += [PersonTurn(row.display, row.address, row.profile, tuple(sorted(of_each[row[0]]))) for row in rows]
    return sorted(found, key=lambda one: (one.name, one.address))


def _named() -> Select[Any]:
    first = and_(address.c.person_id == person.c.person_id, address.c.is_primary)
    return select(person.c.person_id, person.c.display, person.c.profile, address.c.address).join(address, first)


def _moves(connection: Connection, others: set[int]) -> list[PersonTurn]:
    """Pupils who are in other classes than before, but for those who came or left."""
    same = and_(_classes.c.person_id == class_member.c.person_id, _classes.c.class_id == class_member.c.class_id)
    left = _in_words(connection, _classes, ~exists(select(class_member.c.class_id).where(same)))
    joined = _in_words(connection, class_member, ~exists(select(_classes.c.class_id).where(same)))
    found = []
    for some in batches(sorted({*left, *joined} - others), _BATCH):
        for row in connection.execute(_named().where(person.c.person_id.in_(some))):
            gone, new = left.get(row.person_id, []), joined.get(row.person_id, [])
            schools = tuple(sorted({uai for uai, _ in (*gone, *new)}))
            classes = (tuple(f"{name} ({uai})" for uai, name in sorted(some_)) for some_ in (gone, new))
            found.append(PersonTurn(row.display, row.address, row.profile, schools, *classes))
    return sorted(found, key=lambda one: (one.name, one.address))


def _in_words(connection: Connection, table: Table, where: Any) -> dict[int, list[tuple[str, str]]]:  # noqa: ANN401
    rows = (
        select(table.c.person_id, school.c.uai, class_.c.name)
        .join(class_, class_.c.class_id == table.c.class_id)
        .join(school, school.c.school_id == class_.c.school_id)
        .where(where)
    )
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for person_id, uai, name in connection.execute(rows):
        found[person_id].append((uai, name))
    return found


def _changed_addresses(connection: Connection) -> list[str]:
    same = and_(
        address.c.address == _addresses.c.address,
        address.c.person_id == _addresses.c.person_id,
        address.c.is_primary == _addresses.c.is_primary,
    )
    rows = select(_addresses.c.address).where(~exists(select(address.c.address).where(same)))
    return list(connection.scalars(rows.order_by(_addresses.c.address)))


def _stayed(connection: Connection) -> dict[str, tuple[int, int]]:
    was, now = class_.alias(), class_.alias()
    same = _classes.c.class_id == class_member.c.class_id
    rows = (
        select(school.c.uai, func.count(), func.count().filter(same))
        .select_from(_classes)
        .join(class_member, class_member.c.person_id == _classes.c.person_id)
        .join(was, was.c.class_id == _classes.c.class_id)
        .join(now, and_(now.c.class_id == class_member.c.class_id, now.c.school_id == was.c.school_id))
        .join(school, school.c.school_id == was.c.school_id)
        .group_by(school.c.uai)
    )
    return {uai: (stayed, same_) for uai, stayed, same_ in connection.execute(rows)}


def _plain(one: ListTurn | PersonTurn, *without: str) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if name not in without}
