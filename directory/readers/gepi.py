"""GEPI: the tables that its page “Export des tables” (init_csv) writes for one school.

The files have no header (one is passed over), `;` between the cells and no quotation marks:

* ``g_eleves.csv``: surname; first name; date of birth; ELENOET; INE; …
* ``g_eleves_classes.csv``: ELENOET; class
* ``g_responsables.csv``: ELENOET; surname; first name; title; address in four cells, or five
* ``g_professeurs.csv``: surname; first name; title; …
* ``g_prof_disc_classes.csv``: login; subject; classes between `!`; CG (the whole class) or OPT (an option)
* ``g_disciplines.csv``: subject; label
* ``g_eleves_options.csv``: ELENOET; subjects between `!`

They hold no UAI, no programme, no number of a relative or of a teacher, and no login beside a teacher's name: a login
is matched with the names by GEPI's own ways to make one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

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
    Subject,
)
from directory.names import folded
from directory.nomenclature import LEGAL_GUARDIAN
from directory.readers.delivery import files
from directory.readers.table import Problems, Row, Table, read_table
from directory.readers.values import is_uai, title_of

_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "g_eleves.csv": ("sn", "given", "born", "number", "ine", "", "", "", "title"),
    "g_eleves_classes.csv": ("number", "class"),
    "g_responsables.csv": ("number", "sn", "given", "title", "line1", "line2", "zip", "town"),
    "g_professeurs.csv": ("sn", "given", "title", ""),
    "g_prof_disc_classes.csv": ("login", "subject", "classes", "type"),
    "g_disciplines.csv": ("subject", "label"),
    "g_eleves_options.csv": ("number", "subjects"),
}
_WANTED: Final = tuple(_COLUMNS)[:5]
_FRENCH: Final = {
    "sn": "Nom",
    "given": "Prénom",
    "born": "Date de naissance",
    "number": "n° identifiant interne",
    "ine": "n° identifiant national",
    "title": "Civilité",
    "class": "Classe",
    "login": "Login",
    "subject": "Matière",
    "classes": "Classes",
    "type": "Type",
    "subjects": "Matières",
}
"""What mistakes call the columns."""
_NINE: Final = ("number", "sn", "given", "title", "line1", "line2", "zip", "line3", "town")
"""Some versions write the first line of the address once more before the town."""
_BETWEEN: Final = "!"
_OPTION: Final = "OPT"
_OTHER_LINK: Final = 90
_LEAST: Final = 4
"""Letters of a surname that a login must begin or end with, unless the surname is shorter."""
_NUMBER: Final = re.compile(r"\d{1,20}")


def read_gepi(path: Path, school: str) -> Iterator[Record]:
    """The records of the tables in a folder or an archive; `school` is the UAI.

    Relatives of two pupils are one person when names and address agree. An option is a group named by its subject and
    classes: two halves of a class with one subject are one group, as GEPI's tables do not tell them apart.

    Raises:
        DirectoryError: a file is missing, or all the mistakes of all files.
    """
    problems = Problems()
    if not is_uai(school.upper()):
        problems.add(path.name, None, "", f"{school[:40]!r} is not the code of a school: GEPI's tables do not hold it")
    tables = _Tables(problems, school.upper())
    read: set[str] = set()
    for name, stream in files(path):
        kind = name.lower()
        if kind in _COLUMNS:
            read.add(kind)
            tables.take(kind, read_table(stream, name, problems, raw=True))
    if missing := [name for name in _WANTED if name not in read]:
        problems.add(path.name, None, "", f"{', '.join(missing)} missing: export the tables again from GEPI")
    problems.check(path.name)
    yield from tables.records()


class _Option(NamedTuple):
    """A subject that some pupils of some classes take."""

    subject: str
    classes: tuple[str, ...]


class _Tables:
    """What has been read of the tables."""

    def __init__(self, problems: Problems, school: str) -> None:
        self._problems = problems
        self._school = school
        self._rows: dict[str, list[Row]] = {name: [] for name in _COLUMNS}

    def take(self, kind: str, table: Table) -> None:
        """One file."""
        columns = _COLUMNS[kind]
        if kind == "g_responsables.csv" and any(len(cells) > 8 and cells[8] for _, cells in table.lines):  # noqa: PLR2004 - the town
            columns = _NINE
        rows = list(table.rows(columns, _FRENCH, skip=_is_header(kind, table.header())))
        for row in rows:
            if "number" in columns and not _NUMBER.fullmatch(row["number"]):
                row.wrong("number", f"{row['number'][:40]!r} is not a number")
            for column in ("sn", "class", "subject", "login"):
                if column in columns and not row[column]:
                    row.wrong(column, "empty")
        self._rows[kind] = rows

    def records(self) -> Iterator[Record]:
        """All that the tables say."""
        uai = self._school
        yield School(uai, uai, "", "", "")
        labels = {row["subject"]: row["label"] for row in self._rows["g_disciplines.csv"]}
        for subject, label in labels.items():
            yield Subject(subject, label)
        classes: dict[str, dict[str, None]] = defaultdict(dict)
        for row in self._rows["g_eleves_classes.csv"]:
            classes[row["number"]][row["class"]] = None
        for name in dict.fromkeys(name for names in classes.values() for name in names):
            yield ClassRecord(uai, name)
        options = self._options()
        for option in options:
            label = " ".join((labels.get(option.subject, option.subject), *option.classes))
            yield GroupRecord(uai, _name_of(option), label, option.classes)
        yield from self._staff()
        relatives, links = self._relatives()
        yield from relatives
        yield from self._pupils(classes, options, links)

    def _options(self) -> list[_Option]:
        rows = self._rows["g_prof_disc_classes.csv"]
        return list(dict.fromkeys(_Option(row["subject"], _names(row, "classes")) for row in rows if _is_option(row)))

    def _pupils(
        self, classes: dict[str, dict[str, None]], options: Sequence[_Option], links: dict[str, list[Link]]
    ) -> Iterator[Record]:
        taken = {row["number"]: row for row in self._rows["g_eleves_options.csv"]}
        for row in self._rows["g_eleves.csv"]:
            number, sn, given = row["number"], row["sn"], row["given"]
            own = tuple(classes.get(number, ()))
            if len(own) > 1:
                yield _rejected(
                    row, "class", ", ".join(own), "classes of several periods: the pupil is in each of them"
                )
            day = keys.day_of(row["born"])
            if day is None:
                yield _rejected(row, "born", row["born"], "not a date")
            groups: list[Place] = []
            for subject in _names(taken[number], "subjects") if number in taken else ():
                fitting = [option for option in options if option.subject == subject and {*option.classes} & {*own}]
                if len(fitting) == 1:
                    groups.append(Place(self._school, _name_of(fitting[0])))
                else:
                    why = "several groups of this subject have pupils of the class" if fitting else "no such group"
                    yield _rejected(taken[number], "subjects", subject, why)
            yield Pupil(
                id=number,
                sn=sn,
                given=given,
                title=title_of(row["title"]),
                school=self._school,
                classes=tuple(Place(self._school, name) for name in own),
                groups=tuple(dict.fromkeys(groups)),
                links=tuple(links.get(number, ())),
                keys=(*keys.ine(row["ine"]), *keys.born(given, day, sn), *keys.name(given, sn)),
            )

    def _relatives(self) -> tuple[list[Relative], dict[str, list[Link]]]:
        """The relatives and their links by pupil. There is a record for each pupil of a relative, numbered by the pupil
        and the names, so that who has several children is known by each of them and stays when the eldest leaves.
        """
        found: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
        for row in self._rows["g_responsables.csv"]:
            postal = keys.postal(" ".join(filter(None, (row["line1"], row["line2"]))), row["zip"], row["town"])
            found[folded(row["given"]), folded(row["sn"]), postal or row["number"]].append(row)
        relatives: list[Relative] = []
        links: dict[str, list[Link]] = defaultdict(list)
        for (given, sn, postal), rows in found.items():
            first = min(rows, key=lambda row: int(row["number"]))
            ref = f"{first['number']}/{given}/{sn}"
            address = postal if postal != first["number"] else ""
            title = title_of(first["title"])
            for pupil in sorted({row["number"] for row in rows}, key=int):
                number = f"{pupil}/{given}/{sn}"
                relatives.append(Relative(number, ref, first["sn"], first["given"], title, postal=address))
                links[pupil].append(Link(ref, _OTHER_LINK, LEGAL_GUARDIAN))
        return relatives, links

    def _staff(self) -> Iterator[Record]:
        people: dict[str, Row] = {}
        for row in self._rows["g_professeurs.csv"]:
            number = f"{folded(row['given'])}/{folded(row['sn'])}"
            if number in people:
                yield _rejected(row, "sn", row["sn"], "two teachers of one name: GEPI's tables do not tell who is who")
            people.setdefault(number, row)
        classes: dict[str, list[Service]] = defaultdict(list)
        groups: dict[str, list[Service]] = defaultdict(list)
        owners: dict[str, list[str]] = {}
        for row in self._rows["g_prof_disc_classes.csv"]:
            login = row["login"]
            if login not in owners:
                owners[login] = _owners(login, people)
                if len(owners[login]) != 1:
                    why = "the login fits several teachers" if owners[login] else "the login fits no teacher"
                    yield _rejected(row, "login", login, f"{why}: its services are left out")
            if len(owners[login]) != 1:
                continue
            if _is_option(row):
                place = Place(self._school, _name_of(_Option(row["subject"], _names(row, "classes"))))
                groups[owners[login][0]].append(Service(place, row["subject"]))
            else:
                places = [Place(self._school, name) for name in _names(row, "classes")]
                classes[owners[login][0]] += [Service(place, row["subject"]) for place in places]
        for number, row in people.items():
            yield Staff(
                id=number,
                sn=row["sn"],
                given=row["given"],
                title=title_of(row["title"]),
                functions=(Function(self._school, "ENS"),),
                classes=tuple(dict.fromkeys(classes[number])),
                groups=tuple(dict.fromkeys(groups[number])),
                before_pupils=True,
                keys=keys.name(row["given"], row["sn"]),
            )


def _is_header(kind: str, cells: Sequence[str]) -> bool:
    columns = _COLUMNS[kind]
    if "number" in columns:
        place = columns.index("number")
        return len(cells) > place and cells[place] != "" and not re.search(r"\d", cells[place])
    return bool(cells) and folded(cells[0]).split("-")[0] in ("nom", "login")


def _is_option(row: Row) -> bool:
    """As GEPI takes it: a course of several classes is an option."""
    return row["type"].upper() == _OPTION or len(_names(row, "classes")) > 1


def _names(row: Row, column: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for part in row[column].split(_BETWEEN) if (name := part.strip())))


def _name_of(option: _Option) -> str:
    return " ".join((option.subject, *option.classes))


def _owners(login: str, people: Mapping[str, Row]) -> list[str]:
    """Whose login this may be: those of whom it has the whole surname, else those of whom it has a beginning."""
    fits = {number: _fit(login, row["given"], row["sn"]) for number, row in people.items()}
    best = max(fits.values(), default=_NO_FIT)
    return [number for number, fit in fits.items() if fit == best] if best > _NO_FIT else []


_NO_FIT, _BEGINNING, _WHOLE = range(3)


def _fit(login: str, given: str, sn: str) -> int:
    """Whether GEPI may have made this login of these names: the surname, or a beginning of it, before or after a
    beginning of the first name, with a number for the second of a kind.
    """
    letters, surname, first = (re.sub(r"[^a-z]", "", folded(text)) for text in (login.rstrip("0123456789"), sn, given))
    found = _NO_FIT
    for length in range(len(letters) + 1):
        for one, other in ((letters[:length], letters[length:]), (letters[length:], letters[:length])):
            if len(one) >= min(_LEAST, len(surname)) and surname.startswith(one) and first.startswith(other):
                found = max(found, _WHOLE if one == surname else _BEGINNING)
    return found


def _rejected(row: Row, column: str, value: str, why: str) -> Rejected:
    return Rejected(row.file, row.line, row["number"], row.headers.get(column, column), value[:100], why)
