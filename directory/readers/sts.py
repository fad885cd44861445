"""STSWEB: `sts_emp_<UAI>_<year>.xml`, the staff and teaching services of one school (root STS_EDT).

Services come before the people that give them, so staff and services are held until the file has been read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

from directory import keys
from directory.model import (
    ClassRecord,
    DirectoryError,
    Function,
    GroupRecord,
    Mef,
    Place,
    Record,
    Rejected,
    School,
    Service,
    Staff,
    Subject,
)
from directory.readers.delivery import files
from directory.readers.elements import Document, Element, read_elements
from directory.readers.heading import Heading
from directory.readers.values import ID_LIMIT, title_of

STAFF_LIMIT: Final = 10_000
"""Members of staff of one school: twenty times the largest."""
_SERVICES_LIMIT: Final = 1_000
"""Services of one teacher."""

_ROOT: Final = "STS_EDT"
_DOCUMENTS: Final = {
    _ROOT: Document.of(
        "PARAMETRES NOMENCLATURES/MATIERES/MATIERE NOMENCLATURES/MEFS/MEF DONNEES/STRUCTURE/DIVISIONS/DIVISION "
        "DONNEES/STRUCTURE/GROUPES/GROUPE DONNEES/INDIVIDUS/INDIVIDU",
        "UAJ ANNEE_SCOLAIRE HORODATAGE DENOM_PRINC DENOM_COMPL LIBELLE_LONG LIBELLE_COURT MEFS_APPARTENANCE "
        "MEF_APPARTENANCE DIVISIONS_APPARTENANCE DIVISION_APPARTENANCE SERVICES SERVICE ENSEIGNANTS ENSEIGNANT "
        "CIVILITE SEXE NOM_USAGE NOM_PATRONYMIQUE PRENOM DATE_NAISSANCE FONCTION PROFS_PRINC PROF_PRINC "
        "CODE_STRUCTURE DATE_FIN DISCIPLINES DISCIPLINE",
    ),
    **dict.fromkeys(
        ("BEE_ELEVES", "BEE_RESPONSABLES", "BEE_STRUCTURES", "BEE_NOMENCLATURES", "BEE_COMMUN", "BEE_ETABLISSEMENTS")
    ),
    **dict.fromkeys(("BEE_GEOGRAPHIQUE", "BEE_PARAMETRES")),
}
"""What is read: the rest is not needed for mail, so it is never kept. SIECLE's exports may lie in the same folder."""
_UPWARD: Final = {"EDT_STS": "this is emp_sts, the file that goes up to STSWEB; export sts_emp from STSWEB"}
_TEACHING: Final = frozenset({"ENS", "DOC"})


def read_sts(path: Path, school_year: int, school: str = "") -> Iterator[Record]:
    """The records of one school: the XML file, a zip that holds it, or a folder with either.

    `school_year` is the first of the two calendar years; `school` the UAI that is expected, or empty. The key of the
    school is its UAI. Head teachers whose time ended before the export are not given.

    Raises:
        DirectoryError: no such file or two of them, of another school or year, malformed or hostile.
    """
    heading = Heading(school_year, school)
    read = ""
    for name, stream in files(path, nested=True):
        if not name.lower().endswith(".xml"):
            continue
        export = _Export(name, heading)
        for found, element in read_elements(stream, name, _DOCUMENTS, _UPWARD):
            if not found:
                if read:
                    raise DirectoryError(name, None, f"{read} is an export of STSWEB as well; keep one of the two")
                read = name
                heading.open(name)
            else:
                yield from export.take(found, element)
        heading.close()
        if read == name:
            yield from export.staff()
    if not read:
        raise DirectoryError(path.name, None, "no file sts_emp_<UAI>_<year>.xml; export it from STSWEB")


class _Export:
    """What has been read of the file."""

    def __init__(self, file: str, heading: Heading) -> None:
        self._file = file
        self._heading = heading
        self._day: date | None = None
        """When the export was made."""
        self._people: dict[str, Element] = {}
        self._services: dict[str, tuple[list[Service], list[Service]]] = defaultdict(lambda: ([], []))
        self._named_at: dict[str, int | None] = {}
        """The line at which each giver of services is named first."""

    def take(self, path: str, element: Element) -> Iterator[Record]:
        """One element; the records that it makes at once."""
        kind = element.name
        if path == "PARAMETRES":
            yield self._head(element)
            return
        self._heading.check(element)
        code = element.attributes.get("CODE", "")
        if kind == "INDIVIDU":
            self._individual(element)
        elif not code:
            yield Rejected(self._file, element.line, "", kind, element.one("LIBELLE_LONG")[:100], "without a code")
        elif kind == "MATIERE":
            yield Subject(code, element.one("LIBELLE_LONG", "LIBELLE_COURT"))
        elif kind == "MEF":
            yield Mef(code, element.one("LIBELLE_LONG", "LIBELLE_COURT"), stat="")
        else:
            yield self._taught(element, code)

    def staff(self) -> Iterator[Record]:
        """The members of staff, once the file has been read."""
        for number, element in self._people.items():
            yield from self._member(number, element)
        for number in sorted(self._services.keys() - self._people.keys()):
            why = "services of somebody who is not among the people of the file"
            yield Rejected(self._file, self._named_at[number], number, "ENSEIGNANT", number, why)

    def _head(self, element: Element) -> School:
        school = next(element.all("UAJ"), element)
        year = next(element.all("ANNEE_SCOLAIRE"), element)
        self._heading.read(element, school.attributes.get("CODE", ""), year.attributes.get("ANNEE", ""))
        self._day = keys.day_of(element.one("HORODATAGE")[: len("yyyy-mm-dd")])
        uai = self._heading.school
        kind = school.one("DENOM_PRINC").split()
        return School(uai, uai, "", kind[0].upper() if kind else "", school.one("DENOM_COMPL"))

    def _taught(self, element: Element, code: str) -> ClassRecord | GroupRecord:
        """A class or a group; its services are kept for the teachers."""
        uai = self._heading.school
        of_group = element.name == "GROUPE"
        for service in element.all("SERVICES", "SERVICE"):
            subject = service.attributes.get("CODE_MATIERE", "")
            for teacher in service.all("ENSEIGNANTS", "ENSEIGNANT"):
                number = self._number(teacher)
                services = self._services[number][of_group]
                self._named_at.setdefault(number, teacher.line)
                services.append(Service(Place(uai, code), subject))
                if len(services) > _SERVICES_LIMIT or len(self._services) > STAFF_LIMIT:
                    raise DirectoryError(self._file, teacher.line, "too many services; the file is damaged or hostile")
        label = element.one("LIBELLE_LONG")
        if of_group:
            parts = element.all("DIVISIONS_APPARTENANCE", "DIVISION_APPARTENANCE")
            return GroupRecord(uai, code, label, _codes(parts))
        return ClassRecord(uai, code, label, _codes(element.all("MEFS_APPARTENANCE", "MEF_APPARTENANCE")))

    def _individual(self, element: Element) -> None:
        number = self._number(element)
        if number in self._people:
            raise DirectoryError(self._file, element.line, f"INDIVIDU {number} is there twice; export again")
        if len(self._people) >= STAFF_LIMIT:
            raise DirectoryError(self._file, element.line, f"more than {STAFF_LIMIT} people; the file is damaged")
        self._people[number] = element

    def _number(self, element: Element) -> str:
        """TYPE and ID together are unique in the file. Raises DirectoryError."""
        number = element.attributes.get("ID", "")
        if not 0 < len(number) <= ID_LIMIT // 2:
            raise DirectoryError(self._file, element.line, f"{element.name} has no usable ID; export again")
        return f"{element.attributes.get('TYPE', 'epp')[: ID_LIMIT // 2 - 1]}-{number}"

    def _member(self, number: str, element: Element) -> Iterator[Record]:
        birth_name = element.one("NOM_PATRONYMIQUE")
        sn, given = element.one("NOM_USAGE") or birth_name, element.one("PRENOM")
        written = element.one("DATE_NAISSANCE")
        day = keys.day_of(written)
        if written and day is None:
            yield Rejected(self._file, element.line, number, "DATE_NAISSANCE", written[:100], "not a date")
        functions = self._functions(element)
        classes, groups = self._services.get(number, ((), ()))
        yield Staff(
            id=number,
            sn=sn,
            given=given,
            title=title_of(element.one("CIVILITE", "SEXE")),
            functions=functions,
            classes=tuple(dict.fromkeys(classes)),
            groups=tuple(dict.fromkeys(groups)),
            head_of=tuple(dict.fromkeys(self._heads(element))),
            before_pupils=bool(classes or groups) or any(one.code in _TEACHING for one in functions),
            keys=tuple(dict.fromkeys((*keys.born(given, day, sn, birth_name), *keys.name(given, sn)))),
        )

    def _functions(self, element: Element) -> tuple[Function, ...]:
        """One function for each discipline; one without when there is none."""
        code, uai = element.one("FONCTION").upper(), self._heading.school
        if not code:
            return ()
        found = [
            Function(uai, code, one.attributes.get("CODE", ""), one.one("LIBELLE_LONG", "LIBELLE_COURT"))
            for one in element.all("DISCIPLINES", "DISCIPLINE")
        ]
        return tuple(dict.fromkeys(found)) or (Function(uai, code),)

    def _heads(self, element: Element) -> Iterator[Place]:
        for one in element.all("PROFS_PRINC", "PROF_PRINC"):
            end = keys.day_of(one.one("DATE_FIN"))
            if (name := one.one("CODE_STRUCTURE")) and not (end and self._day and end < self._day):
                yield Place(self._heading.school, name)


def _codes(elements: Iterator[Element]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(code for one in elements if (code := one.attributes.get("CODE", ""))))
