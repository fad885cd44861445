"""A source of school data: what it is called, how it is written, whose numbers it uses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from directory.model import Record


class Format(StrEnum):
    """How a source is written."""

    AAF = "aaf"
    SDET = "sdet"
    SIECLE = "siecle"
    STS = "sts"
    SCRIBE = "scribe"
    LCS = "lcs"
    GEPI = "gepi"
    CSV = "csv"


_ACADEMIC = frozenset({Format.AAF, Format.SDET})
"""Formats whose numbers of people are those of the academy (ENTPersonJointure)."""
_PASSING = frozenset({Format.STS})
"""Formats whose numbers of people are unique in one file only."""
LIVE = frozenset({Format.SDET, Format.LCS, Format.SCRIBE})
"""Formats of LDAP servers."""
OF_ONE_SCHOOL = frozenset({Format.SIECLE, Format.STS, Format.GEPI, Format.LCS, Format.SCRIBE})
"""Formats that tell of one school."""
ACADEMIC = "aaf"
"""The space of the academy's own numbers."""


@dataclass(frozen=True, slots=True)
class Source:
    """One source of one academy.

    `name` is unique; `school` is the UAI of the only school it tells of, or empty. `academic` says that its numbers of
    people are those of the academy, whatever the format.
    """

    name: str
    format: Format
    school: str = ""
    academic: bool = False

    @property
    def space(self) -> str:
        """Where its numbers of people are unique, together with the academy: two sources of one space mean the same
        person by the same number.
        """
        if self.academic or self.format in _ACADEMIC:
            return ACADEMIC
        return f"{self.format}:{self.school or self.name}"

    def space_of(self, kind: str) -> str:
        """Where its numbers of people of one kind (pupil, relative, staff) are unique: only the academy has one series
        for all.
        """
        return self.space if self.space == ACADEMIC else f"{self.space}/{kind}"

    def number(self, number: str, keys: Sequence[str]) -> str:
        """The number by which a person is known from one import to the next. A number that another person may have in
        the next export counts with the surest key only.
        """
        return f"{number}/{keys[0]}" if keys and self.format in _PASSING and not self.academic else number


Feed: TypeAlias = tuple[Source, Iterable[Record]]
"""A source and all that it says: who and what is not there has left, as far as this source knows."""
