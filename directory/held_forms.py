"""How records are held: compact, the same content in the same bytes, without what serves only to recognise people.

AAF is held as attributes, so that a delta can replace one whole; every other format as the records of its reader. The
numbers of kinds and attributes, and the order of fields, are in databases: they never change, new ones go to the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple

import msgspec

from directory import keys
from directory.model import (
    ClassRecord,
    Function,
    GroupRecord,
    Link,
    Mef,
    Place,
    Pupil,
    Record,
    Rejected,
    Relative,
    School,
    Service,
    Staff,
    Subject,
)
from directory.readers.aaf_records import CONVERTERS, KEYS, Attributes

VERSION: Final = 3
"""To be raised when the same files would be held otherwise, so that files that were read already are read again."""


class Item(NamedTuple):
    """One record as it is held. Kind and id tell it from the others of its source."""

    kind: int
    id: str
    body: bytes

    @property
    def digest(self) -> int:
        """What tells whether the body is the same: 64 bits."""
        return int.from_bytes(hashlib.blake2b(self.body, digest_size=8).digest(), "big", signed=True)


CATEGORIES: Final = {
    "EtabEducNat": 1,
    "MefEducNat": 2,
    "MatiereEducNat": 3,
    "Eleve": 4,
    "PersRelEleve": 5,
    "PersEducNat": 6,
}
"""Kinds of AAF."""
_MODELS: Final[dict[type, int]] = {
    School: 11,
    Mef: 12,
    Subject: 13,
    ClassRecord: 14,
    GroupRecord: 15,
    Pupil: 16,
    Relative: 17,
    Staff: 18,
    Rejected: 19,
}
PEOPLE: Final = frozenset({4, 5, 6, 16, 17, 18})
"""Kinds that are people."""
REJECTED: Final = _MODELS[Rejected]
"""The kind of what could not be used."""
KINDS: Final = tuple(sorted([*CATEGORIES.values(), *_MODELS.values()]))
_CATEGORY_OF: Final = {number: name for name, number in CATEGORIES.items()}

_ATTRIBUTES: Final = (
    *(KEYS, "sn", "givenName", "personalTitle", "mail", "mobile", "ENTPersonAdresse", "ENTPersonCodePostal"),
    *("ENTPersonVille", "ENTPersonStructRattach", "ENTEleveMEF", "ENTEleveNivFormation", "ENTEleveClasses"),
    *("ENTEleveGroupes", "ENTElevePersRelEleve", "ENTEleveAutoriteParentale", "ENTElevePere", "ENTEleveMere"),
    *("ENTElevePersRelEleve1", "ENTElevePersRelEleve2", "ENTPersonFonctions", "ENTAuxEnsClassesMatieres"),
    *("ENTAuxEnsGroupesMatieres", "ENTAuxEnsClasses", "ENTAuxEnsGroupes", "ENTAuxEnsClassesPrincipal"),
    *("PersEducNatPresenceDevantEleves", "ENTLibelleMef", "ENTMEFRattach", "ENTMEFSTAT11", "ENTLibelleMatiere"),
    *("ENTStructureUAI", "ENTEtablissementUAI", "ENTStructureSIREN", "ENTStructureNomCourant"),
    *("ENTStructureTypeStruct", "ENTEtablissementStructRattachFctl", "ENTStructureClasses", "ENTStructureGroupes"),
)
_NUMBER_OF: Final = {name: number for number, name in enumerate(_ATTRIBUTES)}


class _PlaceForm(msgspec.Struct, array_like=True):
    school: str
    name: str


class _LinkForm(msgspec.Struct, array_like=True):
    relative: str
    link: int
    legal: int


class _FunctionForm(msgspec.Struct, array_like=True):
    school: str
    code: str
    discipline: str
    discipline_label: str


class _ServiceForm(msgspec.Struct, array_like=True):
    place: _PlaceForm
    subject: str


class _SchoolForm(msgspec.Struct, array_like=True):
    key: str
    uai: str
    siren: str
    kind: str
    name: str
    parent: str


class _MefForm(msgspec.Struct, array_like=True):
    code: str
    label: str
    stat: str
    parent: str


class _SubjectForm(msgspec.Struct, array_like=True):
    code: str
    label: str


class _ClassForm(msgspec.Struct, array_like=True):
    school: str
    name: str
    label: str
    mefs: tuple[str, ...]


class _GroupForm(msgspec.Struct, array_like=True):
    school: str
    name: str
    label: str
    classes: tuple[str, ...]


class _PupilForm(msgspec.Struct, array_like=True):
    id: str
    sn: str
    given: str
    title: str
    school: str
    mef: str
    level_label: str
    classes: tuple[_PlaceForm, ...]
    groups: tuple[_PlaceForm, ...]
    links: tuple[_LinkForm, ...]
    keys: tuple[str, ...]


class _RelativeForm(msgspec.Struct, array_like=True):
    id: str
    ref: str
    sn: str
    given: str
    title: str
    mail: str
    mobiles: tuple[str, ...]
    postal: str


class _StaffForm(msgspec.Struct, array_like=True):
    id: str
    sn: str
    given: str
    title: str
    functions: tuple[_FunctionForm, ...]
    classes: tuple[_ServiceForm, ...]
    groups: tuple[_ServiceForm, ...]
    head_of: tuple[_PlaceForm, ...]
    before_pupils: bool
    keys: tuple[str, ...]


class _RejectedForm(msgspec.Struct, array_like=True):
    file: str
    line: int | None
    id: str
    attribute: str
    value: str
    why: str


FORMS: Final[dict[type, type[msgspec.Struct]]] = {
    School: _SchoolForm,
    Mef: _MefForm,
    Subject: _SubjectForm,
    ClassRecord: _ClassForm,
    GroupRecord: _GroupForm,
    Pupil: _PupilForm,
    Relative: _RelativeForm,
    Staff: _StaffForm,
    Rejected: _RejectedForm,
    Place: _PlaceForm,
    Link: _LinkForm,
    Function: _FunctionForm,
    Service: _ServiceForm,
}
"""How each record is written: its fields in their order."""
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODERS: Final = {number: (model, msgspec.msgpack.Decoder(FORMS[model])) for model, number in _MODELS.items()}
_ATTRIBUTES_DECODER: Final = msgspec.msgpack.Decoder(dict[int, str | list[str]])


def attributes_item(category: str, identifier: str, values: Attributes) -> Item:
    """A record of AAF; `values` are those of `aaf_records.held`."""
    numbered = {_NUMBER_OF[name]: found for name, found in values.items()}
    short = {number: found[0] if len(found) == 1 else found for number, found in sorted(numbered.items())}
    return Item(CATEGORIES[category], identifier, _ENCODER.encode(short))


def attributes_of(item: Item) -> Attributes:
    """The attributes of a record of AAF."""
    found = _ATTRIBUTES_DECODER.decode(item.body)
    return {_ATTRIBUTES[number]: [value] if isinstance(value, str) else value for number, value in found.items()}


def record_item(record: Record) -> Item:
    """A record of any other format."""
    if isinstance(record, Relative):
        mobiles = tuple(found for number in record.mobiles if (found := keys.mobile(number)))
        record = replace(record, mobiles=mobiles, postal=keys.postal(record.postal))
    body = _ENCODER.encode(msgspec.convert(record, FORMS[type(record)], from_attributes=True))
    return Item(_MODELS[type(record)], _identifier(record, body), body)


def kind_of(model: type[Record]) -> int:
    """The kind of records of a model."""
    return _MODELS[model]


def _identifier(record: Record, body: bytes) -> str:
    match record:
        case School():
            return record.key
        case Mef() | Subject():
            return record.code
        case ClassRecord() | GroupRecord():
            return f"{record.school}\x1f{record.name}"
        case Pupil() | Relative() | Staff():
            return record.id
        case Rejected():
            return hashlib.blake2b(body, digest_size=12).hexdigest()


def records_of(item: Item, source: str) -> Iterator[Record]:
    """The records that one item stands for. `source` is named where a value is rejected."""
    category = _CATEGORY_OF.get(item.kind)
    if category is not None:
        yield from CONVERTERS[category](source, None, item.id, attributes_of(item))
    else:
        model, decoder = _DECODERS[item.kind]
        record: Any = msgspec.convert(decoder.decode(item.body), model, from_attributes=True)
        yield record
