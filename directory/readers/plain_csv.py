"""CSV: three tables that anybody can write, of pupils, relatives and staff (docs/administrators.md tells the columns).

Which table a file is, its columns tell. All three are wanted, as absence is deletion: a table without lines says that
there is nobody. Every mistake of all files is told at once, with file, line and column. The people are held until the
tables have been compared with one another.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from directory import keys
from directory.model import (
    ClassRecord,
    Function,
    GroupRecord,
    Link,
    Place,
    Pupil,
    Record,
    Rejected,
    Relative,
    School,
    Service,
    Staff,
)
from directory.names import folded
from directory.nomenclature import LEGAL_GUARDIAN, SDET_OF_FUNCTION, VOID_FUNCTION, modern_link
from directory.readers.delivery import files
from directory.readers.table import Problems, Row, Table, columns_of, read_table
from directory.readers.values import ID_LIMIT, is_uai, title_of

_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "uai": ("UAI", "RNE", "School", "Établissement"),
    "id": ("Id", "Identifiant", "Number", "Numéro"),
    "ine": ("INE", "National number"),
    "title": ("Civilité", "Title"),
    "sn": ("Nom", "Surname", "Name"),
    "given": ("Prénom", "Given name", "First name"),
    "born": ("Naissance", "Date de naissance", "Born", "Date of birth"),
    "class": ("Classe", "Class"),
    "mef": ("MEF", "Programme"),
    "level": ("Niveau", "Level"),
    "groups": ("Groupes", "Groups"),
    "mail": ("Courriel", "Mail", "E-mail", "Email"),
    "mobile": ("Mobile", "Portable", "Mobile phone"),
    "address": ("Adresse", "Address"),
    "children": ("Enfants", "Enfants (id:lien:légal)", "Children", "Children (id:link:legal)"),
    "function": ("Fonction", "Function"),
    "discipline": ("Discipline", "Subject"),
    "classes": ("Classes",),
    "head_of": ("Professeur principal", "Head teacher of"),
}
"""What the columns may be called, in French and English: accents, capitals and punctuation do not matter."""
_KNOWN: Final = {folded(name): column for column, names in _COLUMNS.items() for name in names}
_TABLES: Final = {
    "relatives": ("children", ("id", "sn", "given", "children")),
    "staff": ("function", ("id", "sn", "given", "function")),
    "pupils": ("class", ("id", "sn", "given", "class")),
}
"""The column that tells a table, and those that it must have."""
_BETWEEN: Final = "|"
_LOST: Final = "?"
_CHILD: Final = re.compile(r"([^:|]+?)(?:\s*:\s*(\d{1,2})(?:\s*:\s*([012]))?)?")
_OTHER_LINK: Final = "90"
_MANY: Final = 200
"""Names in one cell."""


def read_csv(path: Path, school: str = "") -> Iterator[Record]:
    """The records of the tables in a folder or an archive.

    `school` is the UAI of the people of tables without the column UAI, and the only one that may be in it; without it
    the column is wanted. The key of a school is its UAI; its name and kind are not in the tables. Classes and groups
    are those of the pupils. A letter that was lost when the file was saved (`?`) and a column that is not known are
    reported.

    Raises:
        DirectoryError: all the mistakes of all files.
    """
    tables = _Tables(Problems(), school.upper())
    for name, stream in files(path):
        if name.lower().endswith((".csv", ".txt")):
            tables.take(read_table(stream, name, tables.problems))
    tables.compare(path.name)
    tables.problems.check(path.name)
    yield from tables.records()


class _Tables:
    """What has been read of the tables."""

    def __init__(self, problems: Problems, school: str) -> None:
        self.problems = problems
        self._school = school
        self._files: dict[str, str] = {}
        self._read: set[str] = set()
        """Tables with the columns that they must have."""
        self._schools: set[str] = set()
        self._pupils: dict[str, Pupil] = {}
        self._relatives: dict[str, Relative] = {}
        self._staff: dict[str, Staff] = {}
        self._children: list[tuple[Row, str, Link]] = []
        """Where each link is said, the number of the pupil, the link."""
        self._reported: list[Rejected] = []

    def take(self, table: Table) -> None:
        """One file."""
        if not table.lines:
            return
        columns, names, unknown = columns_of(table, _KNOWN)
        kind = next((kind for kind, (mark, _) in _TABLES.items() if mark in names), "")
        first = table.lines[0][0]
        if not kind:
            text = "no table of pupils (column Classe), relatives (Enfants) or staff (Fonction)"
            self.problems.add(table.file, first, "", text)
            return
        if kind in self._files:
            self.problems.add(table.file, None, "", f"{self._files[kind]} is a table of {kind} as well; keep one")
            return
        self._files[kind] = table.file
        wanted = (*_TABLES[kind][1], *(("uai",) if kind != "relatives" and not self._school else ()))
        if missing := [_COLUMNS[column][0] for column in wanted if column not in names]:
            self.problems.add(table.file, first, "", f"no column {', '.join(missing)}")
            return
        for header in unknown:
            self._reported.append(Rejected(table.file, first, "", header[:100], "", "this column is not read"))
        self._read.add(kind)
        read = {"pupils": self._pupil, "relatives": self._relative, "staff": self._member}[kind]
        for row in table.rows(columns, names, skip=1):
            self._report_lost(row)
            read(row, self._identified(row))

    def compare(self, source: str) -> None:
        """What only all tables together tell."""
        missing = _TABLES.keys() - self._files.keys() if not self.problems.count or not self._files else ()
        for kind, (mark, _) in _TABLES.items():
            if kind in missing:
                text = (
                    f"no table of {kind} (column {_COLUMNS[mark][0]}); if there are none, give one with its header only"
                )
                self.problems.add(source, None, "", text)
        links: dict[str, list[Link]] = defaultdict(list)
        for row, child, link in self._children:
            if child in self._pupils:
                links[child].append(link)
            elif "pupils" in self._read:
                row.wrong("children", f"no pupil has the number {child[:ID_LIMIT]!r}")
        for number, found in links.items():
            self._pupils[number] = replace(self._pupils[number], links=tuple(dict.fromkeys(found)))

    def records(self) -> Iterator[Record]:
        """All that the tables say."""
        yield from self._reported
        for uai in sorted(self._schools):
            yield School(uai, uai, "", "", "")
        yield from _structures(self._pupils.values())
        yield from self._relatives.values()
        yield from self._pupils.values()
        yield from self._staff.values()

    def _identified(self, row: Row) -> str:
        number = row["id"]
        if not 0 < len(number) <= ID_LIMIT:
            row.wrong("id", f"a number of at most {ID_LIMIT} characters is wanted")
        for column in ("sn", "given"):
            if not row[column]:
                row.wrong(column, "a name is wanted")
        return number

    def _pupil(self, row: Row, number: str) -> None:
        if number in self._pupils:
            row.wrong("id", f"the pupil {number!r} is there twice")
        uai, sn, given = self._uai(row), row["sn"], row["given"]
        found = (*keys.ine(row["ine"]), *_born(row), *keys.name(given, sn))
        self._pupils[number] = Pupil(
            id=number,
            sn=sn,
            given=given,
            title=_title(row),
            school=uai,
            mef=row["mef"],
            level_label=row["level"],
            classes=(Place(uai, row["class"]),) if row["class"] else (),
            groups=_places(row, "groups", uai),
            keys=tuple(dict.fromkeys(found)),
        )

    def _relative(self, row: Row, number: str) -> None:
        if number in self._relatives:
            row.wrong("id", f"the relative {number!r} is there twice")
        mobiles = tuple(filter(None, map(keys.mobile, row["mobile"].split(_BETWEEN))))
        postal = keys.postal(row["address"])
        self._relatives[number] = Relative(
            number, number, row["sn"], row["given"], _title(row), row["mail"], mobiles, postal
        )
        for text in _names(row, "children"):
            match = _CHILD.fullmatch(text)
            if match is None:
                row.wrong("children", f"{text[:40]!r} is not id:link:legal, as 1201:10:1")
                continue
            child, link, legal = match[1], int(match[2] or _OTHER_LINK), int(match[3] or LEGAL_GUARDIAN)
            self._children.append((row, child, Link(number, *modern_link(link, legal))))

    def _member(self, row: Row, number: str) -> None:
        """A line of somebody in one school; who is in several has a line for each."""
        uai, sn, given, title = self._uai(row), row["sn"], row["given"], _title(row)
        functions = self._functions(row, uai)
        classes = tuple(Service(place) for place in _places(row, "classes", uai))
        groups = tuple(Service(place) for place in _places(row, "groups", uai))
        heads = _places(row, "head_of", uai)
        before = self._staff.get(number)
        if before is None:
            before = Staff(number, sn, given, title, keys=tuple(dict.fromkeys((*_born(row), *keys.name(given, sn)))))
        elif (before.sn, before.given) != (sn, given):
            row.wrong(
                "id", f"{number!r} is {before.given} {before.sn} on an earlier line; who is in two schools has one name"
            )
        self._staff[number] = replace(
            before,
            functions=tuple(dict.fromkeys((*before.functions, *functions))),
            classes=tuple(dict.fromkeys((*before.classes, *classes))),
            groups=tuple(dict.fromkeys((*before.groups, *groups))),
            head_of=tuple(dict.fromkeys((*before.head_of, *heads))),
            before_pupils=before.before_pupils or bool(classes or groups),
        )

    def _functions(self, row: Row, uai: str) -> tuple[Function, ...]:
        code = row["function"].upper()
        if not code:
            return ()
        if code not in SDET_OF_FUNCTION and code != VOID_FUNCTION:
            row.wrong("function", f"{code[:40]!r} is not one of {', '.join(SDET_OF_FUNCTION)}")
        # The tables have no codes of disciplines: the words stand for themselves.
        return (Function(uai, code, row["discipline"], row["discipline"]),)

    def _uai(self, row: Row) -> str:
        uai = row["uai"].upper() or self._school
        if not is_uai(uai):
            row.wrong("uai", f"{uai[:40]!r} is not the code of a school: seven digits and their letter")
        elif self._school and uai != self._school:
            row.wrong("uai", f"{uai} is another school than {self._school}, which this source is of")
        self._schools.add(uai)
        return uai

    def _report_lost(self, row: Row) -> None:
        for column, cell in row.cells.items():
            if _LOST in cell:
                why = "a letter was lost (?) when the sheet was saved; save it as “CSV UTF-8”"
                header = row.headers.get(column, column)
                self._reported.append(Rejected(row.file, row.line, row["id"][:ID_LIMIT], header[:100], cell[:100], why))


def _structures(pupils: Iterable[Pupil]) -> Iterator[Record]:
    """Classes with the programmes of their pupils, groups with the classes of theirs."""
    classes: dict[Place, dict[str, None]] = {}
    groups: dict[Place, dict[str, None]] = {}
    for pupil in pupils:
        for place in pupil.classes:
            classes.setdefault(place, {}).update({pupil.mef: None} if pupil.mef else {})
        for place in pupil.groups:
            groups.setdefault(place, {}).update(dict.fromkeys(each.name for each in pupil.classes))
    for place, mefs in classes.items():
        yield ClassRecord(place.school, place.name, "", tuple(mefs))
    for place, names in groups.items():
        yield GroupRecord(place.school, place.name, "", tuple(names))


def _born(row: Row) -> tuple[str, ...]:
    day = keys.day_of(row["born"])
    if row["born"] and day is None:
        row.wrong("born", f"{row['born'][:40]!r} is not a date; write it as 31/12/2012")
    return keys.born(row["given"], day, row["sn"])


def _title(row: Row) -> str:
    title = title_of(row["title"])
    if row["title"] and not title:
        row.wrong("title", f"{row['title'][:40]!r} is neither M. nor Mme")
    return title


def _names(row: Row, column: str) -> list[str]:
    found = [text for part in row[column].split(_BETWEEN) if (text := part.strip())]
    if len(found) > _MANY:
        row.wrong(column, f"more than {_MANY} names")
    return found


def _places(row: Row, column: str, uai: str) -> tuple[Place, ...]:
    return tuple(dict.fromkeys(Place(uai, name) for name in _names(row, column)))
