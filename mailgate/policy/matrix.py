"""The communication matrix: who may write to whom, as cells of data.

A cell says for writers of a profile, recipients of a profile (or lists of an audience), and what the two have in common
(the scope), whether messages pass, pass once somebody approved them, or are refused. `default_matrix.toml` is shipped;
a school changes it cell by cell. Nothing is allowed that no cell allows.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from itertools import product
from typing import Annotated, Final, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta

from directory.list_settings import Posting
from directory.membership import FACTS, OF_CITE, UNIONS
from directory.nomenclature import Profile


class Verdict(StrEnum):
    """What becomes of a message, the most open first."""

    ALLOW = "allow"
    MODERATE = "moderate"
    REFUSE = "refuse"


class Scope(StrEnum):
    """What a writer and a recipient have in common, the narrowest first. A class's guardians and its team belong to it,
    too; for a list it is the writer's own class, group, school or cité when the list is of that one.
    """

    OWN_CHILDREN = "own-children"
    OWN_PARENTS = "own-parents"
    OWN_CLASS = "own-class"
    OWN_GROUP = "own-group"
    OWN_SCHOOL = "own-school"
    SAME_CITE = "same-cite"
    ANYONE = "anyone"


OUTSIDE: Final = "outside"
"""In the place of a profile: everybody whose mail is not here."""
MANUAL: Final = "manual"
"""In the place of an audience: lists that the directory did not make."""
CITE: Final = "cite"
"""The kind of the lists of a cité scolaire."""

Cell: TypeAlias = tuple[str, str, Scope]
"""Writer, recipient, scope."""
Cells: TypeAlias = Mapping[Cell, Verdict]

WRITERS: Final = (*(profile.value for profile in Profile if profile is not Profile.SHARED), OUTSIDE)


def list_key(kind: str, audience: str, *, of_cite: bool = False) -> str:
    """How the matrix names lists of this kind and audience; `of_cite`: the list is of no school, but of a cité."""
    if kind in _AUDIENCES:
        return f"{kind}.{audience}"
    return f"{CITE}.{MANUAL}" if of_cite else MANUAL


_AUDIENCES: Final = {
    **{kind: (*audiences, *UNIONS.get(kind, ())) for kind, audiences in FACTS.items()},
    CITE: (*OF_CITE, MANUAL),
}
LISTS: Final = (*(f"{kind}.{audience}" for kind, found in _AUDIENCES.items() for audience in found), MANUAL)
RECIPIENTS: Final = (*(profile.value for profile in Profile), OUTSIDE, *LISTS)


class MatrixError(ValueError):
    """A file of cells that cannot be used: what is wrong, and where."""


class Relation(NamedTuple):
    """Something that a writer and a recipient have in common, by which school it holds, and that school's own cell."""

    scope: Scope
    school_id: int | None
    override: Verdict | None


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and the cell that it comes from; without a scope, no cell says anything.

    `posting` is what a list says of itself when that decides, not the matrix.
    """

    verdict: Verdict
    writer: str
    recipient: str
    scope: Scope | None
    school_id: int | None
    overridden: bool
    posting: Posting = Posting.POLICY
    moderated: bool = False
    """Whether the list has every message approved, where this one would pass otherwise."""


def decide(cells: Cells, writer: str, recipient: str, relations: Iterable[Relation]) -> Decision:
    """The narrowest scope with a cell decides; of several schools the most open one.

    What holds for who has no school does not, where a school at the same scope has a cell: it could never close one.
    """
    by_scope: dict[Scope, list[Decision]] = {}
    for scope, school_id, override in relations:
        verdict = override or cells.get((writer, recipient, scope))
        if verdict is not None:
            found = Decision(verdict, writer, recipient, scope, school_id, overridden=override is not None)
            by_scope.setdefault(scope, []).append(found)
    for scope in Scope:
        if scope in by_scope:
            of_schools = [decision for decision in by_scope[scope] if decision.school_id is not None]
            return min(of_schools or by_scope[scope], key=lambda decision: _OPENNESS[decision.verdict])
    return Decision(Verdict.REFUSE, writer, recipient, None, None, overridden=False)


_OPENNESS: Final = {verdict: rank for rank, verdict in enumerate(Verdict)}


@cache
def default_cells() -> Cells:
    """The matrix that is shipped."""
    return parse(resources.files("mailgate.policy").joinpath("default_matrix.toml").read_text(encoding="utf-8"))


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    writers: Annotated[list[str], Meta(min_length=1)] = msgspec.field(name="from")
    recipients: Annotated[list[str], Meta(min_length=1)] = msgspec.field(name="to")
    scope: Scope
    verdict: Verdict


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cells: Annotated[list[_Row], Meta(max_length=10_000)] = []


def parse(text: str) -> dict[Cell, Verdict]:
    """The cells of a TOML file. ``class.*`` stands for all audiences of a kind. Raises MatrixError."""
    try:
        rows = msgspec.convert(tomllib.loads(text), _File).cells
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise MatrixError(str(error)) from error
    found: dict[Cell, Verdict] = {}
    for number, row in enumerate(rows, 1):
        where = f"cell {number}"
        writers = [_writer(name, where) for name in row.writers]
        recipients = [key for name in row.recipients for key in _recipients(name, where)]
        for cell in product(writers, recipients, [row.scope]):
            if found.setdefault(cell, row.verdict) is not row.verdict:
                raise MatrixError(f"{where}: {describe(cell)} has another verdict above")
    return found


def cell(writer: str, recipient: str, scope: str) -> Cell:
    """One cell by its words. Raises MatrixError."""
    if scope not in list(Scope):
        raise MatrixError(f"{scope!r} is no scope; use one of {', '.join(Scope)}")
    [key] = _recipients(recipient, "recipient", one=True)
    return _writer(writer, "writer"), key, Scope(scope)


def describe(cell: Cell) -> str:
    """A cell in a few words."""
    writer, recipient, scope = cell
    return f"from {writer} to {recipient}, {scope}"


def _writer(name: str, where: str) -> str:
    if name not in WRITERS:
        raise MatrixError(f"{where}: {name!r} is no profile; use one of {', '.join(WRITERS)}")
    return name


def _recipients(name: str, where: str, *, one: bool = False) -> Iterator[str]:
    if name in RECIPIENTS:
        yield name
        return
    kind, _, audience = name.partition(".")
    if audience == "*" and kind in _AUDIENCES and not one:
        yield from (f"{kind}.{each}" for each in _AUDIENCES[kind])
        return
    raise MatrixError(f"{where}: {name!r} is neither a profile nor lists; use one of {', '.join(RECIPIENTS)}")
