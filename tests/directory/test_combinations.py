"""The demo academy from whatever sources is its ground truth, as far as these sources hold it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
from sqlalchemy import Connection, select

from directory.importer import import_directory
from directory.report import ImportReport, Kind
from directory.schema import class_service
from tests.directory.academy import SETTINGS, expected
from tests.directory.demo_feeds import DemoFiles, WhoIsWho, lists_of, people_of
from tests.directory.projection import SCHOOLS

PUPILS, RELATIVES = frozenset({"ELV"}), frozenset({"TUT"})
FAMILIES = PUPILS | RELATIVES
TEACHERS = frozenset({"ENS", "DOC"})
STAFF = TEACHERS | {"DIR", "EVS", "ETA", "ACA", "COL"}
NOBODY = frozenset[str]()
OFFICES = frozenset({"direction", "vie-scolaire", "documentation", "administration"})
WHOLE = frozenset({"level", "group", "class team", "group team", "head", "function", "discipline"})


@dataclass(frozen=True)
class Holds:
    """What a format says of the demo academy: people by profile, kinds of facts, and the profiles of which it tells
    that somebody in two schools is one person.
    """

    people: frozenset[str]
    facts: frozenset[str]
    joins: frozenset[str]


HOLDS: Final[Mapping[str, Holds]] = {
    "aaf": Holds(FAMILIES | STAFF, WHOLE | {"cite"}, FAMILIES | STAFF),
    "csv": Holds(FAMILIES | STAFF, WHOLE, FAMILIES | STAFF),
    "siecle": Holds(FAMILIES, frozenset({"level", "group"}), RELATIVES),
    "sts": Holds(STAFF, frozenset({"class team", "group team", "head", "function", "discipline"}), STAFF),
    "scribe": Holds(FAMILIES | STAFF, frozenset({"group", "class team", "head"}), RELATIVES),
    "lcs": Holds(PUPILS | STAFF, frozenset({"class team"}), STAFF),
    "gepi": Holds(FAMILIES | TEACHERS, frozenset({"class team"}), NOBODY),
}
"""LCS has no relatives, groups and head teachers. Neither it nor Scribe tells functions: who does not teach is of the
administration. GEPI has no head teachers and no staff but teachers, and its groups have names of their own.
"""
UNREACHABLE = 20000121
"""A guardian of pupils of both schools with neither mail nor mobile number: SIECLE tells of two of that name."""
HOMONYMS = frozenset({1000003, 1000008})
"""Two teachers of one name in one school: GEPI has one, and plain tables do not tell which."""
UNCLEAR_LOGINS = frozenset({1000015, 1000034})
"""Two teachers whom one login of GEPI fits: it gives neither a service."""
SAME_SLUG = frozenset({"1STMG 2", "1STMG-2"})
"""Classes that the names of Scribe's teams do not tell apart; the level that they are the only teachers of."""
FIRST_FORM = "1re"
DIFFERENCES = (Kind.OTHER_PUPILS, Kind.OTHER_TEACHERS, Kind.OTHER_STRUCTURES, Kind.UNCLEAR_PERSON)


def wanted(truth: dict[str, Any], formats: Collection[str]) -> dict[str, set[int]]:
    """The lists of the truth, as far as one of these formats holds the facts that make them."""
    known, facts = _told(formats)
    profiles = {one["id"]: one["profile"] for one in truth["accounts"]}
    found = {}
    for address, one in truth["lists"].items():
        kind, audience = one["kind"], one["audience"]
        who = known
        if kind in ("class", "level") and "class team" not in facts:
            who -= STAFF
        if kind == "group":
            who = (known & FAMILIES if "group" in facts else NOBODY) | (
                known & STAFF if "group team" in facts else NOBODY
            )
        untold = kind in ("cite", "level", "discipline") and kind not in facts
        untold |= (audience in OFFICES and "function" not in facts) or (audience == "pp" and "head" not in facts)
        members = {number for number in one["members"] if profiles[number] in who}
        if members and not untold:
            found[address] = members
    return found


def _told(formats: Collection[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The profiles of people and the kinds of facts that these formats tell."""
    found = [HOLDS[one] for one in formats]
    facts = NOBODY.union(*(one.facts for one in found))
    if "gepi" in formats:  # which is believed about groups before plain tables and LCS
        facts -= {"group"} if not {"aaf", "siecle", "scribe"} & {*formats} else NOBODY
        facts -= {"group team"} if not {"aaf", "sts"} & {*formats} else NOBODY
    return NOBODY.union(*(one.people for one in found)), facts


def twice(truth: dict[str, Any], formats: Collection[str]) -> set[int]:
    """Who has an account in each of two schools, as no format tells that it is one person."""
    known, _ = _told(formats)
    joined = NOBODY.union(*(HOLDS[one].joins for one in formats))
    both = {
        one["id"]
        for one in truth["accounts"]
        if len(one["schools"]) > 1 and one["profile"] in known and one["profile"] not in joined
    }
    only_siecle = "siecle" in formats and not {"aaf", "csv", "scribe"} & {*formats}
    return both | ({UNREACHABLE} if only_siecle else set())


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    return expected()


@pytest.fixture(scope="module")
def who(truth: dict[str, Any]) -> WhoIsWho:
    return WhoIsWho(truth)


def bring(connection: Connection, files: DemoFiles, truth: dict[str, Any], *formats: str) -> ImportReport:
    """Import these formats; without AAF and STSWEB nothing says what a school is called."""
    settings = replace(SETTINGS, domains={one["uai"]: one["domain"] for one in truth["schools"]})
    return import_directory(connection, files.feeds(*formats), settings)


def as_told(lists: dict[str, set[int]], truth: dict[str, Any], formats: Collection[str]) -> dict[str, set[int]]:
    """The lists without those of which something is listed above that the formats do not tell."""
    told = {*formats}
    names = {*lists}
    if not {"aaf", "sts", "csv"} & told:
        names -= {name for name in lists if name.startswith("administration@")}
    if "gepi" in told:
        names -= {name for name in lists if name.startswith("groupe-")} - {*truth["lists"]}
    if "scribe" in told and not {"aaf", "sts"} & told:
        for name, one in truth["lists"].items():
            if one["audience"] in ("profs", "tous") and one["ref"] in SAME_SLUG | {FIRST_FORM}:
                names.discard(name)
    left_out = frozenset[int]()
    if not {"aaf", "sts"} & told:
        left_out |= HOMONYMS | UNCLEAR_LOGINS if "gepi" in told else frozenset()
        left_out |= HOMONYMS if {"csv", "scribe"} <= told else frozenset()
    return {name: rest for name in names if (rest := lists[name] - left_out)}


@pytest.mark.parametrize(
    "formats",
    [
        *("siecle", "sts", "csv", "gepi", "lcs", "scribe"),
        *("aaf siecle", "aaf sts", "aaf siecle sts", "aaf csv", "aaf gepi", "aaf lcs", "aaf scribe"),
        *("siecle sts", "siecle csv", "siecle gepi", "siecle lcs", "siecle scribe", "siecle sts csv"),
        *("sts gepi", "sts scribe", "csv gepi", "csv scribe", "gepi lcs"),
        "aaf siecle sts csv gepi lcs scribe",
    ],
)
def test_the_lists_are_those_of_the_truth(
    connection: Connection, demo_files: DemoFiles, truth: dict[str, Any], who: WhoIsWho, formats: str
) -> None:
    names = formats.split()
    report = bring(connection, demo_files, truth, *names[::-1])
    people = people_of(connection, who)
    assert {one for one, count in Counter(people.values()).items() if count > 1} == twice(truth, names)
    assert as_told(lists_of(connection, people), truth, names) == as_told(wanted(truth, names), truth, names)
    if "aaf" in names:
        assert report.added.total() == truth["counts"]["accounts"]
        differing = [kind for kind in DIFFERENCES if report.suspicious[kind]]
        assert differing == [] or {"csv", "gepi", "scribe"} & {*names}
        own = {f"sts-{uai}" for uai in SCHOOLS} if "sts" in names else {"aaf"}
        assert set(connection.scalars(select(class_service.c.said_by))) == own
