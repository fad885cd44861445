"""What a format holds of the demo academy's ground truth, in the form that records are compared in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from directory.model import ClassRecord, GroupRecord, Link, Pupil, Record, Relative, Staff
from directory.names import folded
from directory.nomenclature import LEGAL_GUARDIAN, SELF_LINK
from directory.readers.delivery import files

COLLEGE, LYCEE = "0131001T", "0131002U"
SCHOOLS = (COLLEGE, LYCEE)


def unpacked(archive: Path, target: Path) -> Path:
    """The files of a test archive in a folder."""
    target.mkdir(exist_ok=True)
    for name, stream in files(archive):
        (target / name).write_bytes(stream.read())
    return target


def pupils_of(truth: dict[str, Any], schools: Collection[str] = SCHOOLS) -> dict[int, dict[str, Any]]:
    """The true pupils by number, as `pupil_facts` gives them, guardians aside."""
    mefs = {
        pupil: each["name"] for school in truth["schools"] for each in school["classes"] for pupil in each["pupils"]
    }
    return {
        one["id"]: {
            "name": (folded(one["given"]), folded(one["sn"])),
            "schools": one["schools"],
            "classes": [mefs[one["id"]]] if one["id"] in mefs else [],
            "groups": sorted(one["groups"]),
        }
        for one in truth["accounts"]
        if one["profile"] == "ELV" and set(one["schools"]) & set(schools)
    }


def pupil_facts(records: Iterable[Record], number: dict[str, int] | None = None) -> dict[int, dict[str, Any]]:
    """The pupils among records by true number: as `number` maps theirs, or as they are."""
    return {
        (number[one.id] if number else int(one.id)): {
            "name": (folded(one.given), folded(one.sn)),
            "schools": [one.school],
            "classes": [place.name for place in one.classes],
            "groups": sorted(place.name for place in one.groups),
        }
        for one in records
        if isinstance(one, Pupil)
    }


def guardians_of(truth: dict[str, Any], schools: Collection[str] = SCHOOLS) -> dict[int, set[int]]:
    """The true guardians of each pupil."""
    return {
        one["id"]: set(one["guardians"])
        for one in truth["accounts"]
        if one["profile"] == "ELV" and set(one["schools"]) & set(schools)
    }


def guardian_facts(
    records: Iterable[Record], truth: dict[str, Any], pupil_number: dict[str, int] | None = None
) -> dict[int, set[int]]:
    """The guardians of each pupil among records: legal ones, people entered twice under the number of the account."""
    alias = {int(number): account for number, account in truth["aliases"].items()}

    def guardian(link: Link) -> bool:
        return link.legal == LEGAL_GUARDIAN and link.link != SELF_LINK

    return {
        (pupil_number[one.id] if pupil_number else int(one.id)): {
            alias.get(int(link.relative), int(link.relative)) for link in one.links if guardian(link)
        }
        for one in records
        if isinstance(one, Pupil)
    }


def relatives_of(truth: dict[str, Any], spelt: Callable[[str], str] = folded) -> dict[int, tuple[str, str, str, str]]:
    """Names as `spelt`, title and mail of all true relatives with an account, by number; people entered twice once."""
    return {
        one["id"]: (spelt(one["given"]), spelt(one["sn"]), one["title"], one["mail"].lower())
        for one in truth["accounts"]
        if one["profile"] == "TUT"
    }


def relative_facts(
    records: Iterable[Record], truth: dict[str, Any], spelt: Callable[[str], str] = folded
) -> dict[int, tuple[str, str, str, str]]:
    """The same of the relatives among records, without those who have no account or are others entered twice."""
    others = {one["id"] for one in truth["not_accounts"]} | {int(number) for number in truth["aliases"]}
    return {
        int(one.id): (spelt(one.given), spelt(one.sn), one.title, one.mail.lower())
        for one in records
        if isinstance(one, Relative) and int(one.id) not in others
    }


def structures_of(truth: dict[str, Any], schools: Collection[str] = SCHOOLS) -> dict[str, dict[str, Any]]:
    """Per school: the programmes of each class, the classes of each group."""
    return {
        school["uai"]: {
            "classes": {one["name"]: sorted(one["mefs"]) for one in school["classes"]},
            "groups": {one["code"]: sorted(one["classes"]) for one in school["groups"]},
        }
        for school in truth["schools"]
        if school["uai"] in schools
    }


def structure_facts(records: Iterable[Record]) -> dict[str, dict[str, Any]]:
    """The same of the structures among records."""
    found: dict[str, dict[str, Any]] = defaultdict(lambda: {"classes": {}, "groups": {}})
    for one in records:
        match one:
            case ClassRecord():
                found[one.school]["classes"][one.name] = sorted(one.mefs)
            case GroupRecord():
                found[one.school]["groups"][one.name] = sorted(one.classes)
    return dict(found)


def team_facts(records: Iterable[Record]) -> dict[tuple[str, str], set[str]]:
    """The record numbers of the team of each class: its services, those of its groups, its head teachers."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    kept = list(records)
    of_group = {(one.school, one.name): one.classes for one in kept if isinstance(one, GroupRecord)}
    for one in kept:
        if isinstance(one, Staff):
            for place in (*(service.place for service in one.classes), *one.head_of):
                found[place.school, place.name].add(one.id)
            for service in one.groups:
                for name in of_group.get((service.place.school, service.place.name), ()):
                    found[service.place.school, name].add(one.id)
    return found


def teams_of(truth: dict[str, Any], schools: Collection[str] = SCHOOLS) -> dict[tuple[str, str], set[int]]:
    """The true team of each class that has one."""
    return {
        (school["uai"], one["name"]): set(one["teachers"])
        for school in truth["schools"]
        if school["uai"] in schools
        for one in school["classes"]
        if one["teachers"]
    }


def heads_of(truth: dict[str, Any], schools: Collection[str] = SCHOOLS) -> dict[tuple[str, str], set[int]]:
    """The true head teachers of each class that has one."""
    return {
        (school["uai"], one["name"]): set(one["heads"])
        for school in truth["schools"]
        if school["uai"] in schools
        for one in school["classes"]
        if one["heads"]
    }


def head_facts(records: Iterable[Record]) -> dict[tuple[str, str], set[str]]:
    """The record numbers of the head teachers of each class."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in records:
        if isinstance(one, Staff):
            for place in one.head_of:
                found[place.school, place.name].add(one.id)
    return found
