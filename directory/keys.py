"""Keys: texts by which records of two sources are known to be one person. What identifies outside school is digested.

A key is `<kind>:<value>`. Equal keys of two sources mean one person; kinds in `WITHIN_SCHOOL` do so only within one
school. Readers give the keys of a record with the surest first.

Telephone numbers and postal addresses are only ever compared, so a digest stands for them too (`mobile`, `postal`).
"""

from __future__ import annotations

import hashlib
import re
from datetime import date

from directory.names import folded

WITHIN_SCHOOL = frozenset({"eleve", "name"})
"""Kinds of key that count only among the people of one school."""

_DIGEST = 12
_VEIL = "#"
_VEILED = re.compile(r"#[0-9a-f]{24}")
_FRENCH_DATE = re.compile(r"(\d{2})/(\d{2})/(\d{4})")
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


def ine(number: str) -> tuple[str, ...]:
    """The key of a pupil's national number; none without a number."""
    spelt = re.sub(r"\s", "", number).upper()
    return (f"ine:{_digest(spelt)}",) if spelt else ()


def eleve(number: str) -> tuple[str, ...]:
    """The key of SIECLE's ELEVE_ID, ENTEleveStructRattachId of AAF: unique in a school's base."""
    number = number.strip().lstrip("0")
    return (f"eleve:{number}",) if number else ()


def born(given: str, day: date | None, *surnames: str) -> tuple[str, ...]:
    """Keys of first name, date of birth and each surname (usage name, birth name); none without a date."""
    if day is None:
        return ()
    names = [name for text in surnames if (name := folded(text))]
    return tuple(dict.fromkeys(f"born:{_digest(f'{name}/{folded(given)}/{day.isoformat()}')}" for name in names))


def name(given: str, sn: str) -> tuple[str, ...]:
    """The key of a bare name, for people without date of birth; none for an empty name."""
    spelt = f"{folded(given)}/{folded(sn)}"
    return (f"name:{spelt}",) if spelt != "/" else ()


def mobile(number: str) -> str:
    """What stands for a telephone number, however it is written; empty when there is none."""
    if _VEILED.fullmatch(number):
        return number
    digits = re.sub(r"^(?:00)?33(?=\d{9}$)", "0", re.sub(r"\D", "", number))
    return f"{_VEIL}{_digest(digits)}" if digits else ""


def postal(*parts: str) -> str:
    """What stands for a postal address, or for a part of one; empty when there is nothing in it.

    An address of one part that is a digest already stays as it is; one of several is the digest of its parts'.
    """
    veiled = [part if _VEILED.fullmatch(part) else _part(part) for part in parts]
    if len(veiled) == 1:
        return veiled[0]
    return f"{_VEIL}{_digest(' '.join(veiled))}" if any(veiled) else ""


def kind_of(key: str) -> str:
    """The kind of a key: `ine`, `eleve`, `born` or `name`."""
    return key.partition(":")[0]


def day_of(text: str) -> date | None:
    """A date written `dd/mm/yyyy`, `yyyy-mm-dd` or `yyyymmdd`; None for any other text and for a day that is none."""
    text = text.strip()
    if match := _FRENCH_DATE.fullmatch(text):
        parts = match.groups()[::-1]
    elif match := _ISO_DATE.fullmatch(text):
        parts = match.groups()
    elif len(text) == len("yyyymmdd") and text.isascii() and text.isdigit():
        parts = (text[:4], text[4:6], text[6:])
    else:
        return None
    try:
        return date(*map(int, parts))
    except ValueError:
        return None


def _part(text: str) -> str:
    words = folded(text)
    return f"{_VEIL}{_digest(words)}" if words else ""


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST).hexdigest()
