"""Names of people and of classes: how they are shown, folded for comparison, and spelt in addresses."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Characters that must never reach a mail header."""

_SPELT = str.maketrans(
    dict(zip("æÆßøØłŁđĐðÐþÞıœŒ", ("ae", "AE", "ss", *"oOlLdDdD", "th", "TH", "i", "oe", "OE"), strict=True))
)
_OTHER = re.compile(r"[^a-z0-9]+")
_APOSTROPHE = re.compile(r"['’ʼ`´]")
_WORD = re.compile(r"[^\W\d_]+")
_PARTICLES = frozenset({"de", "du", "des", "den", "der", "von", "und"})

NAME_LIMIT = 60
"""Longest part of an address made of a person's names: RFC 5321 §4.5.3.1.1 allows 64 octets, a number may follow."""
SLUG_LIMIT = 40
"""Longest slug of a class, group or discipline: prefix, number and audience come on top."""


def plain(text: str) -> str:
    """Latin text without accents, ligatures spelt out."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text.translate(_SPELT))
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def slug(text: str) -> str:
    """The address form of a class, group, school or discipline name; may be empty."""
    return _OTHER.sub("-", plain(text).lower().replace("+", " plus ")).strip("-")[:SLUG_LIMIT].rstrip("-")


def folded(text: str) -> str:
    """A person's name for comparison and for addresses: as a slug, but an apostrophe disappears."""
    return _OTHER.sub("-", plain(_APOSTROPHE.sub("", text)).lower().replace("+", " plus ")).strip("-")


def local_part(given: str, sn: str) -> str:
    """`given.surname`, the beginning of a person's address; `x` when nothing of the names can be spelt."""
    return ".".join(part for part in (folded(given), folded(sn)) if part)[:NAME_LIMIT].strip(".-") or "x"


def free_slug(text: str, used: Container[str]) -> str:
    """The slug of `text`, or with `-2`, `-3`, … the first one not in `used`."""
    base = slug(text) or "x"
    candidate, number = base, 1
    while candidate in used:
        number += 1
        candidate = f"{base}-{number}"
    return candidate


def shown(name: str) -> str:
    """A name as people write it, from the capitals of the national files; a name in mixed case stays as it is.

    Letters are composed (NFC), so that two spellings of one letter are one name. Accents that the source dropped cannot
    come back.
    """
    name = unicodedata.normalize("NFC", name)
    if name != name.upper():
        return name
    words = list(_WORD.finditer(name))
    parts: list[str] = []
    end = 0
    for number, match in enumerate(words):
        parts += [name[end : match.start()], _cased(name, match, last=number == len(words) - 1)]
        end = match.end()
    return "".join([*parts, name[end:]])


def _cased(name: str, match: re.Match[str], *, last: bool) -> str:
    capitals = match.group()
    word = capitals.lower()
    following = name[match.end() : match.end() + 1]
    first_of_part = match.start() == 0 or name[match.start() - 1] in "- "
    inside = following == " " or (following == "-" and name[match.start() - 1 : match.start()] == "-")
    if not last and inside and word in _PARTICLES:
        return word
    if word == "d" and first_of_part and following in ("'", "’"):
        return word
    return capitals[0] + capitals[1:].lower()
