"""Addresses of people and lists, which share one space: what was ever given is never given to anybody else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, select, union_all

from directory.list_schema import list_alias
from directory.schema import address, list_, person

T = TypeVar("T")

ADDRESS: Final = re.compile(r"[a-z0-9](?:[a-z0-9._+-]{0,62}[a-z0-9])?@[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?")
_LONGEST: Final = 254
_BATCH: Final = 500


class TakenAddressError(ValueError):
    """The address is, or once was, that of a person or a list."""


def givable(text: str) -> str:
    """An address in lower case.

    Raises:
        ValueError: nobody can be given it.
    """
    wanted = text.strip().lower()
    if len(wanted) > _LONGEST or not ADDRESS.fullmatch(wanted) or ".." in wanted:
        raise ValueError(f"{wanted[:80]!r} is not an address that can be given")
    return wanted


def check_free(connection: Connection, wanted: str) -> None:
    """Raises TakenAddressError, which names who has an address, or once had it."""
    who = connection.scalar(
        select(person.c.display).join(address, address.c.person_id == person.c.person_id).where(_is(address, wanted))
    )
    what = f"the person {who}" if who is not None else None
    if (label := connection.scalar(select(list_.c.label).where(_is(list_, wanted)))) is not None:
        what = f"the list {label}"
    of = (
        select(list_.c.address).join(list_alias, list_alias.c.list_id == list_.c.list_id).where(_is(list_alias, wanted))
    )
    if (main := connection.scalar(of)) is not None:
        what = f"the list {main}"
    if what is not None:
        raise TakenAddressError(
            f"{wanted} is taken, or was once: it belongs to {what}, and an address is never given again"
        )


def _is(table: Any, wanted: str) -> ColumnElement[bool]:  # noqa: ANN401 - a table
    found: ColumnElement[bool] = table.c.address == wanted
    return found


def taken(connection: Connection, wanted: Iterable[str]) -> set[str]:
    """Those of some addresses that somebody has, or once had."""
    return {
        text
        for some in batches(wanted, _BATCH)
        for table in (address, list_, list_alias)
        for text in connection.scalars(select(table.c.address).where(table.c.address.in_(some)))
    }


def lists_named(fulfils: Callable[[ColumnElement[str]], ColumnElement[bool]]) -> Select[Any]:
    """The numbers of the lists whose address, or further address in use, fulfils a condition: two indexed look-ups."""
    main = list_.alias("main")
    both = union_all(
        select(main.c.list_id).where(fulfils(main.c.address)),
        select(list_alias.c.list_id).where(fulfils(list_alias.c.address), list_alias.c.active.is_(True)),
    ).subquery("named")
    return select(both.c.list_id)


def batches(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """The values in lists of at most `size`."""
    rest = iter(values)
    while some := list(islice(rest, size)):
        yield some
