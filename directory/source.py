"""A source of school data: what it is called, how it is written, whose numbers it uses."""

from __future__ import annotations

from collections.abc import Iterable
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


Feed: TypeAlias = tuple[Source, Iterable[Record]]
"""A source and all that it says: who and what is not there has left, as far as this source knows."""
