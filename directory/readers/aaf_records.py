"""AAF attributes to records: one converter per category. A composite value that does not fit is rejected, alone.

Attributes are those of a file or, once `held` has made digests of what serves only to recognise people, those that are
kept; converters take both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from directory import keys
from directory.model import (
    ClassRecord,
    Function,
    GroupRecord,
    Link,
    Mef,
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
from directory.nomenclature import LEGAL_GUARDIAN, modern_link

Attributes: TypeAlias = dict[str, list[str]]
"""The values of one record, by attribute; never an empty text."""

KEYS = "keys"
"""Among the attributes that are kept: the keys of `directory.keys` made of those that are not."""
_PERSON = ("sn", "givenName", "personalTitle")
_NAMES = ("sn", "givenName")
_BORN = ("ENTPersonDateNaissance", "ENTPersonNomPatro")
_RECOGNISES = frozenset({*_BORN, "ENTEleveINE", "ENTEleveStructRattachId"})
_POSTAL = ("ENTPersonAdresse", "ENTPersonCodePostal", "ENTPersonVille")
ATTRIBUTES: dict[str, frozenset[str]] = {
    "EtabEducNat": frozenset(
        {"ENTStructureUAI", "ENTEtablissementUAI", "ENTStructureSIREN", "ENTStructureNomCourant"}
        | {"ENTStructureTypeStruct", "ENTEtablissementStructRattachFctl", "ENTStructureClasses", "ENTStructureGroupes"}
    ),
    "Eleve": frozenset(
        {*_PERSON, "ENTPersonStructRattach", "ENTEleveMEF", "ENTEleveNivFormation", "ENTEleveClasses"}
        | {"ENTEleveGroupes", "ENTElevePersRelEleve", "ENTEleveAutoriteParentale", "ENTElevePere", "ENTEleveMere"}
        | {"ENTElevePersRelEleve1", "ENTElevePersRelEleve2", *_BORN, "ENTEleveINE", "ENTEleveStructRattachId"}
    ),
    "PersRelEleve": frozenset({*_PERSON, "mail", "mobile", *_POSTAL}),
    "PersEducNat": frozenset(
        {*_PERSON, "ENTPersonFonctions", "ENTAuxEnsClassesMatieres", "ENTAuxEnsGroupesMatieres", "ENTAuxEnsClasses"}
        | {"ENTAuxEnsGroupes", "ENTAuxEnsClassesPrincipal", "PersEducNatPresenceDevantEleves", *_BORN}
    ),
    "MefEducNat": frozenset({"ENTLibelleMef", "ENTMEFRattach", "ENTMEFSTAT11"}),
    "MatiereEducNat": frozenset({"ENTLibelleMatiere"}),
}
"""What is read of each category: the rest is not needed for mail, so it is never kept."""

_ACADEMY = re.compile(r"-ac-.*$", re.IGNORECASE)
_TYPE = re.compile(r"^[A-Z.]{2,6}[- ]+(?=\S)")
_KNOWN_TYPE = re.compile(r"^(?:CLG|COL|LYC|LP|LPO|LG|LGT|LT|EREA|ERPD|SEP|SEGPA)[- ]+(?=\S)")
"""How a name without its academy may begin: other capitals are the name itself (JEAN MOULIN)."""
_MANY = 1_000
_INSTEAD: dict[str, tuple[str, ...]] = {
    "ENTElevePersRelEleve": (
        "ENTEleveAutoriteParentale",
        "ENTElevePere",
        "ENTEleveMere",
        "ENTElevePersRelEleve1",
        "ENTElevePersRelEleve2",
    ),
    "ENTAuxEnsClassesMatieres": ("ENTAuxEnsClasses",),
    "ENTAuxEnsGroupesMatieres": ("ENTAuxEnsGroupes",),
}
"""Older attributes that mean nothing where the newer one is."""


def held(values: Mapping[str, Sequence[str]], before: Attributes | None = None) -> Attributes:
    """The attributes that are kept of a record: numbers and addresses that serve only to recognise people as digests.

    With `before`, what is kept already, `values` are those that replace others, whole: no value takes an attribute
    away. Of the keys of names and date of birth, which is not kept, those that another first name makes wrong go, and
    that of the former usage name; that of the birth name stays, since a name by marriage is another usage name.
    """
    kept = dict(before or {})
    renamed = {name for name in _NAMES if before and name in values and kept.get(name, []) != [*values[name]]}
    for name, found in values.items():
        if name not in _RECOGNISES:
            kept[name] = [text for value in found if (text := _veiled(name, value))]
    kept[KEYS] = _keys(values, kept, renamed)
    for newer, older in _INSTEAD.items():
        if kept.get(newer):
            for name in older:
                kept.pop(name, None)
    return {name: found for name, found in kept.items() if found}


def _keys(values: Mapping[str, Sequence[str]], kept: Attributes, renamed: Collection[str]) -> list[str]:
    def one(name: str) -> str:
        return (values.get(name) or kept.get(name) or ("",))[0]

    made: dict[str, Sequence[str]] = {
        kind: [key for key in kept.get(KEYS, ()) if keys.kind_of(key) == kind] for kind in ("ine", "eleve", "born")
    }
    if "ENTEleveINE" in values:
        made["ine"] = keys.ine(one("ENTEleveINE"))
    if "ENTEleveStructRattachId" in values:
        made["eleve"] = keys.eleve(one("ENTEleveStructRattachId"))
    if "ENTPersonDateNaissance" in values:
        day = keys.day_of(one("ENTPersonDateNaissance"))
        made["born"] = keys.born(one("givenName"), day, one("sn"), one("ENTPersonNomPatro"))
    elif "givenName" in renamed or "ENTPersonNomPatro" in values:
        made["born"] = ()
    elif "sn" in renamed:
        made["born"] = made["born"][-1:]
    return [key for found in made.values() for key in found]


def _veiled(name: str, value: str) -> str:
    if name == "mobile":
        return keys.mobile(value)
    return keys.postal(value) if name in _POSTAL else value


@dataclass(slots=True)
class _Reading:
    """The values of one record, and what was rejected of them."""

    file: str
    line: int | None
    id: str
    values: Attributes
    rejected: list[Record] = field(default_factory=list)

    def one(self, *names: str) -> str:
        """The first value of the first attribute that has one, or the empty text."""
        return next((self.values[name][0] for name in names if name in self.values), "")

    def split(self, name: str, least: int, most: int | None = None) -> Iterable[list[str]]:
        """The values of `name` cut at `$`: `least` to `most` parts (default: exactly `least`), the first two filled."""
        for value in self.values.get(name, ()):
            parts = [part.strip() for part in value.split("$")]
            if not least <= len(parts) <= (most or least):
                self.reject(name, value, f"{len(parts)} parts between $ signs instead of {least}")
            elif not all(parts[:2]):
                self.reject(name, value, "an empty part before or after the first $ sign")
            else:
                yield parts

    def keys(self) -> tuple[str, ...]:
        """The keys of a pupil or a member of staff, surest first."""
        return (*self.values.get(KEYS, ()), *keys.name(self.one("givenName"), self.one("sn")))

    def reject(self, name: str, value: str, why: str) -> None:
        self.rejected.append(Rejected(self.file, self.line, self.id, name, value[:100], why))

    def places(self, name: str) -> tuple[Place, ...]:
        return tuple(dict.fromkeys(Place(school, place) for school, place in self.split(name, 2)))

    def services(self, with_subject: str, without: str) -> tuple[Service, ...]:
        """From the attribute that tells the subject; from the other only when the first is absent."""
        if with_subject in self.values:
            found = [Service(Place(school, name), subject) for school, name, subject in self.split(with_subject, 3)]
        else:
            found = [Service(place) for place in self.places(without)]
        return tuple(dict.fromkeys(found))


def _structure(record: _Reading) -> list[Record]:
    kind = record.one("ENTStructureTypeStruct")
    uai = record.one("ENTStructureUAI", "ENTEtablissementUAI").upper()
    name = record.one("ENTStructureNomCourant")
    if kind.upper() in ("SANS OBJET", ""):
        kind = "ZONE"
    else:
        kind = kind.split()[0].upper()
        bare = _ACADEMY.sub("", name)
        name = (_KNOWN_TYPE if bare == name else _TYPE).sub("", bare)
    if not uai:
        record.reject("ENTStructureUAI", "", "a structure without UAI is left out")
        return []
    parent = record.one("ENTEtablissementStructRattachFctl")
    school = School(record.id, uai, record.one("ENTStructureSIREN"), kind, name or uai, parent)
    classes = [
        ClassRecord(record.id, parts[0], parts[1], tuple(filter(None, parts[2:])))
        for parts in record.split("ENTStructureClasses", 2, _MANY)
    ]
    groups = [
        GroupRecord(record.id, parts[0], parts[1], tuple(filter(None, parts[2:])))
        for parts in record.split("ENTStructureGroupes", 2, _MANY)
    ]
    return [school, *classes, *groups]


def _pupil(record: _Reading) -> list[Record]:
    classes = record.places("ENTEleveClasses")
    return [
        Pupil(
            id=record.id,
            sn=record.one("sn"),
            given=record.one("givenName"),
            title=record.one("personalTitle"),
            school=record.one("ENTPersonStructRattach") or next((place.school for place in classes), ""),
            mef=record.one("ENTEleveMEF"),
            level_label=record.one("ENTEleveNivFormation"),
            classes=classes,
            groups=record.places("ENTEleveGroupes"),
            links=tuple(dict.fromkeys(_links(record))),
            keys=record.keys(),
        )
    ]


def _links(record: _Reading) -> list[Link]:
    if "ENTElevePersRelEleve" not in record.values:
        return _older_links(record)
    found = []
    for relative, link, _, legal, _, _ in record.split("ENTElevePersRelEleve", 6):
        if link.isascii() and link.isdigit() and legal.isascii() and legal.isdigit() and len(link + legal) <= _CODES:
            found.append(Link(relative, *modern_link(int(link), int(legal))))
        else:
            record.reject("ENTElevePersRelEleve", "$".join((relative, link, legal)), "link and legal level are numbers")
    return found


_CODES = 4
"""Digits of a link code and a legal level together."""


def _older_links(record: _Reading) -> list[Link]:
    """Deliveries without the six-field value: the holders of parental authority are the legal guardians."""
    father, mother = record.one("ENTElevePere"), record.one("ENTEleveMere")
    holders = record.values.get("ENTEleveAutoriteParentale") or [
        value for name in ("ENTElevePersRelEleve1", "ENTElevePersRelEleve2") for value in record.values.get(name, ())
    ]
    codes = {father: 20, mother: 10}
    return [Link(holder, codes.get(holder, 90), LEGAL_GUARDIAN) for holder in holders]


def _relative(record: _Reading) -> list[Record]:
    return [
        Relative(
            id=record.id,
            ref=record.id,
            sn=record.one("sn"),
            given=record.one("givenName"),
            title=record.one("personalTitle"),
            mail=record.one("mail"),
            mobiles=tuple(record.values.get("mobile", ())),
            postal=keys.postal(*(record.one(name) for name in _POSTAL)),
        )
    ]


def _staff(record: _Reading) -> list[Record]:
    functions = [
        Function(parts[0], parts[1].upper(), *(part.strip() for part in parts[3:5]))
        for parts in record.split("ENTPersonFonctions", 5)
    ]
    return [
        Staff(
            id=record.id,
            sn=record.one("sn"),
            given=record.one("givenName"),
            title=record.one("personalTitle"),
            functions=tuple(dict.fromkeys(functions)),
            classes=record.services("ENTAuxEnsClassesMatieres", "ENTAuxEnsClasses"),
            groups=record.services("ENTAuxEnsGroupesMatieres", "ENTAuxEnsGroupes"),
            head_of=record.places("ENTAuxEnsClassesPrincipal"),
            before_pupils=record.one("PersEducNatPresenceDevantEleves").upper() == "O",
            keys=record.keys(),
        )
    ]


def _mef(record: _Reading) -> list[Record]:
    return [Mef(record.id, record.one("ENTLibelleMef"), record.one("ENTMEFSTAT11"), record.one("ENTMEFRattach"))]


def _subject(record: _Reading) -> list[Record]:
    return [Subject(record.id, record.one("ENTLibelleMatiere"))]


Converter: TypeAlias = Callable[[str, int | None, str, Attributes], list[Record]]


def _converter(convert: Callable[[_Reading], list[Record]]) -> Converter:
    def converted(file: str, line: int | None, identifier: str, values: Attributes) -> list[Record]:
        reading = _Reading(file, line, identifier, values)
        return [*convert(reading), *reading.rejected]

    return converted


CONVERTERS: dict[str, Converter] = {
    "EtabEducNat": _converter(_structure),
    "Eleve": _converter(_pupil),
    "PersRelEleve": _converter(_relative),
    "PersEducNat": _converter(_staff),
    "MefEducNat": _converter(_mef),
    "MatiereEducNat": _converter(_subject),
}
"""From file, line, id and the attributes that are kept (`held`) to records, by category."""
