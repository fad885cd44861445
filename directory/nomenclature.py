"""National codes: levels by programme, functions and profiles of staff, family links."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from directory.names import slug


class Profile(StrEnum):
    """What a person is to the school."""

    PUPIL = "pupil"
    RELATIVE = "relative"
    TEACHER = "teacher"
    MANAGEMENT = "management"
    SCHOOL_LIFE = "school_life"
    ADMINISTRATIVE = "administrative"
    OTHER = "other"
    SHARED = "shared"
    """Nobody: a shared mailbox, which has an address as people have."""


PROFILE_OF_SDET: dict[str, Profile] = {
    "ELV": Profile.PUPIL,
    "TUT": Profile.RELATIVE,
    "ENS": Profile.TEACHER,
    "DOC": Profile.TEACHER,
    "DIR": Profile.MANAGEMENT,
    "EVS": Profile.SCHOOL_LIFE,
    "ETA": Profile.ADMINISTRATIVE,
    "ACA": Profile.OTHER,
    "COL": Profile.OTHER,
}
"""Profile by SDET code."""


def _pairs(text: str) -> dict[str, str]:
    """A table written `code:value code:value …`."""
    return dict(pair.split(":") for pair in text.split())


SDET_OF_FUNCTION: dict[str, str] = _pairs(
    "ENS:ENS FIJ:ENS DOC:DOC DIR:DIR EDU:EVS AED:EVS SUR:EVS ADF:ETA LAB:ETA MDS:ETA ORI:ETA CTR:ETA CFC:ETA "
    "ADA:ETA OUV:ETA TEC:ETA INS:ACA"
)
"""SDET code by national function code."""

VOID_FUNCTION = "-"
"""The function code of a record that says "nothing" (SANS OBJET)."""

_RANK = ("DIR", "ENS", "DOC", "EVS", "ETA", "ACA")


def sdet_of_staff(functions: Iterable[str], *, before_pupils: bool) -> str:
    """The SDET code of a member of staff: the highest of the functions; without any, teacher when before pupils."""
    otherwise = "ENS" if before_pupils else "ETA"
    found = {SDET_OF_FUNCTION.get(code, otherwise) for code in functions if code != VOID_FUNCTION}
    return next((code for code in _RANK if code in found), otherwise)


LEGAL_GUARDIAN, IN_CHARGE, CONTACT = 1, 2, 0
"""Legal levels of a family link."""
SELF_LINK = 70
"""The (adult) pupil entered as a related person: no parent account."""

_NEW_LINK = {1: 20, 2: 10, 3: 50, 4: 39, 5: 51, 6: 90, 7: SELF_LINK}


def modern_link(link: int, legal: int) -> tuple[int, int]:
    """Link and legal codes in today's meaning. Links 1 to 7 are the older codes, with which the legal levels 1 and 2
    meant first and second legal guardian; father and mother changed order.
    """
    if link not in _NEW_LINK:
        return link, legal
    return _NEW_LINK[link], LEGAL_GUARDIAN if legal in (1, 2) else legal


class Level(NamedTuple):
    """A level of study: the key used in list addresses and the words for people."""

    key: str
    label: str


_LEVELS: dict[str, Level] = {
    "2111": Level("6e", "6e"),
    "2112": Level("5e", "5e"),
    "2115": Level("4e", "4e"),
    "2116": Level("3e", "3e"),
    "2118": Level("relais", "Relais"),
    "2119": Level("ulis", "ULIS"),
    "2431": Level("6e-segpa", "6e SEGPA"),
    "2432": Level("5e-segpa", "5e SEGPA"),
    "2433": Level("4e-segpa", "4e SEGPA"),
    "2434": Level("3e-segpa", "3e SEGPA"),
    "2211": Level("2nde", "2nde"),
    "2212": Level("1re", "1re"),
    "2213": Level("tle", "Terminale"),
    "2311": Level("1cap", "CAP 1re année"),
    "2321": Level("1cap", "CAP 1re année"),
    "2322": Level("2cap", "CAP 2e année"),
    "2331": Level("1cap", "CAP 1re année"),
    "2332": Level("2cap", "CAP 2e année"),
    "2333": Level("3cap", "CAP 3e année"),
    "2351": Level("1bep", "BEP 1re année"),
    "2352": Level("2bep", "BEP 2e année"),
    "2381": Level("2nde-pro", "2nde pro"),
    "2382": Level("1re-pro", "1re pro"),
    "2383": Level("tle-pro", "Terminale pro"),
    "2391": Level("mc", "Mention complémentaire"),
    "3111": Level("cpge1", "CPGE 1re année"),
    "3112": Level("cpge2", "CPGE 2e année"),
    "3211": Level("bts", "BTS en un an"),
    "3221": Level("bts1", "BTS 1re année"),
    "3222": Level("bts2", "BTS 2e année"),
    "32A1": Level("dcg1", "DCG 1re année"),
    "32A2": Level("dcg2", "DCG 2e année"),
    "32A3": Level("dcg3", "DCG 3e année"),
}
"""Level by MEFSTAT4."""

_PROGRAMMES: dict[str, str] = _pairs(
    "100:2111 101:2112 102:2115 103:2116 106:2119 164:2431 165:2432 166:2433 167:2434 200:2211 201:2212 202:2213 "
    "210:2211 211:2212 212:2213 2411:2321 2412:2322 2471:2381 2472:2382 2473:2383 3011:3111 3012:3112 3101:3221 "
    "3102:3222 3111:3221 3112:3222"
)
"""MEFSTAT4 by the programme of a MEF (three characters), or by programme and year where the programme has several."""

_YEAR_AT = 9


def level_of_stat(stat: str) -> Level | None:
    """The level of a MEFSTAT11 (or its first four characters)."""
    return _LEVELS.get(stat[:4])


def level_of_mef(code: str) -> Level | None:
    """The level that a MEF's own characters tell, for a source without the table of programmes."""
    programme, year = code[:3], code[_YEAR_AT : _YEAR_AT + 1]
    return _LEVELS.get(_PROGRAMMES.get(programme) or _PROGRAMMES.get(programme + year, ""))


def level_of_label(label: str) -> Level | None:
    """A level known by its words alone: kept as they are, without double blanks."""
    key = slug(label)
    return Level(key, " ".join(label.split())) if key else None
