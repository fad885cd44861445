"""The demo academy as its ground truth tells it: who has what in common with whom, worked out without the directory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from mailgate.policy.matrix import Scope
from tests.directory.academy import expected

PROFILES = {
    "ELV": "pupil", "TUT": "relative", "ENS": "teacher", "DOC": "teacher", "DIR": "management", "EVS": "school_life",
    "ETA": "administrative", "ACA": "other",
}  # fmt: skip
STAFF = {"teacher", "management", "school_life", "administrative"}


@dataclass(frozen=True)
class Account:
    """One person of the academy."""

    number: int
    profile: str
    address: str
    schools: frozenset[str]
    children: frozenset[int]


@cache
def accounts() -> dict[int, Account]:
    """Everybody, by record number."""
    return {
        one["id"]: Account(
            one["id"],
            PROFILES[one["profile"]],
            one["address"],
            frozenset(one["schools"]),
            frozenset(one.get("children", ())),
        )
        for one in expected()["accounts"]
    }


@cache
def lists() -> dict[str, dict[str, Any]]:
    """Every list, by address."""
    found: dict[str, dict[str, Any]] = expected()["lists"]
    return found


@cache
def circle(kind: str, school: str, ref: str) -> frozenset[int]:
    """Everybody of a class or a group: its pupils, their guardians, its team with the head teachers."""
    same = (one for one in lists().values() if (one["kind"], one["school"], one["ref"]) == (kind, school, ref))
    return frozenset(number for one in same for number in one["members"])


@cache
def circles(kind: str) -> tuple[frozenset[int], ...]:
    """All classes or all groups."""
    keys = {(one["kind"], one["school"], one["ref"]) for one in lists().values() if one["kind"] == kind}
    return tuple(circle(*key) for key in sorted(keys))


@cache
def _circles_of(kind: str) -> dict[int, frozenset[int]]:
    """Of which classes, or groups, everybody is."""
    found: dict[int, set[int]] = {}
    for place, one in enumerate(circles(kind)):
        for number in one:
            found.setdefault(number, set()).add(place)
    return {number: frozenset(places) for number, places in found.items()}


def _share(kind: str, one: int, other: int) -> bool:
    of = _circles_of(kind)
    return not of.get(one, frozenset()).isdisjoint(of.get(other, ()))


def narrowest_first(writer: Account, other: Account) -> list[Scope]:
    """What two people have in common."""
    found = [
        (Scope.OWN_CHILDREN, other.number in writer.children),
        (Scope.OWN_PARENTS, writer.number in other.children),
        (Scope.OWN_CLASS, _share("class", writer.number, other.number)),
        (Scope.OWN_GROUP, _share("group", writer.number, other.number)),
        (Scope.OWN_SCHOOL, bool(writer.schools & other.schools)),
        (Scope.SAME_CITE, bool(writer.schools and other.schools)),
        (Scope.ANYONE, True),
    ]
    return [scope for scope, holds in found if holds]


def narrowest_to_list(writer: Account, address: str) -> list[Scope]:
    """What a person and a list have in common."""
    one = lists()[address]
    kind, school = one["kind"], one["school"]
    found = [
        (Scope.OWN_CLASS, kind == "class" and writer.number in circle(kind, school, one["ref"])),
        (Scope.OWN_GROUP, kind == "group" and writer.number in circle(kind, school, one["ref"])),
        (Scope.OWN_SCHOOL, school in writer.schools),
        (Scope.SAME_CITE, bool(writer.schools)),
        (Scope.ANYONE, True),
    ]
    return [scope for scope, holds in found if holds]
