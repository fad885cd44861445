"""The records that every reader of school data gives, whatever the format.

A reader is an iterator of records, in any order of kinds, and holds no more than one record in memory; the importer
stages them and resolves the references once everything has been read. Every record stands for one complete set: what
is not in the set has left.

References between records are the source's own texts: a school by its `key` (AAF: the structure key, SDET: the DN or
the UAI), a class or a group by its school's key and its name, a related person by `ref`. Values are Unicode without
control characters, stripped; an absent value is the empty text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import TypeAlias


class DirectoryError(Exception):
    """The source cannot be imported: nothing of it is. Names the file, the line when there is one, and what to do."""

    def __init__(self, file: str | PurePath, line: int | None, text: str) -> None:
        self.file = str(file)
        self.line = line
        self.text = text
        super().__init__(f"{self.file}{f', line {line}' if line else ''}: {text}")


@dataclass(frozen=True, slots=True)
class School:
    """One establishment.

    `kind` is the first word of the source's type (`COLLEGE`, `LYCEE`, …) or `ZONE` for a structure without pupils
    (replacement zone); `name` is the bare name (`FRÉDÉRIC-MISTRAL`), without type and academy; `parent` is the key
    of the leading school of its cité scolaire, or empty.
    """

    key: str
    uai: str
    siren: str
    kind: str
    name: str
    parent: str = ""


@dataclass(frozen=True, slots=True)
class ClassRecord:
    """A class that the structure announces. Classes are learnt from pupils and teachers as well."""

    school: str
    name: str
    label: str = ""
    mefs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """A teaching group that the structure announces, with the names of the classes its pupils come from."""

    school: str
    name: str
    label: str = ""
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mef:
    """A programme. `parent` is the national code of a local variant; `stat` is MEFSTAT11, whose first four
    characters tell the level.
    """

    code: str
    label: str
    stat: str
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """A taught subject."""

    code: str
    label: str


@dataclass(frozen=True, slots=True)
class Place:
    """A class or a group: the key of its school and its name there."""

    school: str
    name: str


@dataclass(frozen=True, slots=True)
class Link:
    """From a pupil to a related person.

    `relative` is the `ref` of that person; `link` and `legal` are today's national codes (10 mother, 20 father, 70
    the pupil, …; 1 legal guardian, 2 person in charge, 0 contact): a reader translates the older ones.
    """

    relative: str
    link: int
    legal: int


@dataclass(frozen=True, slots=True)
class Pupil:
    """`id` is the person's number in the academy (ENTPersonJointure): the identity across years and formats.

    `level_label` is the level in words, used only when the programme `mef` is unknown; `keys` are those of
    `directory.keys`.
    """

    id: str
    sn: str
    given: str
    title: str
    school: str
    mef: str = ""
    level_label: str = ""
    classes: tuple[Place, ...] = ()
    groups: tuple[Place, ...] = ()
    links: tuple[Link, ...] = ()
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Relative:
    """A related person of pupils. `ref` is how links name this person: the id (AAF) or another handle (SDET: the DN).
    Records of one source with one `ref` are one person, known by each of their numbers.

    Mail, mobile numbers and postal address serve to recognise one person entered twice; mail alone is kept, for schools
    that want it (`ImportSettings.mail_schools`). The others may be digests already (`keys.mobile`, `keys.postal`).
    """

    id: str
    ref: str
    sn: str
    given: str
    title: str
    mail: str = ""
    mobiles: tuple[str, ...] = ()
    postal: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """What a member of staff does in one school: national function code (`ENS`, `DIR`, …) and discipline."""

    school: str
    code: str
    discipline: str = ""
    discipline_label: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """A class or group taught, and the code of the subject (empty when the source has none)."""

    place: Place
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff: functions, teaching services, classes of which he or she is head teacher; `keys` are those of
    `directory.keys`.
    """

    id: str
    sn: str
    given: str
    title: str
    functions: tuple[Function, ...] = ()
    classes: tuple[Service, ...] = ()
    groups: tuple[Service, ...] = ()
    head_of: tuple[Place, ...] = ()
    before_pupils: bool = False
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """One value (never a whole record) that the reader could not use, for the report."""

    file: str
    line: int | None
    id: str
    attribute: str
    value: str
    why: str


Record: TypeAlias = (
    School | ClassRecord | GroupRecord | Mef | Subject | Pupil | Relative | Staff | Rejected
)  # fmt: skip

Records: TypeAlias = Iterator[Record]
