"""Scribe (EOLE): a school's LDAP tree in a dialect of SDET's, live or from an LDIF file.

The base names school and academy (``ou=<UAI>,ou=ac-…,ou=education,…``); people are below ``ou=utilisateurs``, groups
below ``ou=groupes``. Pupils have ``ENTEleveClasses`` (``<base>$<class>``) and SIECLE's number (``intid``), relatives
the DNs of their pupils; who teaches a class is in groups of the type ``Equipe``, named ``profs-<class>``; a head
teacher has ``typeadmin`` 2 and the classes in ``divcod``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from directory import keys
from directory.model import (
    ClassRecord,
    DirectoryError,
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
from directory.names import slug
from directory.nomenclature import CONTACT, LEGAL_GUARDIAN
from directory.readers.ldap_entry import Texts, spellings, texts_of
from directory.readers.ldap_tree import LdapSettings, Tree
from directory.readers.ldif import LdifTree
from directory.readers.sdet_dn import fold_dn
from directory.readers.values import ID_LIMIT, is_uai, title_of

_PEOPLE: Final = "ou=utilisateurs"
_GROUPS: Final = "ou=groupes"
_NAMES: Final = ("objectClass", "uid", "sn", "givenName", "personalTitle", "intid", "employeeNumber")
_BORN: Final = ("ENTPersonDateNaissance", "ENTPersonNomPatro", "ENTPersonSexe")
_PUPIL: Final = (*_NAMES, *_BORN, "Ine", "ENTEleveClasses", "ENTEleveGroupes", "ENTEleveMEF", "ENTEleveNivFormation")
_AUTHORITY: Final = "ENTEleveAutoriteParentale"
_RELATIVE: Final = (
    *(*_NAMES, "mail", "mobile", "ENTPersonAdresse", "ENTPersonCodePostal", "ENTPersonVille"),
    "ENTAuxPersRelEleveEleve",
)
_STAFF: Final = (*_NAMES, *_BORN, "typeadmin", "divcod")
_GROUP: Final = ("objectClass", "cn", "type", "memberUid")
"""All that is asked for: the rest is not needed for mail."""
_TEACHER: Final = "ENTAuxEnseignant"
_DIRECTOR: Final = "ENTDirecteur"
_OFFICE: Final = (_DIRECTOR, "ENTAuxNonEnsEtab", "ENTAuxNonEnsCollLoc", "ENTAuxNonEnsServAc")
_TEAM: Final = "profs-"
_HEAD_TEACHER: Final = "2"
_OTHER_LINK: Final = 90
_OWN_SCHOOL: Final = re.compile(r"(?:^|,)ou=(\d{7}[a-z])(?:,|$)")
LINKS_LIMIT: Final = 200_000
"""Links between pupils and relatives, members of teams: more than ten times the largest school."""


@dataclass(frozen=True, slots=True)
class ScribeSettings(LdapSettings):
    """`people` and `groups` are branches below `base`; without `school` the UAI is that in the base."""

    people: str = _PEOPLE
    groups: str = _GROUPS
    school: str = ""


def read_scribe(settings: ScribeSettings) -> Iterator[Record]:
    """Every record of a live tree; one page is held at a time, and what pupils have of relatives and teams.

    Raises:
        DirectoryError: the tree cannot be read to its end. What was given before must then be forgotten.
    """
    from directory.readers.ldap_server import opened  # noqa: PLC0415 - ldap3 costs 0.2 s

    with opened(settings) as tree:
        yield from _Scribe(tree, settings.school or _school_in(settings.base)).records(settings.people, settings.groups)


def read_scribe_ldif(path: Path, school: str) -> Iterator[Record]:
    """The same from an LDIF file. Raises DirectoryError."""
    yield from _Scribe(LdifTree(path), school).records(_PEOPLE, _GROUPS)


def _school_in(dn: str) -> str:
    """The UAI that a DN names, or the empty text."""
    try:
        match = _OWN_SCHOOL.search(fold_dn(dn))
    except ValueError:
        return ""
    return match[1].upper() if match else ""


@dataclass(slots=True)
class _Learnt:
    """What pupils tell of classes and groups."""

    mefs: dict[str, dict[str, None]] = field(default_factory=dict)
    """Programmes by class."""
    classes: dict[str, dict[str, None]] = field(default_factory=dict)
    """Classes by group."""


class _Scribe:
    def __init__(self, tree: Tree, school: str) -> None:
        self._tree = tree
        self._uai = school.upper()
        self._links: dict[str, list[str]] = defaultdict(list)
        """DNs of relatives by DN of the pupil."""
        if not is_uai(self._uai):
            raise DirectoryError(
                tree.source, None, f"{school[:40]!r} is not the code of a school, nor is one in the base"
            )

    def records(self, people: str, groups: str) -> Iterator[Record]:
        """All that the tree says."""
        yield School(self._uai, self._uai, "", "", "")
        yield from self._relatives(people)
        learnt = _Learnt()
        yield from self._pupils(people, learnt)
        for name, mefs in learnt.mefs.items():
            yield ClassRecord(self._uai, name, "", tuple(mefs))
        for name, classes in learnt.classes.items():
            yield GroupRecord(self._uai, name, "", tuple(classes))
        teams, unclear = self._teams(groups, learnt.mefs)
        yield from unclear
        yield from self._staff(people, teams)

    def _texts(self, branch: str, classes: tuple[str, ...], attributes: tuple[str, ...]) -> Iterator[Texts]:
        spelling = spellings(*attributes)
        for entry in self._tree.search(branch, classes, attributes):
            yield texts_of(entry, self._tree.source, spelling)

    def _relatives(self, branch: str) -> Iterator[Record]:
        links = 0
        for texts in self._texts(branch, ("ENTAuxPersRelEleve",), _RELATIVE):
            own = self._dn(texts.entry.dn)
            for pupil in texts.all("ENTAuxPersRelEleveEleve"):
                self._links[self._dn(pupil)].append(own)
                links += 1
                if links > LINKS_LIMIT:
                    raise DirectoryError(self._tree.source, None, f"more than {LINKS_LIMIT} links")
            number = self._number(texts)
            yield Relative(
                id=number,
                ref=own,
                sn=texts.one("sn"),
                given=texts.one("givenName"),
                title=title_of(texts.one("personalTitle")),
                mail=texts.one("mail"),
                mobiles=tuple(filter(None, map(keys.mobile, texts.all("mobile")))),
                postal=keys.postal(
                    texts.one("ENTPersonAdresse"), texts.one("ENTPersonCodePostal"), texts.one("ENTPersonVille")
                ),
            )
            yield from texts.reports(self._tree.source, number)

    def _pupils(self, branch: str, learnt: _Learnt) -> Iterator[Record]:
        for texts in self._texts(branch, ("ENTEleve",), (*_PUPIL, _AUTHORITY)):
            number = self._number(texts)
            classes, groups = self._places(texts, "ENTEleveClasses"), self._places(texts, "ENTEleveGroupes")
            mef = texts.one("ENTEleveMEF")
            for place in classes:
                learnt.mefs.setdefault(place.name, {}).update({mef: None} if mef else {})
            for place in groups:
                learnt.classes.setdefault(place.name, {}).update(dict.fromkeys(each.name for each in classes))
            holders = {self._dn(dn) for dn in texts.all(_AUTHORITY)}
            relatives = dict.fromkeys((*self._links.pop(self._dn(texts.entry.dn), ()), *sorted(holders)))
            yield Pupil(
                id=number,
                sn=texts.one("sn"),
                given=texts.one("givenName"),
                title=_title(texts),
                school=self._uai,
                mef=mef,
                level_label=texts.one("ENTEleveNivFormation"),
                classes=classes,
                groups=groups,
                # Without the attribute every relative is a guardian: Scribe makes accounts for these.
                links=tuple(
                    Link(dn, _OTHER_LINK, LEGAL_GUARDIAN if not holders or dn in holders else CONTACT)
                    for dn in relatives
                ),
                keys=(*keys.ine(texts.one("Ine")), *keys.eleve(texts.one("intid")), *_named(texts)),
            )
            yield from texts.reports(self._tree.source, number)

    def _staff(self, branch: str, teams: Mapping[str, list[str]]) -> Iterator[Record]:
        for texts in self._texts(branch, (_TEACHER, *_OFFICE), _STAFF):
            number = self._number(texts)
            classes = {name.lower() for name in texts.all("objectClass")}
            teaches = _TEACHER.lower() in classes
            code = "ENS" if teaches else "DIR" if _DIRECTOR.lower() in classes else "ADF"
            heads = texts.all("divcod") if texts.one("typeadmin") == _HEAD_TEACHER else ()
            names = teams.get(texts.one("uid").lower(), ())
            yield Staff(
                id=number,
                sn=texts.one("sn"),
                given=texts.one("givenName"),
                title=_title(texts),
                functions=(Function(self._uai, code),),
                classes=tuple(dict.fromkeys(Service(Place(self._uai, name)) for name in names)),
                head_of=tuple(dict.fromkeys(Place(self._uai, name) for name in heads)),
                before_pupils=teaches,
                keys=_named(texts),
            )
            yield from texts.reports(self._tree.source, number)

    def _teams(self, branch: str, known: Iterable[str]) -> tuple[dict[str, list[str]], list[Rejected]]:
        """The classes of each teacher by login, and the teams of which it is not clear whose they are: their names are
        squeezed, so classes are found by their slug, which two may have.
        """
        by_slug: dict[str, list[str]] = defaultdict(list)
        for name in known:
            by_slug[slug(name)].append(name)
        teams: dict[str, list[str]] = defaultdict(list)
        unclear = []
        members = 0
        for texts in self._texts(branch, ("posixGroup",), _GROUP):
            name = texts.one("cn")
            if texts.one("type").lower() != "equipe" or not name.lower().startswith(_TEAM):
                continue
            of_class = name[len(_TEAM) :]
            classes = by_slug.get(slug(of_class), [of_class])
            if len(classes) > 1:
                why = f"the team of {' or '.join(classes)}: left out"
                unclear.append(Rejected(self._tree.source, None, name[:ID_LIMIT], "cn", name[:100], why))
                continue
            for login in texts.all("memberUid"):
                teams[login.lower()] += classes
                members += 1
                if members > LINKS_LIMIT:
                    raise DirectoryError(self._tree.source, None, f"more than {LINKS_LIMIT} members of teams")
        return teams, unclear

    def _places(self, texts: Texts, attribute: str) -> tuple[Place, ...]:
        """Classes or groups of the school; those of another are left out."""
        found: list[Place] = []
        for value in texts.all(attribute):
            branch, dollar, name = value.rpartition("$")
            if not dollar or not name.strip():
                texts.rejected.append((attribute, value, "a branch, a dollar sign and a name are wanted"))
            elif _school_in(branch) == self._uai:
                found.append(Place(self._uai, name.strip()))
        return tuple(dict.fromkeys(found))

    def _number(self, texts: Texts) -> str:
        """SIECLE's number, else the school's, else the login. Raises DirectoryError."""
        number = texts.one("intid", "employeeNumber", "uid")
        if not 0 < len(number) <= ID_LIMIT:
            raise DirectoryError(self._tree.source, None, f"{texts.entry.dn[:100]}: no intid, employeeNumber or uid")
        return number

    def _dn(self, dn: str) -> str:
        try:
            return fold_dn(dn)
        except ValueError as error:
            raise DirectoryError(self._tree.source, None, f"an entry without a usable name: {error}") from error


def _title(texts: Texts) -> str:
    return title_of(texts.one("personalTitle")) or title_of(texts.one("ENTPersonSexe"))


def _named(texts: Texts) -> tuple[str, ...]:
    """Keys of names and date of birth."""
    sn, given = texts.one("sn"), texts.one("givenName")
    day = keys.day_of(texts.one("ENTPersonDateNaissance"))
    return (*keys.born(given, day, sn, texts.one("ENTPersonNomPatro")), *keys.name(given, sn))
