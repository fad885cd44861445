"""SDET entries to records. Composite values hold DNs where AAF's hold keys; once those are replaced, AAF's converters
make the records, so that both sources give the same.

A structure is known by its UAI, a person by the folded DN. Programmes and subjects have no entries of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from directory.model import DirectoryError, Pupil, Record, Rejected, Relative, Staff
from directory.readers.aaf_records import ATTRIBUTES, CONVERTERS, Attributes, held
from directory.readers.ldap_entry import Entry, Texts, spellings, texts_of
from directory.readers.sdet_dn import fold_dn

_CATEGORIES: Final = {
    "Eleve": frozenset({"enteleve"}),
    "PersEducNat": frozenset(
        {"entauxenseignant", "entdirecteur", "entauxnonensetab", "entauxnonenscollloc", "entauxnonensservac"}
    ),
    "PersRelEleve": frozenset({"entauxpersreleleve"}),
}
"""AAF's category by object class, the first that fits. Tutors of work placements (ENTAuxTuteurStage) are in none."""

_TEACHING_CLASS: Final = "entauxenseignant"
_TEACHING_PROFILE: Final = re.compile(r"(?:^|=)national_(?:ens|doc|3)(?:,|$)|^enseignant$", re.IGNORECASE)
_BEFORE_PUPILS: Final = "PersEducNatPresenceDevantEleves"

_OF_STRUCTURE: Final = {
    "ENTPersonStructRattach": 0,
    "ENTEtablissementStructRattachFctl": 0,
    "ENTEleveClasses": 1,
    "ENTEleveGroupes": 1,
    "ENTAuxEnsClasses": 1,
    "ENTAuxEnsGroupes": 1,
    "ENTAuxEnsClassesPrincipal": 1,
    "ENTAuxEnsClassesMatieres": 2,
    "ENTAuxEnsGroupesMatieres": 2,
    "ENTPersonFonctions": 4,
}
"""Attributes whose values begin with a structure's DN, and how many parts come after it."""

_OF_PERSON: Final = {
    "ENTEleveAutoriteParentale": 0,
    "ENTElevePere": 0,
    "ENTEleveMere": 0,
    "ENTElevePersRelEleve1": 0,
    "ENTElevePersRelEleve2": 0,
    "ENTElevePersRelEleve": 5,
}
"""The same with a person's DN."""

_OF_PEOPLE: Final = frozenset().union(*(ATTRIBUTES[category] for category in _CATEGORIES)) - {_BEFORE_PUPILS}
STRUCTURE_ATTRIBUTES: Final = ("objectClass", "ou", *sorted(ATTRIBUTES["EtabEducNat"]))
PERSON_ATTRIBUTES: Final = ("objectClass", "ENTPersonJointure", "ENTPersonProfils", *sorted(_OF_PEOPLE))
"""All that is asked for: the rest is not needed for mail, so it never leaves the server."""

STRUCTURE_IDENTITY: Final = ("ENTStructureUAI", "ENTEtablissementUAI")
PERSON_IDENTITY: Final = ("objectClass", "ENTPersonJointure")
"""Attributes of which the identities are made."""
RECORDS: Final[dict[str, type[Record]]] = {"Eleve": Pupil, "PersEducNat": Staff, "PersRelEleve": Relative}
"""What a person of each category becomes."""

_SPELLING: Final = spellings(*STRUCTURE_ATTRIBUTES, *PERSON_ATTRIBUTES)
_ACADEMY: Final = re.compile(r"-ac-", re.IGNORECASE)
_KIND_IN_WORDS: Final = re.compile(
    r"^(?:coll[eè]ge(?: priv[eé])?|lyc[eé]e(?: (?:polyvalent|professionnel|g[eé]n[eé]ral|technologique|priv[eé]))*)"
    r"[- ]+(?=\S)",
    re.IGNORECASE,
)
_ID_LIMIT: Final = 40


class SdetTree:
    """Turns entries into records; `source` names the directory in errors and rejected values."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._uai_of: dict[str, str] = {}

    def structures(self, entries: Iterable[Entry]) -> Iterator[Record]:
        """The records of all structures, which are held at once, since they name one another. Raises DirectoryError."""
        read = [self._values(entry) for entry in entries]
        for values in read:
            uai = _uai(values)
            if uai:
                self._uai_of[self._own_dn(values.entry)] = uai
                self._uai_of[uai.lower()] = uai
        for values in read:
            name = values.one("ENTStructureNomCourant")
            official = values.one("ou")
            # The short name of AAF carries the academy; the one for people only the kind of school in words.
            values.kept["ENTStructureNomCourant"] = [official if _ACADEMY.search(official) else _without_kind(name)]
            own = self._own_dn(values.entry)
            yield from self._convert("EtabEducNat", self._uai_of.get(own, own), values)

    def person(self, entry: Entry) -> Iterator[Record]:
        """The records of one person. Raises DirectoryError."""
        values = self._values(entry)
        classes = _classes(values)
        category, identifier = _category(classes), values.one("ENTPersonJointure")
        if not category:
            return
        if not _usable(identifier):
            why = "without a usable ENTPersonJointure nobody can be recognised the next time: left out"
            yield Rejected(self._source, None, _rejected_as(entry), "ENTPersonJointure", identifier[:100], why)
            return
        if category == "PersEducNat" and _teaches(classes, values.kept.get("ENTPersonProfils", ())):
            values.kept[_BEFORE_PUPILS] = ["O"]
        for record in self._convert(category, identifier, values):
            yield replace(record, ref=self._own_dn(entry)) if isinstance(record, Relative) else record

    def structure_identity(self, entry: Entry) -> str:
        """UAI and folded DN, by which others name a structure. Raises DirectoryError."""
        return f"{_uai(self._values(entry))} {self._own_dn(entry)}"

    def person_identity(self, entry: Entry) -> str:
        """Category and identifier of the record of a person; without a category the name under which the entry is
        rejected, or nothing when nothing is said of it. Raises DirectoryError.
        """
        values = self._values(entry)
        category, identifier = _category(_classes(values)), values.one("ENTPersonJointure")
        if category and not _usable(identifier):
            return f" {_rejected_as(entry)}"
        return f"{category} {identifier}" if category else ""

    def _convert(self, category: str, identifier: str, values: Texts) -> Iterator[Record]:
        kept: Attributes = {}
        for name in ATTRIBUTES[category] & values.kept.keys():
            found = [self._with_key(name, value, values) for value in values.kept[name]]
            if used := [value for value in found if value]:
                kept[name] = used
        yield from CONVERTERS[category](self._source, None, identifier, held(kept))
        yield from values.reports(self._source, identifier)

    def _with_key(self, name: str, value: str, values: Texts) -> str:
        """The value with a key in the place of its DN; empty when it has none."""
        after = _OF_STRUCTURE.get(name, _OF_PERSON.get(name))
        if after is None:
            return value
        # From the right: a DN may hold anything, the parts after it no dollar sign.
        dn, *parts = value.rsplit("$", after) if value.count("$") >= after else value.split("$")
        try:
            key = self._structure_key(dn) if name in _OF_STRUCTURE else fold_dn(dn)
        except ValueError as error:
            values.rejected.append((name, value, str(error)))
            return ""
        if name == "ENTPersonFonctions":
            parts += [""] * (after - len(parts))
        return "$".join((key, *parts))

    def _structure_key(self, text: str) -> str:
        """The UAI of a structure from its DN or UAI; the folded DN of one that the tree does not hold."""
        text = text.strip()
        if text.lower() in self._uai_of:
            return self._uai_of[text.lower()]
        folded = fold_dn(text)
        return self._uai_of.get(folded, folded)

    def _own_dn(self, entry: Entry) -> str:
        try:
            return fold_dn(entry.dn)
        except ValueError as error:
            raise DirectoryError(self._source, None, f"an entry without a usable name: {error}") from error

    def _values(self, entry: Entry) -> Texts:
        return texts_of(entry, self._source, _SPELLING)


def _uai(values: Texts) -> str:
    return values.one("ENTStructureUAI", "ENTEtablissementUAI").upper()


def _classes(values: Texts) -> set[str]:
    return {name.lower() for name in values.kept.get("objectClass", ())}


def _category(classes: set[str]) -> str:
    return next((name for name, wanted in _CATEGORIES.items() if wanted & classes), "")


def _usable(identifier: str) -> bool:
    return 0 < len(identifier) <= _ID_LIMIT


def _rejected_as(entry: Entry) -> str:
    return entry.dn[:100]


def _teaches(classes: set[str], profiles: Iterable[str]) -> bool:
    return _TEACHING_CLASS in classes or any(_TEACHING_PROFILE.search(profile) for profile in profiles)


def _without_kind(name: str) -> str:
    return _KIND_IN_WORDS.sub("", name)
