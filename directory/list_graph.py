"""Which list is made of which others: lists by rule and nested lists, without a cycle and not too deep."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, TypeAlias

from sqlalchemy import Connection, select

from directory.addresses import batches
from directory.list_expression import parse, terms
from directory.list_schema import list_include, list_rule
from directory.schema import list_

MAX_LEVELS: Final = 8
"""Lists within lists, counted over lists by rule and by hand; those of the directory are level 0."""
MAX_NESTED: Final = 200
"""Lists that one list nests."""

Graph: TypeAlias = dict[int, frozenset[int]]
"""The parts of each list that is made of others."""

_BATCH = 500


class ListError(Exception):
    """A change of a list that cannot be made; the text says why."""


def load(connection: Connection) -> Graph:
    """The parts of every list by rule and of every list that nests lists."""
    graph: dict[int, set[int]] = {}
    for list_id, nested_id in connection.execute(select(list_include.c.list_id, list_include.c.nested_id)):
        graph.setdefault(list_id, set()).add(nested_id)
    rules = connection.execute(select(list_rule.c.list_id, list_rule.c.expression)).all()
    names = {list_id: {term.name for term in terms(parse(text))} for list_id, text in rules}
    numbers = numbered(connection, {name for some in names.values() for name in some})
    for list_id, some in names.items():
        graph.setdefault(list_id, set()).update(numbers[name] for name in some)
    return {list_id: frozenset(parts) for list_id, parts in graph.items()}


def numbered(connection: Connection, addresses: Iterable[str]) -> dict[str, int]:
    """The numbers of lists by their main addresses; unknown ones are left out."""
    found: dict[str, int] = {}
    for some in batches(addresses, _BATCH):
        found.update(
            connection.execute(select(list_.c.address, list_.c.list_id).where(list_.c.address.in_(some))).all()
        )
    return found


def levels(graph: Mapping[int, Collection[int]]) -> dict[int, int]:
    """How many lists within lists each list has below it: a list after all that it is made of.

    Raises:
        CycleError: some lists are made of one another.
    """
    found: dict[int, int] = {}
    for start in graph:
        trail: list[int] = []
        _visit(graph, start, trail, found)
    return found


def _visit(graph: Mapping[int, Collection[int]], one: int, trail: list[int], found: dict[int, int]) -> int:
    if one in found:
        return found[one]
    if one in trail:
        raise CycleError([*trail[trail.index(one) :], one])
    if one not in graph:
        return 0
    trail.append(one)
    found[one] = 1 + max((_visit(graph, part, trail, found) for part in sorted(graph[one])), default=0)
    trail.pop()
    return found[one]


class CycleError(ListError):
    """Lists that are made of one another: `path` begins and ends with the same list."""

    def __init__(self, path: list[int]) -> None:
        self.path = path
        super().__init__(f"lists are made of one another: {path}")


def check(connection: Connection, list_id: int, parts: Collection[int]) -> None:
    """Whether a list can be made of these others.

    Raises:
        ListError: it would contain itself, or be too deep or too wide; names the lists.
    """
    if len(parts) > MAX_NESTED:
        raise ListError(f"a list is made of at most {MAX_NESTED} others")
    graph = load(connection) | {list_id: frozenset(parts)}
    try:
        found = levels(graph)
    except CycleError as error:
        names = _addresses(connection, error.path)
        raise ListError(f"{names[0]} would be a part of itself: {' contains '.join(names)}") from error
    deepest = max(found, key=found.__getitem__)
    if found[deepest] > MAX_LEVELS:
        (name,) = _addresses(connection, [deepest])
        raise ListError(f"{name} would have more than {MAX_LEVELS} levels of lists within lists")


def _addresses(connection: Connection, list_ids: list[int]) -> list[str]:
    rows = connection.execute(select(list_.c.list_id, list_.c.address).where(list_.c.list_id.in_(list_ids)))
    found = dict(rows.all())
    return [found[one] for one in list_ids]
