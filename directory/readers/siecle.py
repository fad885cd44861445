"""SIECLE: the exports of one school's base, read together (ElevesSansAdresses or ElevesAvecAdresses,
ResponsablesAvecAdresses, Structures, Nomenclature).

What a file holds is told by its root element, never by its name. Pupils' classes come after the pupils, and their
families from another file, so the people of the school are held until everything has been read; programmes, subjects,
classes and groups are given at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from directory import keys
from directory.model import (
    ClassRecord,
    DirectoryError,
    GroupRecord,
    Link,
    Mef,
    Place,
    Pupil,
    Record,
    Rejected,
    Relative,
    School,
    Subject,
)
from directory.nomenclature import CONTACT, IN_CHARGE, LEGAL_GUARDIAN, modern_link
from directory.readers.delivery import files
from directory.readers.elements import Document, Element, read_elements
from directory.readers.heading import Heading
from directory.readers.values import ID_LIMIT, title_of

PEOPLE_LIMIT: Final = 50_000
"""Pupils, and related persons, of one school: ten times the largest."""
_LINKS_LIMIT: Final = 40
"""Classes and groups of a pupil, and related persons of a pupil."""


_HEAD: Final = "UAJ ANNEE_SCOLAIRE "
_DOCUMENTS: Final = {
    "BEE_ELEVES": Document.of(
        "PARAMETRES DONNEES/ELEVES/ELEVE DONNEES/STRUCTURES/STRUCTURES_ELEVE",
        _HEAD + "ID_NATIONAL INE_RNIE INE_BEA NOM_DE_FAMILLE NOM_USAGE NOM PRENOM DATE_NAISS CODE_SEXE CODE_MEF "
        "DATE_SORTIE STRUCTURE CODE_STRUCTURE TYPE_STRUCTURE",
    ),
    "BEE_RESPONSABLES": Document.of(
        "PARAMETRES DONNEES/PERSONNES/PERSONNE DONNEES/RESPONSABLES/RESPONSABLE_ELEVE DONNEES/ADRESSES/ADRESSE",
        _HEAD + "NOM_DE_FAMILLE NOM_USAGE NOM PRENOM LC_CIVILITE MEL TEL_PORTABLE ADRESSE_ID "
        "ELEVE_ID PERSONNE_ID CODE_PARENTE RESP_LEGAL NIVEAU_RESPONSABILITE LIGNE1_ADRESSE LIGNE2_ADRESSE "
        "LIGNE3_ADRESSE LIGNE4_ADRESSE CODE_POSTAL LIBELLE_POSTAL",
    ),
    "BEE_STRUCTURES": Document.of(
        "PARAMETRES DONNEES/DIVISIONS/DIVISION DONNEES/GROUPES/GROUPE",
        _HEAD + "LIBELLE_LONG MEF_APPARTENANCE MEFS_APPARTENANCE CODE_MEF DIVISION_APPARTENANCE "
        "DIVISIONS_APPARTENANCE CODE_STRUCTURE",
    ),
    "BEE_NOMENCLATURES": Document.of(
        "PARAMETRES DONNEES/MEFS/MEF DONNEES/MATIERES/MATIERE",
        _HEAD + "LIBELLE_LONG FORMATION CODE_MEFSTAT MEF_RATTACHEMENT",
    ),
}
"""What is read: the rest is not needed for mail, so it is never kept."""

_LEFT_ALONE: Final = dict.fromkeys(
    ("BEE_COMMUN", "BEE_ETABLISSEMENTS", "BEE_GEOGRAPHIQUE", "BEE_PARAMETRES", "STS_EDT")
)
"""Other exports that may lie in the same folder."""
_UPWARD: Final = {"EDT_STS": "this is emp_sts, the file that goes up to STSWEB; give the exports of SIECLE"}
_FILE_OF: Final = {
    "BEE_ELEVES": "ElevesSansAdresses.xml",
    "BEE_RESPONSABLES": "ResponsablesAvecAdresses.xml",
    "BEE_STRUCTURES": "Structures.xml",
    "BEE_NOMENCLATURES": "Nomenclature.xml",
}
_INACTIVE: Final = "INACTIFS"
"""A division that stands for none."""


def read_siecle(path: Path, school_year: int, school: str = "") -> Iterator[Record]:
    """The records of one school: a folder, a zip (or a folder of zips), or one XML file for what it holds.

    `school_year` is the first of the two calendar years; `school` the UAI that is expected, or empty. Pupils that have
    left (DATE_SORTIE) are not given. The key of the school is its UAI; its name and kind are not in these files.

    Raises:
        DirectoryError: a file is missing, there twice, of another school or year, malformed or hostile.
    """
    base = _Base(Heading(school_year, school))
    read: dict[str, str] = {}
    for name, stream in files(path, nested=True):
        if not name.lower().endswith(".xml"):
            continue
        for found, element in read_elements(stream, name, {**_DOCUMENTS, **_LEFT_ALONE}, _UPWARD):
            if not found:
                if element.name in read:
                    text = f"{read[element.name]} is of the same kind (<{element.name}>); keep one of the two"
                    raise DirectoryError(name, None, text)
                read[element.name] = name
                base.heading.open(name)
            else:
                yield from base.take(name, found.removeprefix("DONNEES/"), element)
        base.heading.close()
    missing = [file for root, file in _FILE_OF.items() if root not in read]
    if not read or (missing and not (path.is_file() and len(read) == 1)):
        raise DirectoryError(path.name, None, f"{' and '.join(missing)} missing: export all four from SIECLE")
    yield from base.people()


class _Base:
    """What has been read of a school's base."""

    def __init__(self, heading: Heading) -> None:
        self.heading = heading
        self._pupils: dict[str, Pupil] = {}
        self._places: dict[str, tuple[list[Place], list[Place]]] = {}
        self._relatives: dict[str, tuple[Relative, str]] = {}
        self._addresses: dict[str, str] = {}
        self._links: dict[str, list[Link]] = defaultdict(list)
        self._takers: Mapping[str, Callable[[str, Element], Iterator[Record]]] = {
            "ELEVES/ELEVE": self._pupil,
            "STRUCTURES/STRUCTURES_ELEVE": self._places_of_pupil,
            "PERSONNES/PERSONNE": self._relative,
            "RESPONSABLES/RESPONSABLE_ELEVE": self._link,
            "ADRESSES/ADRESSE": self._address,
            "DIVISIONS/DIVISION": self._class,
            "GROUPES/GROUPE": self._group,
            "MEFS/MEF": _mef,
            "MATIERES/MATIERE": _subject,
        }

    def take(self, file: str, path: str, element: Element) -> Iterator[Record]:
        """One element; the records that it makes at once."""
        if path == "PARAMETRES":
            self.heading.read(element, element.one("UAJ"), element.one("ANNEE_SCOLAIRE"))
            return
        self.heading.check(element)
        yield from self._takers[path](file, element)

    def people(self) -> Iterator[Record]:
        """The school and its people, once all files have been read."""
        uai = self.heading.school
        yield School(key=uai, uai=uai, siren="", kind="", name="")
        for relative, address in self._relatives.values():
            yield Relative(
                relative.id,
                relative.ref,
                relative.sn,
                relative.given,
                relative.title,
                relative.mail,
                relative.mobiles,
                self._addresses.get(address, ""),
            )
        for number, pupil in self._pupils.items():
            classes, groups = self._places.get(number, ((), ()))
            yield Pupil(
                id=number,
                sn=pupil.sn,
                given=pupil.given,
                title=pupil.title,
                school=uai,
                mef=pupil.mef,
                classes=tuple(dict.fromkeys(classes)),
                groups=tuple(dict.fromkeys(groups)),
                links=tuple(dict.fromkeys(self._links.get(number, ()))),
                keys=pupil.keys,
            )

    def _pupil(self, file: str, element: Element) -> Iterator[Record]:
        number = _number(file, element, element.attributes.get("ELEVE_ID", ""), self._pupils)
        if element.has("DATE_SORTIE"):
            return
        birth_name = element.one("NOM_DE_FAMILLE", "NOM")
        sn, given = element.one("NOM_USAGE") or birth_name, element.one("PRENOM")
        day = keys.day_of(element.one("DATE_NAISS"))
        if day is None:
            yield Rejected(file, element.line, number, "DATE_NAISS", element.one("DATE_NAISS")[:100], "not a date")
        national = [key for name in ("ID_NATIONAL", "INE_RNIE", "INE_BEA") for key in keys.ine(element.one(name))]
        found = [*national, *keys.eleve(number), *keys.born(given, day, sn, birth_name), *keys.name(given, sn)]
        self._pupils[number] = Pupil(
            id=number,
            sn=sn,
            given=given,
            title=title_of(element.one("CODE_SEXE")),
            school=self.heading.school,
            mef=element.one("CODE_MEF"),
            keys=tuple(dict.fromkeys(found)),
        )

    def _places_of_pupil(self, file: str, element: Element) -> Iterator[Record]:
        number = element.attributes.get("ELEVE_ID", "")
        places: tuple[list[Place], list[Place]] = ([], [])
        for one in element.all("STRUCTURE"):
            name, kind = one.one("CODE_STRUCTURE"), one.one("TYPE_STRUCTURE")
            if not name or kind not in ("D", "G"):
                why = "a class (D) or a group (G) with a name is wanted"
                yield Rejected(file, one.line, number, "STRUCTURE", f"{kind} {name}"[:100], why)
            elif name.upper() != _INACTIVE:
                places[kind == "G"].append(Place(self.heading.school, name))
        _limited(file, element, len(self._places), PEOPLE_LIMIT)
        _limited(file, element, max(map(len, places)), _LINKS_LIMIT)
        self._places[number] = places

    def _relative(self, file: str, element: Element) -> Iterator[Record]:
        number = _number(file, element, element.attributes.get("PERSONNE_ID", ""), self._relatives)
        mobile = keys.mobile(element.one("TEL_PORTABLE"))
        relative = Relative(
            id=number,
            ref=number,
            sn=element.one("NOM_USAGE") or element.one("NOM_DE_FAMILLE", "NOM"),
            given=element.one("PRENOM"),
            title=title_of(element.one("LC_CIVILITE")),
            mail=element.one("MEL"),
            mobiles=(mobile,) if mobile else (),
        )
        self._relatives[number] = relative, element.one("ADRESSE_ID")
        yield from ()

    def _link(self, file: str, element: Element) -> Iterator[Record]:
        pupil, relative = element.one("ELEVE_ID"), element.one("PERSONNE_ID")
        link = _link_of(element)
        if not pupil or not relative or link is None:
            names = ("ELEVE_ID", "PERSONNE_ID", "CODE_PARENTE", "NIVEAU_RESPONSABILITE", "RESP_LEGAL")
            value = " ".join(f"{name}={element.one(name)}" for name in names)
            why = "the pupil, the person, the link and the responsibility are numbers"
            yield Rejected(file, element.line, pupil[:ID_LIMIT], "RESPONSABLE_ELEVE", value[:100], why)
            return
        _limited(file, element, len(self._links), PEOPLE_LIMIT)
        self._links[pupil].append(Link(relative, *link))
        _limited(file, element, len(self._links[pupil]), _LINKS_LIMIT)

    def _address(self, file: str, element: Element) -> Iterator[Record]:
        lines = [element.one(f"LIGNE{number}_ADRESSE") for number in range(1, 5)]
        _limited(file, element, len(self._addresses), PEOPLE_LIMIT)
        self._addresses[element.attributes.get("ADRESSE_ID", "")] = keys.postal(
            " ".join(filter(None, lines)), element.one("CODE_POSTAL"), element.one("LIBELLE_POSTAL")
        )
        yield from ()

    def _class(self, file: str, element: Element) -> Iterator[Record]:
        name = element.attributes.get("CODE_STRUCTURE", "")
        mefs = [one.one("CODE_MEF") for one in element.all("MEF_APPARTENANCE")]
        mefs += [one.one("CODE_MEF") for one in element.all("MEFS_APPARTENANCE", "MEF_APPARTENANCE")]
        if not name:
            yield Rejected(file, element.line, "", "DIVISION", "", "a class without a name")
        elif name.upper() != _INACTIVE:
            label = element.one("LIBELLE_LONG")
            yield ClassRecord(self.heading.school, name, label, tuple(dict.fromkeys(filter(None, mefs))))

    def _group(self, file: str, element: Element) -> Iterator[Record]:
        name = element.attributes.get("CODE_STRUCTURE", "")
        classes = [one.one("CODE_STRUCTURE") for one in element.all("DIVISION_APPARTENANCE")]
        classes += [one.one("CODE_STRUCTURE") for one in element.all("DIVISIONS_APPARTENANCE", "DIVISION_APPARTENANCE")]
        if not name:
            yield Rejected(file, element.line, "", "GROUPE", "", "a group without a name")
        else:
            label = element.one("LIBELLE_LONG")
            yield GroupRecord(self.heading.school, name, label, tuple(dict.fromkeys(filter(None, classes))))


def _mef(file: str, element: Element) -> Iterator[Record]:
    if code := element.attributes.get("CODE_MEF", ""):
        label = element.one("LIBELLE_LONG", "FORMATION")
        yield Mef(code, label, element.one("CODE_MEFSTAT"), element.one("MEF_RATTACHEMENT"))
    else:
        yield Rejected(file, element.line, "", "MEF", element.one("LIBELLE_LONG")[:100], "a programme without a code")


def _subject(file: str, element: Element) -> Iterator[Record]:
    if code := element.attributes.get("CODE_MATIERE", ""):
        yield Subject(code, element.one("LIBELLE_LONG"))
    else:
        yield Rejected(file, element.line, "", "MATIERE", element.one("LIBELLE_LONG")[:100], "a subject without a code")


_NEW_LEVELS: Final = {"1": LEGAL_GUARDIAN, "2": IN_CHARGE, "3": CONTACT}
_OLD_LEVELS: Final = {"1": LEGAL_GUARDIAN, "2": LEGAL_GUARDIAN, "0": CONTACT}
_OTHER_LINK: Final = "90"


def _link_of(element: Element) -> tuple[int, int] | None:
    """Link and legal level in today's codes; None for codes that are none.

    NIVEAU_RESPONSABILITE wins over the older RESP_LEGAL, in which both 1 and 2 are legal guardians.
    """
    if element.has("NIVEAU_RESPONSABILITE"):
        legal = _NEW_LEVELS.get(element.one("NIVEAU_RESPONSABILITE"))
    else:
        legal = _OLD_LEVELS.get(element.one("RESP_LEGAL"))
    link = element.one("CODE_PARENTE") or _OTHER_LINK
    if legal is None or not (link.isascii() and link.isdigit() and len(link) <= len(_OTHER_LINK)):
        return None
    return modern_link(int(link), CONTACT)[0], legal


def _number(file: str, element: Element, number: str, known: Mapping[str, object]) -> str:
    """The number of a person, checked. Raises DirectoryError."""
    if not 0 < len(number) <= ID_LIMIT:
        raise DirectoryError(file, element.line, f"{element.name} has no usable number; export again from SIECLE")
    if number in known:
        raise DirectoryError(file, element.line, f"{element.name} {number} is there twice; export again from SIECLE")
    _limited(file, element, len(known), PEOPLE_LIMIT)
    return number


def _limited(file: str, element: Element, count: int, limit: int) -> None:
    if count > limit:
        raise DirectoryError(file, element.line, f"more than {limit} of {element.name}; the file is damaged or hostile")
