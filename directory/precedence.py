"""Which source is believed about what: an order for each group of attributes, as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

from directory.source import Format, Source


class Group(StrEnum):
    """Attributes that one source says whole, for a school or (names, contact) for a person."""

    IDENTITY = "identity"
    """Who exists: pupils with their relatives, staff."""
    NAMES = "names"
    CONTACT = "contact"
    """Mail, mobile numbers and postal addresses of relatives."""
    CLASSES = "classes"
    """The class, the programme and the level of pupils."""
    GROUPS = "groups"
    """The teaching groups of pupils."""
    LINKS = "links"
    """Between pupils and their relatives."""
    SERVICES = "services"
    """Who teaches which class and group."""
    HEADS = "heads"
    """Head teachers of classes."""
    FUNCTIONS = "functions"
    """What staff do in a school."""
    STRUCTURES = "structures"
    """Labels of classes and groups, programmes of classes, classes of groups; names of schools."""
    NOMENCLATURE = "nomenclature"
    """Programmes and subjects."""


_AAF, _SDET, _SIECLE, _STS = Format.AAF, Format.SDET, Format.SIECLE, Format.STS
_LOCAL: Final = (Format.SCRIBE, Format.GEPI, Format.CSV, Format.LCS)
_OF_PEOPLE: Final = (_AAF, _SDET, _SIECLE, _STS, *_LOCAL)
_OF_TEACHERS: Final = (_STS, _AAF, _SDET, *_LOCAL, _SIECLE)
_OF_FUNCTIONS: Final = (_AAF, _SDET, _STS, Format.CSV, Format.SCRIBE, Format.LCS, Format.GEPI, _SIECLE)
"""Of the others, plain tables tell functions; Scribe and LCS tell teachers from staff, GEPI has teachers alone."""

DEFAULT: Final[Mapping[str, Sequence[str]]] = {
    Group.IDENTITY: _OF_PEOPLE,
    Group.NAMES: _OF_PEOPLE,
    Group.CONTACT: (_SIECLE, _AAF, _SDET, *_LOCAL, _STS),
    Group.CLASSES: _OF_PEOPLE,
    Group.GROUPS: _OF_PEOPLE,
    Group.LINKS: _OF_PEOPLE,
    Group.SERVICES: _OF_TEACHERS,
    Group.HEADS: _OF_TEACHERS,
    Group.FUNCTIONS: _OF_FUNCTIONS,
    Group.STRUCTURES: _OF_PEOPLE,
    Group.NOMENCLATURE: _OF_PEOPLE,
}
"""Formats, the best first."""


def best_first(sources: Iterable[Source], group: Group, wanted: Mapping[str, Sequence[str]]) -> list[Source]:
    """Sources, the best first, whatever order they come in.

    `wanted` holds formats or names of sources, the best first, for the groups that have an order of their own; what it
    does not name follows in the default order. Sources of one rank go by name.
    """
    chosen = [*wanted.get(group, ()), *DEFAULT[group]]

    def place(source: Source) -> tuple[int, str]:
        named = [number for number, text in enumerate(chosen) if text in (source.name, source.format)]
        return min(named, default=len(chosen)), source.name

    return sorted(sources, key=place)
