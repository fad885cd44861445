"""Lists that people make: by hand, by rule, of other lists; and the state of any list.

Functions change rows, under the lock of the directory; `list_membership.follow` then brings members up to date.
"""

from __future__ import annotations

import unicodedata
from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from directory import reserved
from directory.addresses import check_free, givable
from directory.list_expression import Expression, ExpressionError, Term, parse, renamed, terms, written
from directory.list_graph import ListError, check
from directory.list_membership import DERIVED, MANUAL, RULE, OneList
from directory.list_schema import list_include, list_rule
from directory.membership import FACTS, OF_CITE, UNIONS
from directory.names import CONTROL
from directory.queries import LIST_BY_ADDRESS
from directory.reserved import HELP, LEAVE, MANAGE
from directory.schema import cite, list_, list_member, new_id, school
from directory.sql import lock

MAX_LABEL: Final = 120
MAX_LOCAL: Final = 64 - max(map(len, (LEAVE, HELP, MANAGE)))
"""Characters of the local part of a list: RFC 5321 section 4.5.3.1.1 allows 64 octets, a command stands before it."""
_GIVEN: Final = frozenset({*FACTS["school"], *UNIONS["school"], *OF_CITE})
"""Local parts of the lists that the directory makes for a school or a cité."""


class Author(NamedTuple):
    """Who makes a change, and when: seconds since the epoch, UTC."""

    actor: str
    at: int


def find(connection: Connection, text: str) -> OneList:
    """A list by its address or a further one. Raises ListError."""
    row = connection.execute(LIST_BY_ADDRESS, {"address": text.strip().lower()}).first()
    if row is None:
        raise ListError(f"there is no list {text}; `mailgate list show --all` lists them")
    return OneList(*(getattr(row, name) for name in OneList._fields))


def create(connection: Connection, wanted: str, label: str, author: Author, *, rule: str | None = None) -> OneList:
    """Make a list, by rule where there is one, else by hand; the domain tells its school or cité.

    Raises:
        ListError: an address or a label that cannot be.
        TakenAddressError: somebody has the address, or had it.
        ExpressionError: the rule cannot be read.
    """
    lock(connection)
    address, school_id = list_address(connection, wanted)
    check_free(connection, address)
    list_id = new_id()
    connection.execute(
        insert(list_).values(
            list_id=list_id,
            address=address,
            kind=RULE if rule is not None else MANUAL,
            audience="",
            target_id=list_id,
            school_id=school_id,
            ref="",
            label=_label(label),
            active=False,
        )
    )
    made = find(connection, address)
    if rule is not None:
        set_rule(connection, made, rule, author)
    return made


def list_address(connection: Connection, text: str) -> tuple[str, int | None]:
    """An address that a list may be given, in lower case, with the school of its domain. Raises ListError."""
    try:
        address = givable(text)
        school_id = owner_of(connection, address.rpartition("@")[2])
        reserved.check(address)
    except ValueError as error:
        raise ListError(str(error)) from error
    local = address.partition("@")[0]
    if len(local) > MAX_LOCAL:
        raise ListError(f"{local}@ is too long: a list has at most {MAX_LOCAL} characters before the @")
    if local in _GIVEN:
        raise ListError(f"{local}@ is an address that the directory gives")
    return address, school_id


def owner_of(connection: Connection, domain: str) -> int | None:
    """The school of a domain, None for that of a cité. Raises ListError for any other domain."""
    found: int | None = connection.scalar(select(school.c.school_id).where(school.c.domain == domain))
    if found is None and not connection.scalar(select(cite.c.cite_id).where(cite.c.domain == domain)):
        raise ListError(f"{domain} is the domain of no school of the directory")
    return found


def _label(text: str) -> str:
    normal = " ".join(unicodedata.normalize("NFC", text).split())
    if not normal or len(normal) > MAX_LABEL or CONTROL.search(normal):
        raise ListError(f"a name has 1 to {MAX_LABEL} characters, and none of control")
    return normal


def rename(connection: Connection, one: OneList, label: str) -> str:
    """Give a list that people made another name; the address stays. Raises ListError."""
    if one.kind in DERIVED:
        raise ListError(f"the directory gives {one.address} its name")
    normal = _label(label)
    connection.execute(update(list_).where(list_.c.list_id == one.list_id).values(label=normal))
    return normal


def close(connection: Connection, one: OneList, author: Author) -> None:
    """Let nobody post to a list any more; its address and its members stay. Raises ListError when it is closed."""
    lock(connection)
    if one.closed_at is not None:
        raise ListError(f"{one.address} is closed already")
    row = list_.c.list_id == one.list_id
    connection.execute(update(list_).where(row).values(closed_at=author.at, active=False))


def reopen(connection: Connection, one: OneList) -> None:
    """Open a closed list. Raises ListError when it is not closed."""
    lock(connection)
    if one.closed_at is None:
        raise ListError(f"{one.address} is not closed")
    members = select(func.count()).where(list_member.c.list_id == one.list_id)
    active = bool(connection.scalar(members))
    connection.execute(update(list_).where(list_.c.list_id == one.list_id).values(closed_at=None, active=active))


def set_rule(connection: Connection, one: OneList, text: str, author: Author) -> str:
    """Give a list by rule its rule; give it as it is kept, with whole addresses.

    Raises:
        ExpressionError: it cannot be read, or names no list; with the place.
        ListError: the list is not one by rule, or would be a part of itself.
    """
    lock(connection)
    if one.kind != RULE:
        raise ListError(f"{one.address} is not a list by rule: create one with --rule")
    expression = resolved(connection, parse(text), one.address.partition("@")[2])
    check(connection, one.list_id, _parts(connection, expression))
    connection.execute(delete(list_rule).where(list_rule.c.list_id == one.list_id))
    kept = written(expression)
    connection.execute(insert(list_rule).values(list_id=one.list_id, expression=kept, **author._asdict()))
    return kept


def resolved(connection: Connection, expression: Expression, domain: str) -> Expression:
    """The expression over whole main addresses. Raises ExpressionError for what is no list."""

    def main(term: Term) -> str:
        whole = term.name if "@" in term.name else f"{term.name}@{domain}"
        row = connection.execute(LIST_BY_ADDRESS, {"address": whole}).first()
        if row is None:
            raise ExpressionError(term.position, f"there is no list {whole}")
        found: str = row.address
        return found

    return renamed(expression, main)


def _parts(connection: Connection, expression: Expression) -> set[int]:
    return {find(connection, term.name).list_id for term in terms(expression)}


def nest(connection: Connection, one: OneList, nested: OneList, author: Author) -> None:
    """Make the members of a list members of a list by hand. Raises ListError."""
    lock(connection)
    if one.kind != MANUAL:
        raise ListError(f"{one.address} is not a list by hand: a rule names other lists, and the directory needs none")
    parts = _nested(connection, one)
    if nested.list_id in parts:
        raise ListError(f"{one.address} contains {nested.address} already")
    check(connection, one.list_id, parts | {nested.list_id})
    row = {"list_id": one.list_id, "nested_id": nested.list_id}
    connection.execute(insert(list_include).values(row | author._asdict()))


def unnest(connection: Connection, one: OneList, nested: OneList) -> None:
    """Take a list out of a list by hand. Raises ListError when it is not in it."""
    lock(connection)
    row = (list_include.c.list_id == one.list_id, list_include.c.nested_id == nested.list_id)
    if not connection.execute(delete(list_include).where(*row)).rowcount:
        raise ListError(f"{one.address} does not contain {nested.address}")


def _nested(connection: Connection, one: OneList) -> set[int]:
    rows = select(list_include.c.nested_id).where(list_include.c.list_id == one.list_id)
    return set(connection.scalars(rows))
