"""School and year in the heading of exports of one school: checked before anything is taken from a file."""

from __future__ import annotations

import re

from directory.model import DirectoryError
from directory.readers.elements import Element
from directory.readers.values import is_uai
from directory.school_year import year_label

_YEAR = re.compile(r"\d{4}")


class OtherYearError(DirectoryError):
    """The file is of another school year: of `year`."""

    def __init__(self, file: str, line: int | None, text: str, year: int) -> None:
        super().__init__(file, line, text)
        self.year = year


class Heading:
    """What the files of one export say they are of: all of them the same school, and the expected year.

    A base that is prepared for the next year answers for both, so the year is never guessed from a date.
    """

    def __init__(self, school_year: int, school: str) -> None:
        self._year = school_year
        self.school = school.upper()
        """The UAI: the expected one, or what the first file says."""
        self._first = ""
        self._file = ""
        self._seen = False

    def open(self, file: str) -> None:
        """A file begins."""
        self._file = file
        self._seen = False

    def read(self, element: Element, uai: str, year: str) -> None:
        """The heading of the file. Raises DirectoryError for another school or year."""
        uai = uai.upper()
        if not is_uai(uai) or not _YEAR.fullmatch(year):
            text = f"the heading names no school and year (UAI {uai[:20]!r}, year {year[:20]!r}); export again"
            raise DirectoryError(self._file, element.line, text)
        if int(year) != self._year:
            text = (
                f"the file is of the school year {year_label(int(year))}, not {year_label(self._year)}; choose the "
                "year in the application and export again"
            )
            raise OtherYearError(self._file, element.line, text, int(year))
        if self.school and uai != self.school:
            expected = f"{self._first} is of {self.school}" if self._first else f"{self.school} is expected"
            text = f"the file is of the school {uai}, but {expected}; give the files of one school"
            raise DirectoryError(self._file, element.line, text)
        self.school = uai
        self._first = self._first or self._file
        self._seen = True

    def check(self, element: Element) -> None:
        """Raises DirectoryError when a record comes before the heading."""
        if not self._seen:
            raise DirectoryError(
                self._file, element.line, "no heading (PARAMETRES) before the first record; export again"
            )

    def close(self) -> None:
        """A file ends; one that is left alone needs no heading. Raises DirectoryError when there was none."""
        if self._file and not self._seen:
            raise DirectoryError(self._file, None, "no heading (PARAMETRES); export again")
