"""LCS and SambaEdu: a school's LDAP tree of Unix accounts, live or from an LDIF file.

People are below ``ou=People``, groups below ``ou=Groups``, and what a group is its name tells: ``Eleves``, ``Profs``,
``Administratifs``, ``Classe_<class>``, ``Equipe_<class>``. Members are logins (memberUid) or DNs (member); the owner of
a team is its head teacher. There is no UAI, no relative, no programme, no function: parents' and level lists cannot be
made of it. Groups of a course (``Cours_…``) say again what classes and teams say.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from directory import keys
from directory.model import (
    ClassRecord,
    DirectoryError,
    Function,
    Place,
    Pupil,
    Record,
    Rejected,
    School,
    Service,
    Staff,
)
from directory.names import plain
from directory.readers.ldap_entry import Texts, spellings, texts_of
from directory.readers.ldap_tree import LdapSettings, Tree
from directory.readers.ldif import LdifTree
from directory.readers.sdet_dn import fold_dn
from directory.readers.values import ID_LIMIT, is_uai, title_of

_GROUP_ATTRIBUTES: Final = ("objectClass", "cn", "description", "memberUid", "member", "owner")
_PERSON_ATTRIBUTES: Final = ("objectClass", "uid", "cn", "sn", "givenName", "gecos", "employeeNumber")
"""All that is asked for: the rest is not needed for mail."""
_GROUP_CLASSES: Final = ("posixGroup", "groupOfNames", "group")
_PERSON_CLASSES: Final = ("posixAccount", "inetOrgPerson")
_PEOPLE: Final = "ou=People"
_GROUPS: Final = "ou=Groups"
_OF_GROUP: Final = spellings(*_GROUP_ATTRIBUTES)
_OF_PERSON: Final = spellings(*_PERSON_ATTRIBUTES)
_CLASS: Final = re.compile(r"(Classe|Equipe)_(.+)", re.IGNORECASE)
_SQUEEZED: Final = re.compile(r"[^A-Za-z0-9_.-]")
_PUPILS, _TEACHERS, _OFFICE = "eleves", "profs", "administratifs"
MEMBERS_LIMIT: Final = 50_000
"""Members of all groups of a kind: ten times the largest school."""


@dataclass(frozen=True, slots=True)
class LcsSettings(LdapSettings):
    """`people` and `groups` are branches below `base`; `school` is the UAI, which the tree does not hold."""

    people: str = _PEOPLE
    groups: str = _GROUPS
    school: str = ""


def read_lcs(settings: LcsSettings) -> Iterator[Record]:
    """Every record of a live tree; one page is held at a time, and the members of the groups.

    Raises:
        DirectoryError: the tree cannot be read to its end, or is none of LCS. What was given before must then be
            forgotten.
    """
    from directory.readers.ldap_server import opened  # noqa: PLC0415 - ldap3 costs 0.2 s

    with opened(settings) as tree:
        yield from _records(tree, settings.school, settings.people, settings.groups)


def read_lcs_ldif(path: Path, school: str) -> Iterator[Record]:
    """The same from an LDIF file. Raises DirectoryError."""
    yield from _records(LdifTree(path), school, _PEOPLE, _GROUPS)


@dataclass(slots=True)
class _Groups:
    """Who is in what, by login."""

    kinds: dict[str, str]
    """Pupil, teacher or office, as the names of these groups."""
    classes: dict[str, list[str]]
    teams: dict[str, list[str]]
    heads: dict[str, list[str]]
    names: dict[str, str]
    """The name of each class, by what group names end in."""


def _records(tree: Tree, school: str, people: str, groups: str) -> Iterator[Record]:
    uai = school.upper()
    if not is_uai(uai):
        raise DirectoryError(
            tree.source, None, f"{school[:40]!r} is not the code of a school: the tree does not hold it"
        )
    found = _groups(tree, groups)
    yield School(uai, uai, "", "", "")
    for name in found.names.values():
        yield ClassRecord(uai, name)
    for entry in tree.search(people, _PERSON_CLASSES, _PERSON_ATTRIBUTES):
        texts = texts_of(entry, tree.source, _OF_PERSON)
        yield from _person(texts, found, uai, tree.source)
        yield from texts.reports(tree.source, texts.one("uid")[:ID_LIMIT])


def _groups(tree: Tree, branch: str) -> _Groups:
    groups = _Groups({}, defaultdict(list), defaultdict(list), defaultdict(list), {})
    members = 0
    wanted: dict[str, set[str]] = {_PUPILS: set(), _TEACHERS: set(), _OFFICE: set()}
    placed: list[tuple[str, str, dict[str, list[str]]]] = []
    for entry in tree.search(branch, _GROUP_CLASSES, _GROUP_ATTRIBUTES):
        texts = texts_of(entry, tree.source, _OF_GROUP)
        name, logins = texts.one("cn"), _logins(texts, tree.source)
        members += len(logins)
        if members > 4 * MEMBERS_LIMIT:
            raise DirectoryError(tree.source, None, f"more than {4 * MEMBERS_LIMIT} members of groups")
        match = _CLASS.fullmatch(name)
        if name.lower() in wanted:
            wanted[name.lower()].update(logins)
        elif match:
            of_team = match[1].lower() == "equipe"
            squeezed, described = match[2], texts.one("description")
            if _SQUEEZED.sub("_", plain(described)) == squeezed:
                groups.names[squeezed] = described
            placed += [(login, squeezed, groups.teams if of_team else groups.classes) for login in logins]
            if of_team:
                placed += [(_login(owner, tree.source), squeezed, groups.heads) for owner in texts.all("owner")]
            groups.names.setdefault(squeezed, squeezed)
    for kind, logins_of_kind in reversed(wanted.items()):
        groups.kinds.update(dict.fromkeys(logins_of_kind, kind))
    if not wanted[_PUPILS]:
        raise DirectoryError(tree.source, None, "no group Eleves with members: this is no tree of LCS or SambaEdu")
    for login, squeezed, target in placed:
        target[login].append(groups.names[squeezed])
    return groups


def _logins(texts: Texts, source: str) -> set[str]:
    bare = {login.lower() for login in texts.all("memberUid")}
    return bare | {_login(dn, source) for dn in texts.all("member")}


def _login(dn: str, source: str) -> str:
    """The login that a person's DN begins with. Raises DirectoryError."""
    try:
        return fold_dn(dn).partition(",")[0].partition("=")[2]
    except ValueError as error:
        raise DirectoryError(source, None, f"a member without a usable name: {error}") from error


def _person(texts: Texts, groups: _Groups, uai: str, source: str) -> Iterator[Record]:
    login = _login(texts.entry.dn, source)
    kind = groups.kinds.get(login, _TEACHERS if login in groups.teams else "")
    if not kind:
        return  # machines, services, administrators of the server
    number = texts.one("employeeNumber") or texts.one("uid") or login
    if len(number) > ID_LIMIT:
        yield Rejected(source, None, login[:ID_LIMIT], "employeeNumber", number[:100], "too long: left out")
        return
    given = texts.one("givenName")
    sn = texts.one("sn") or texts.one("cn").removeprefix(given).strip()
    day, sex = _gecos(texts.one("gecos"))
    found = tuple(dict.fromkeys((*keys.born(given, day, sn), *keys.name(given, sn))))
    if kind == _PUPILS:
        classes = tuple(dict.fromkeys(Place(uai, name) for name in groups.classes.get(login, ())))
        yield Pupil(number, sn, given, sex, uai, classes=classes, keys=found)
        return
    yield Staff(
        id=number,
        sn=sn,
        given=given,
        title=sex,
        functions=(Function(uai, "ENS" if kind == _TEACHERS else "ADF"),),
        classes=tuple(dict.fromkeys(Service(Place(uai, name)) for name in groups.teams.get(login, ()))),
        head_of=tuple(dict.fromkeys(Place(uai, name) for name in groups.heads.get(login, ()))),
        before_pupils=kind == _TEACHERS,
        keys=found,
    )


def _gecos(text: str) -> tuple[date | None, str]:
    """Date of birth and title of ``name,yyyymmdd,sex,…``."""
    parts = [*text.split(","), "", ""]
    return keys.day_of(parts[1]), title_of(parts[2])
