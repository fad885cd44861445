"""Two people found to be one, and the undoing of that.

Who is dropped stays in the directory as who has left. Records and addresses keep their owner (`merged_record`,
`merged_address`) and stand for whoever the owner is merged into, so that merges are undone in any order: each owner
then has again what was his or hers. Functions change rows, under the lock of the directory; `family.follow_families`
then brings guardians and lists up to date.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Table, and_, delete, func, insert, or_, select, update

from directory import former
from directory.addresses import taken
from directory.exclusions import FamilyError, Parent
from directory.family_schema import family_link, kept_apart, merged_address, merged_record, person_merge
from directory.list_adjustments import checked_reason
from directory.list_definitions import Author
from directory.nomenclature import LEGAL_GUARDIAN
from directory.schema import ACTIVE, LEFT, LOCAL, address, new_id, person, person_source
from directory.sql import insert_ignoring, lock

_ROUNDS = 50


class Merged(NamedTuple):
    """Who was merged into whom, by whom, when and why."""

    dropped_id: int
    kept_id: int
    dropped: str
    kept: str
    reason: str
    actor: str
    at: int


class Undone(NamedTuple):
    """Two people again: who stood for both, and who is back or was made (`new`), with an account that `opens` again, or
    that the merge had `closed` and that stays so: nobody of theirs is at school.
    """

    kept_id: int
    other_id: int
    address: str
    new: bool
    opens: bool
    closed: bool = False


def merge(
    connection: Connection,
    keep: Parent,
    drop: Parent,
    author: Author,
    today: date,
    *,
    reason: str = "",
    suspends: bool = False,
) -> None:
    """Let `keep` stand for `drop` too; `suspends` notes that the caller closes the account. Raises FamilyError."""
    lock(connection)
    if keep.person_id == drop.person_id:
        raise FamilyError(f"{keep.address} and {drop.address} are one person already")
    kept, dropped = (_row(connection, one.person_id) for one in (keep, drop))
    if (kept.source == LOCAL, kept.academy) != (dropped.source == LOCAL, dropped.academy):
        raise FamilyError("the two come from different academies: an import of one must not change people of the other")
    if kept.state != ACTIVE:
        raise FamilyError(f"{keep.address} has left; keep the other")
    connection.execute(
        insert(person_merge).values(
            dropped_id=drop.person_id,
            kept_id=keep.person_id,
            root_id=keep.person_id,
            reason=checked_reason(reason),
            left_at=(dropped.left_at or today) if dropped.state == LEFT else None,
            suspended=suspends,
            **author._asdict(),
        )
    )
    connection.execute(
        update(person_merge).where(person_merge.c.root_id == drop.person_id).values(root_id=keep.person_id)
    )
    for mine, owned in ((person_source, merged_record), (address, merged_address)):
        _note_owner(connection, mine, owned, drop.person_id)
        connection.execute(update(mine).where(mine.c.person_id == drop.person_id).values(person_id=keep.person_id))
    held = select(merged_address.c.address)
    connection.execute(
        update(address)
        .where(address.c.person_id == keep.person_id, address.c.address.in_(held))
        .values(is_primary=False)
    )
    connection.execute(update(person).where(person.c.person_id == drop.person_id).values(state=LEFT, left_at=today))
    whole = _below(connection, keep.person_id)
    connection.execute(delete(kept_apart).where(kept_apart.c.one_id.in_(whole), kept_apart.c.other_id.in_(whole)))


def _note_owner(connection: Connection, mine: Table, owned: Table, owner: int) -> None:
    """Remember whose these rows are, unless they are somebody's already."""
    keys = [column.name for column in owned.primary_key.columns]
    columns = [name for name in owned.c.keys() if name != "owner_id"]  # noqa: SIM118 - not a dict
    known = select(*(owned.c[name] for name in keys)).where(and_(*(owned.c[name] == mine.c[name] for name in keys)))
    rows = select(*(mine.c[name] for name in columns), mine.c.person_id).where(
        mine.c.person_id == owner, ~known.exists()
    )
    connection.execute(insert(owned).from_select([*columns, "owner_id"], rows))


def split(connection: Connection, text: str, author: Author, today: date) -> Undone:
    """Undo a merge: of the owner of an address, or of a record by its number; the two are kept apart from then on.

    Raises FamilyError.
    """
    lock(connection)
    folded = text.strip().lower()
    owner = connection.scalar(select(merged_address.c.owner_id).where(merged_address.c.address == folded))
    if owner is not None:
        return _bring_back(connection, owner, author, today)
    if "@" in folded:
        raise FamilyError(f"nobody whose address was {text} has been merged into another")
    record = _record(connection, text.strip())
    own = connection.scalar(select(person.c.person_id).where(_same_record(person, record)))
    if own is not None and own != record.person_id:
        return _bring_back(connection, own, author, today)
    if own is not None:
        raise FamilyError(
            f"record {text} is the person's own: name the record, or the address, that is to be another's"
        )
    return _make(connection, record, author, today)


def _bring_back(connection: Connection, owner: int, author: Author, today: date) -> Undone:
    edge = connection.execute(select(person_merge).where(person_merge.c.dropped_id == owner)).one()
    connection.execute(delete(person_merge).where(person_merge.c.dropped_id == owner))
    whole = _below(connection, owner)
    connection.execute(
        update(person_merge)
        .where(person_merge.c.dropped_id.in_(whole), person_merge.c.dropped_id != owner)
        .values(root_id=owner)
    )
    for mine, owned in ((person_source, merged_record), (address, merged_address)):
        keys = [column.name for column in owned.primary_key.columns]
        same = and_(*(owned.c[name] == mine.c[name] for name in keys))
        theirs = select(owned.c.owner_id).where(same, owned.c.owner_id.in_(whole)).exists()
        connection.execute(update(mine).where(theirs).values(person_id=owner))
    main = select(merged_address.c.address).where(merged_address.c.owner_id == owner, merged_address.c.is_primary)
    connection.execute(update(address).where(address.c.address.in_(main)).values(is_primary=True))
    for owned in (merged_record, merged_address):
        connection.execute(delete(owned).where(owned.c.owner_id == owner))
    active = _is_guardian(connection, owner)
    left_at = None if active else edge.left_at or today
    values = {"state": ACTIVE if active else LEFT, "left_at": left_at}
    if active:
        former.forget(connection, select(person.c.person_id).where(person.c.person_id == owner))
    connection.execute(update(person).where(person.c.person_id == owner).values(values))
    _keep_apart(connection, edge.root_id, owner, author)
    opens = active and (edge.suspended or edge.left_at is not None)
    closed = bool(edge.suspended) and not active
    return Undone(edge.root_id, owner, _primary(connection, owner), new=False, opens=opens, closed=closed)


def _is_guardian(connection: Connection, person_id: int) -> bool:
    """Whether a pupil of the last import names one of the person's records as legal guardian."""
    same = and_(*(family_link.c[name] == person_source.c[name] for name in ("source", "academy", "source_id")))
    rows = select(family_link.c.pupil_id).join(person_source, same)
    found = rows.where(person_source.c.person_id == person_id, family_link.c.legal == LEGAL_GUARDIAN)
    return connection.execute(found.limit(1)).first() is not None


def _below(connection: Connection, owner: int) -> set[int]:
    """A person and everybody merged into this one, directly or not."""
    found, fresh = {owner}, {owner}
    while fresh:
        rows = connection.scalars(select(person_merge.c.dropped_id).where(person_merge.c.kept_id.in_(fresh)))
        fresh = set(rows) - found
        found |= fresh
    return found


def _record(connection: Connection, number: str) -> Row[Any]:
    rows = connection.execute(select(person_source).where(person_source.c.source_id == number)).all()
    if not rows:
        raise FamilyError(f"there is no record {number}")
    if len(rows) > 1:
        raise FamilyError(f"several sources have a record {number}: name an address")
    return rows[0]


def _same_record(table: Table, record: Row[Any]) -> Any:  # noqa: ANN401 - a condition
    return and_(*(table.c[name] == getattr(record, name) for name in ("source", "academy", "source_id")))


def _make(connection: Connection, record: Row[Any], author: Author, today: date) -> Undone:
    """A person of its own for a record that an import found to be another's; the next import corrects the name."""
    legal = select(func.count()).where(_same_record(family_link, record), family_link.c.legal == LEGAL_GUARDIAN)
    if not connection.scalar(legal):
        raise FamilyError(f"no pupil names record {record.source_id} as legal guardian: it would have no account")
    like = _row(connection, record.person_id)
    made = new_id()
    fields = ("source", "academy", "profile", "sdet", "sn", "given", "title", "display", "said_by")
    values = {name: getattr(like, name) for name in fields}
    connection.execute(
        insert(person).values(values | {"person_id": made, "source_id": record.source_id, "state": ACTIVE})
    )
    connection.execute(update(person_source).where(_same_record(person_source, record)).values(person_id=made))
    connection.execute(delete(merged_record).where(_same_record(merged_record, record)))
    text = _give_address(connection, made, record.person_id, today)
    _keep_apart(connection, record.person_id, made, author)
    return Undone(record.person_id, made, text, new=True, opens=True)


def _give_address(connection: Connection, made: int, like: int, today: date) -> str:
    """The next free address of homonyms, which nobody ever had."""
    of_like = select(address.c.base).where(address.c.person_id == like, address.c.is_primary)
    base = connection.execute(of_like).scalar_one()
    local, _, end = base.partition("@")
    last = connection.scalar(select(func.max(address.c.number)).where(address.c.base == base)) or 1
    for number in range(last + 1, last + 1 + _ROUNDS):
        text = f"{local}{number}@{end}"
        if not taken(connection, [text]):
            row = {"address": text, "person_id": made, "is_primary": True, "given_at": today, "base": base}
            connection.execute(insert(address).values(row | {"number": number}))
            return text
    raise FamilyError(f"no free address found for a homonym of {base}")


def _keep_apart(connection: Connection, one: int, other: int, author: Author) -> None:
    low, high = sorted((one, other))
    connection.execute(insert_ignoring(connection, kept_apart).values(one_id=low, other_id=high, **author._asdict()))


def _row(connection: Connection, person_id: int) -> Row[Any]:
    return connection.execute(select(person).where(person.c.person_id == person_id)).one()


def _primary(connection: Connection, person_id: int) -> str:
    found = select(address.c.address).where(address.c.person_id == person_id, address.c.is_primary)
    return connection.scalar(found) or ""


def merges(connection: Connection, person_id: int | None = None) -> Sequence[Merged]:
    """Every merge that somebody made and that stands, or those of one person, the latest first."""
    own = merged_address.alias("own")
    rows = (
        select(person_merge.c.dropped_id, person_merge.c.kept_id, own.c.address, address.c.address)
        .add_columns(person_merge.c.reason, person_merge.c.actor, person_merge.c.at)
        .join(own, and_(own.c.owner_id == person_merge.c.dropped_id, own.c.is_primary))
        .join(address, and_(address.c.person_id == person_merge.c.root_id, address.c.is_primary))
        .order_by(person_merge.c.at.desc(), own.c.address)
    )
    if person_id is not None:
        rows = rows.where(or_(person_merge.c.root_id == person_id, person_merge.c.dropped_id == person_id))
    return [Merged(*row) for row in connection.execute(rows)]
