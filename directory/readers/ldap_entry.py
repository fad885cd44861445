"""An entry of an LDAP tree, and its values as texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from directory.model import DirectoryError, Rejected
from directory.names import CONTROL

ENTRY_LIMIT: Final = 1 << 20
"""Octets of the values of one entry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as the server gives it."""

    dn: str
    attributes: Mapping[str, Sequence[bytes]]


@dataclass(slots=True)
class Texts:
    """The values of one entry that a reader keeps, by the reader's spelling of the attribute; never an empty text."""

    entry: Entry
    kept: dict[str, list[str]] = field(default_factory=dict)
    rejected: list[tuple[str, str, str]] = field(default_factory=list)
    """Attribute, value, why."""

    def one(self, *names: str) -> str:
        """The first value of the first of `names` that has one, or the empty text."""
        return next((self.kept[name][0] for name in names if name in self.kept), "")

    def all(self, name: str) -> Sequence[str]:
        """All values."""
        return self.kept.get(name, ())

    def reports(self, source: str, identifier: str) -> list[Rejected]:
        """What could not be used, for the report."""
        return [Rejected(source, None, identifier, name, value[:100], why) for name, value, why in self.rejected]


def spellings(*names: str) -> dict[str, str]:
    """Attributes to keep by their name in lower case, as servers spell them as they like."""
    return {name.lower(): name for name in names}


def texts_of(entry: Entry, source: str, spelling: Mapping[str, str]) -> Texts:
    """The values of the attributes that are kept; one that is not UTF-8 is rejected, alone.

    Raises:
        DirectoryError: the entry is too large, or a value holds a control character.
    """
    texts = Texts(entry)
    size = 0
    for given, octets in entry.attributes.items():
        size += sum(map(len, octets))
        if size > ENTRY_LIMIT:
            raise DirectoryError(source, None, f"{entry.dn[:100]}: more than {ENTRY_LIMIT} octets of values")
        name = spelling.get(given.lower())
        if name is not None:
            _keep(texts, source, name, octets)
    return texts


def _keep(texts: Texts, source: str, name: str, octets: Sequence[bytes]) -> None:
    for raw in octets:
        try:
            text = raw.decode().strip()
        except UnicodeDecodeError:
            texts.rejected.append((name, repr(raw[:40]), "not UTF-8"))
            continue
        if CONTROL.search(text):
            where = f"{texts.entry.dn[:100]!r}, {name}"
            raise DirectoryError(source, None, f"{where}: a control character; correct it in the directory")
        if text:
            texts.kept.setdefault(name, []).append(text)
