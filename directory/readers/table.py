"""Tables as spreadsheets save them: CSV with `;` or `,`, in UTF-8 or Windows-1252.

Every mistake is told, with file, line and column.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Final
from unicodedata import normalize

from directory.model import DirectoryError
from directory.names import CONTROL, folded

FILE_LIMIT: Final = 64 << 20
"""Bytes of one file, which is held whole while it is read."""
CELL_LIMIT: Final = 8_192
"""Characters of one cell."""
COLUMNS_LIMIT: Final = 200
PROBLEMS_SHOWN: Final = 100

_DELIMITERS: Final = (";", ",")
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(slots=True)
class Problems:
    """What is wrong with the files, to be told all at once."""

    told: list[tuple[str, int, str]] = field(default_factory=list)
    """File, line, and all of it in words."""
    count: int = 0

    def add(self, file: str, line: int | None, column: str, text: str) -> None:
        """One mistake; an empty `column` is the whole line, no `line` the whole file."""
        self.count += 1
        if self.count <= PROBLEMS_SHOWN:
            where = ", ".join(
                filter(None, (file, f"line {line}" if line else "", f"column {column}" if column else ""))
            )
            self.told.append((file, line or 0, f"{where}: {text}"))

    def check(self, source: str) -> None:
        """Raises DirectoryError when there was any."""
        if not self.count:
            return
        texts = [text for _, _, text in sorted(self.told, key=lambda one: one[:2])]
        more = [f"and {self.count - len(texts)} more"] if self.count > len(texts) else []
        counted = "1 mistake" if self.count == 1 else f"{self.count} mistakes"
        raise DirectoryError(source, None, "\n  ".join((f"{counted}; nothing is imported:", *texts, *more)))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: its cells by the names of the format; `headers` are the columns as the file calls them."""

    file: str
    line: int
    cells: Mapping[str, str]
    headers: Mapping[str, str]
    problems: Problems

    def __getitem__(self, column: str) -> str:
        """The cell, stripped; empty when the file has no such column."""
        return self.cells.get(column, "")

    def wrong(self, column: str, text: str) -> None:
        """Tell a mistake in a cell."""
        self.problems.add(self.file, self.line, self.headers.get(column, column), text)


@dataclass(frozen=True, slots=True)
class Table:
    """A file cut into lines and cells, without knowing yet what its columns are."""

    file: str
    lines: Sequence[tuple[int, Sequence[str]]]
    """Number and cells of each line that is not empty."""
    problems: Problems

    def header(self) -> Sequence[str]:
        """The cells of the first line."""
        return self.lines[0][1] if self.lines else ()

    def rows(self, columns: Sequence[str], names: Mapping[str, str], *, skip: int) -> Iterator[Row]:
        """The lines after the first `skip`: `columns` says which name of the format each cell has, or empty; `names` is
        what the file calls them. Lines with another number of cells are mistakes.
        """
        width = len(columns)
        for number, cells in self.lines[skip:]:
            if len(cells) < width or any(cells[width:]):
                text = f"{len(cells)} cells instead of {width}; look for a missing or unquoted separator"
                self.problems.add(self.file, number, "", text)
                continue
            kept = {column: cell for column, cell in zip(columns, cells, strict=False) if column}
            row = Row(self.file, number, kept, names, self.problems)
            if not _refused(row):
                yield row


def _refused(row: Row) -> bool:
    refused = False
    for column, cell in row.cells.items():
        if CONTROL.search(cell):
            row.wrong(column, "a line break or another control character; write the value in one line")
            refused = True
        elif len(cell) > CELL_LIMIT:
            row.wrong(column, f"more than {CELL_LIMIT} characters")
            refused = True
    return refused


def read_table(stream: IO[bytes], file: str, problems: Problems, *, raw: bool = False) -> Table:
    """The file cut into cells, which are stripped, their letters composed (NFC): a class is one however its accents are
    written. What is wrong with the file as a whole goes to `problems`.

    A `raw` file is cut at each `;`, as programs write that know no quotation marks.
    """
    content = stream.read(FILE_LIMIT + 1)
    if len(content) > FILE_LIMIT:
        problems.add(file, None, "", f"the file is larger than {FILE_LIMIT >> 20} MiB")
        return Table(file, (), problems)
    text = _decoded(content, file, problems)
    lines: list[tuple[int, Sequence[str]]] = []
    lines_of_text = io.StringIO(text, newline="")
    if raw:
        reader = csv.reader(lines_of_text, delimiter=_DELIMITERS[0], quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines_of_text, delimiter=_delimiter(text), strict=True)
    number = 1
    try:
        for cells in reader:
            stripped = [normalize("NFC", cell).strip(" \t\u00a0") for cell in cells]
            if len(cells) > COLUMNS_LIMIT:
                problems.add(file, number, "", f"more than {COLUMNS_LIMIT} cells")
                break
            if any(stripped):
                lines.append((number, stripped))
            number = reader.line_num + 1
    except csv.Error as error:
        problems.add(file, number, "", f"not CSV ({error}); look for a quotation mark that is not closed")
    return Table(file, lines, problems)


def _decoded(content: bytes, file: str, problems: Problems) -> str:
    """UTF-8 when it is, Windows-1252 otherwise."""
    if content.startswith(_UTF16_MARKS) or b"\0" in content[:1_000]:
        problems.add(file, None, "", "not UTF-8; save the sheet as “CSV UTF-8”")
        return ""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        failed = error
    try:
        if not content.startswith(_UTF8_MARK):
            return content.decode("cp1252")
    except UnicodeDecodeError as error:
        failed = error
    line = content.count(b"\n", 0, failed.start) + 1
    problems.add(file, line, "", "a letter is neither UTF-8 nor Windows-1252; save the sheet as “CSV UTF-8”")
    return ""


def _delimiter(text: str) -> str:
    """The separator that is most often in the first line outside of quotation marks."""
    first = text.lstrip("\r\n").partition("\n")[0]
    outside = "".join(first.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)


def columns_of(table: Table, known: Mapping[str, str]) -> tuple[list[str], dict[str, str], list[str]]:
    """What the columns of a table with a header are: names of the format (empty for one that is not known), what the
    file calls each, and the headers that are not known. `known` is by folded name. A column twice is a mistake.
    """
    columns: list[str] = []
    names: dict[str, str] = {}
    unknown: list[str] = []
    line = table.lines[0][0] if table.lines else 1
    for header in table.header():
        column = known.get(folded(header), "")
        if column in names:
            table.problems.add(table.file, line, header[:40], f"the column {names[column]} says the same; keep one")
            column = ""
        elif column:
            names[column] = header
        elif header:
            unknown.append(header)
        columns.append(column)
    return columns, names, unknown
