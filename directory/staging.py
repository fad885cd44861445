"""The records of one import in temporary tables: memory stays that of one batch, whatever the size of the set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Index,
    MetaData,
    SmallInteger,
    Table,
    Text,
    and_,
    delete,
    func,
    select,
    text,
)

from directory import keys
from directory.bulk import insert_rows
from directory.model import (
    ClassRecord,
    DirectoryError,
    GroupRecord,
    Mef,
    Pupil,
    Record,
    Rejected,
    Relative,
    School,
    Service,
    Staff,
    Subject,
)
from directory.names import CONTROL, local_part, shown
from directory.nomenclature import PROFILE_OF_SDET, SDET_OF_FUNCTION, VOID_FUNCTION, sdet_of_staff
from directory.report import ImportReport, Kind
from directory.schema import Id, new_id
from directory.source import Format, Source
from directory.sql import lock

_BATCH = 2_000
_BLANK = dict.fromkeys(("ref", "school", "mef", "level_label", "mail", "mobiles", "postal"), "")

staging = MetaData()


def temporary(name: str, *columns: Column[Any] | Index) -> Table:
    """A table that lives as long as the transaction at most."""
    return Table(name, staging, *columns, prefixes=["TEMPORARY"], postgresql_on_commit="DROP")


@contextmanager
def work_tables(connection: Connection, tables: Sequence[Table] | None = None, *, keep: bool) -> Iterator[None]:
    """Temporary tables, all or some, while the lock of the directory is held; after an error, and unless `keep`, all
    that was written meanwhile is taken back.
    """
    lock(connection)
    savepoint = connection.begin_nested()
    try:
        staging.create_all(connection, tables, checkfirst=False)
        yield
        staging.drop_all(connection, tables, checkfirst=False)
    except BaseException:
        savepoint.rollback()
        raise
    if keep:
        savepoint.commit()
    else:
        savepoint.rollback()


def _seq() -> Column[int]:
    return Column("seq", BigInteger, nullable=False, index=True)


def _text(name: str, *, index: bool = False) -> Column[str]:
    return Column(name, Text, nullable=False, index=index)


people = temporary(
    "stage_person",
    Column("seq", Id, primary_key=True, autoincrement=False),
    _text("source"),
    _text("space"),
    _text("source_id", index=True),
    _text("ref", index=True),
    _text("kind"),
    Column("person_id", Id, nullable=False, index=True),
    Column("known", Boolean, nullable=False),
    Column("wanted", Boolean, nullable=False),
    *(_text(name) for name in ("sn", "given", "title", "display", "profile", "sdet")),
    _text("local", index=True),
    *(_text(name) for name in ("school", "mef", "level_label", "mail", "mobiles", "postal", "mail_source")),
    Column("second", Boolean, nullable=False),
)
"""One row per person record. `person_id` is a fresh number until the record is recognised; `local` the beginning of
the address; `ref` how family links name the person; `source` the name of the source, `space` where its numbers count,
`mail_source` the source that gave the mail. `second` marks a related person that another record tells better.
"""
links = temporary(
    "stage_link",
    _seq(),
    _text("source"),
    _text("relative", index=True),
    Column("link", SmallInteger, nullable=False),
    Column("legal", SmallInteger, nullable=False),
)
places = temporary("stage_place", _seq(), _text("source"), _text("role"), _text("school"), _text("name"))
"""Classes and groups of pupils, classes of head teachers: `role` is class, group or head."""
services = temporary(
    "stage_service", _seq(), _text("source"), _text("role"), _text("school"), _text("name"), _text("subject")
)
functions = temporary(
    "stage_function", _seq(), _text("source"), _text("school"), _text("code"), _text("discipline"), _text("label")
)
structures = temporary(
    "stage_structure", _text("source"), _text("kind"), _text("school"), _text("name"), _text("label")
)
"""Classes and groups that the structures announce: `kind` is class or group."""
class_mefs = temporary("stage_class_mef", _text("source"), _text("school"), _text("name"), _text("mef"))
group_classes = temporary("stage_group_class", _text("source"), _text("school"), _text("name"), _text("class_name"))
record_keys = temporary("stage_record_key", _seq(), _text("kind"), _text("key"))
"""The keys of pupils and staff, as `directory.keys` makes them."""
school_keys = temporary(
    "stage_school",
    Column("source", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("school_id", Id, nullable=False, index=True),
    _text("uai"),
)
"""Which school a source means by a key."""
ranks = temporary(
    "stage_rank",
    Column("grp", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("place", SmallInteger, nullable=False),
)
"""The place of each source for each group of attributes (`directory.precedence`), 0 for the best."""
levels = temporary("stage_level", _text("mef"), _text("level_label"), _text("level"))
"""Level by programme and words, as they occur in this set."""


def key_of(said: FromClause) -> ColumnElement[bool]:
    """Joins `school_keys` to a table with the columns `source` and `school`."""
    return and_(school_keys.c.source == said.c.source, school_keys.c.key == said.c.school)


OF_PERSON = (links, places, services, functions, record_keys)
"""Tables of what is said of one record."""


@dataclass(slots=True)
class Nomenclatures:
    """What is small enough to be held: programmes and subjects."""

    mefs: dict[str, Mef] = field(default_factory=dict)
    subjects: dict[str, Subject] = field(default_factory=dict)


class Stager:
    """Writes records to the temporary tables, in batches."""

    def __init__(self, connection: Connection, report: ImportReport, order: Sequence[str]) -> None:
        """`order` has the names of the sources, the best for programmes and subjects first."""
        self._connection = connection
        self._report = report
        self._rows: dict[Table, list[Mapping[str, Any]]] = {}
        self._seq = 0
        self._source = Source("", Format.AAF)
        self._order = order
        self._nomenclature: dict[Mef | Subject, int] = {}
        self.schools: dict[str, dict[str, School]] = {}
        """By name of the source and its key."""

    def begin(self, source: Source) -> None:
        """The records that follow are those of this source."""
        self._source = source
        self._place = self._order.index(source.name)
        self.schools[source.name] = {}

    def stage(self, record: Record) -> None:
        """Take one record."""
        self._report.records[type(record).__name__] += 1
        match record:
            case Pupil():
                self._pupil(record)
            case Relative():
                self._relative(record)
            case Staff():
                self._staff(record)
            case Rejected():
                where = f"{record.file}{f', line {record.line}' if record.line else ''}, record {record.id}"
                what = f"{record.attribute} = {record.value!r}"
                self._report.found(Kind.REJECTED_VALUE, where, what, record.why)
            case _:
                self._structure(record)

    def _structure(self, record: School | ClassRecord | GroupRecord | Mef | Subject) -> None:
        match record:
            case School():
                self.schools[self._source.name][record.key] = record
            case Mef() | Subject():
                self._nomenclature[record] = min(self._place, self._nomenclature.get(record, self._place))
            case ClassRecord():
                self._add(structures, kind="class", school=record.school, name=record.name, label=record.label)
                for mef in record.mefs:
                    self._add(class_mefs, school=record.school, name=record.name, mef=mef)
            case GroupRecord():
                self._add(structures, kind="group", school=record.school, name=record.name, label=record.label)
                for name in record.classes:
                    self._add(group_classes, school=record.school, name=record.name, class_name=name)

    def nomenclatures(self) -> Nomenclatures:
        """Programmes and subjects: of each what the best source says that says it."""
        found = Nomenclatures()
        for record, _ in sorted(self._nomenclature.items(), key=lambda one: one[1]):
            match record:
                case Mef():
                    best = found.mefs.setdefault(record.code, record)
                    label, stat, parent = (
                        best.label or record.label,
                        best.stat or record.stat,
                        best.parent or record.parent,
                    )
                    found.mefs[record.code] = Mef(record.code, label, stat, parent)
                case Subject():
                    best_label = found.subjects.setdefault(record.code, record).label
                    found.subjects[record.code] = Subject(record.code, best_label or record.label)
        return found

    def finish(self) -> None:
        """Write what is left, keep the last of records that came twice, and let the database see the sizes."""
        for table, rows in self._rows.items():
            if rows:
                insert_rows(self._connection, table, rows)
        self._rows.clear()
        self._drop_repeated()
        analyse(self._connection, people, *OF_PERSON)

    def _add(self, table: Table, **row: object) -> None:
        rows = self._rows.setdefault(table, [])
        rows.append(row if table is record_keys else {"source": self._source.name, **row})
        if len(rows) >= _BATCH:
            insert_rows(self._connection, table, rows)
            rows.clear()

    def _person(self, record: Pupil | Relative | Staff, kind: str, sdet: str, **more: str) -> int:
        if CONTROL.search(f"{record.sn}{record.given}{record.title}"):
            raise DirectoryError(
                kind, None, f"record {record.id}: a name holds a control character; correct the source"
            )
        self._seq += 1
        known_by = () if isinstance(record, Relative) else record.keys
        sn, given = shown(record.sn), shown(record.given)
        self._add(
            people,
            **(_BLANK | more),
            seq=self._seq,
            space=self._source.space_of(kind),
            source_id=self._source.number(record.id, known_by),
            kind=kind,
            person_id=new_id(),
            known=False,
            wanted=kind != "relative",
            sn=sn,
            given=given,
            title=record.title,
            display=f"{given} {sn}".strip(),
            profile=PROFILE_OF_SDET[sdet],
            sdet=sdet,
            local=local_part(record.given, record.sn),
            mail_source=self._source.name,
            second=False,
        )
        for key in known_by:
            self._add(record_keys, seq=self._seq, kind=keys.kind_of(key), key=key)
        return self._seq

    def _pupil(self, record: Pupil) -> None:
        seq = self._person(record, "pupil", "ELV", school=record.school, mef=record.mef, level_label=record.level_label)
        for link in record.links:
            self._add(links, seq=seq, relative=link.relative, link=link.link, legal=link.legal)
        for role, found in (("class", record.classes), ("group", record.groups)):
            for place in found:
                self._add(places, seq=seq, role=role, school=place.school, name=place.name)

    def _relative(self, record: Relative) -> None:
        self._person(
            record,
            "relative",
            "TUT",
            ref=record.ref,
            mail=record.mail.strip().lower(),
            mobiles=" ".join(sorted({number for text in record.mobiles if (number := keys.mobile(text))})),
            postal=keys.postal(record.postal),
        )

    def _staff(self, record: Staff) -> None:
        codes = [function.code for function in record.functions]
        profile = sdet_of_staff(codes, before_pupils=record.before_pupils)
        seq = self._person(record, "staff", profile, school=self._source.school)
        for function in record.functions:
            self._add(
                functions,
                seq=seq,
                school=function.school,
                code=function.code,
                discipline="" if function.discipline == VOID_FUNCTION else function.discipline,
                label=function.discipline_label,
            )
        self._services(seq, "class", record.classes)
        self._services(seq, "group", record.groups)
        for place in record.head_of:
            self._add(places, seq=seq, role="head", school=place.school, name=place.name)
        who = f"{record.id} {shown(record.given)} {shown(record.sn)}"
        if not codes:
            self._report.found(Kind.EMPTY_FUNCTIONS, who, "no function", "the teaching services alone tell the school")
        for code in codes:
            if code == VOID_FUNCTION:
                self._report.found(Kind.VOID_FUNCTION, who, f"function {code!r}", "an account of no profile list")
            elif code not in SDET_OF_FUNCTION:
                self._report.found(Kind.UNKNOWN_FUNCTION, who, f"function {code!r}", "taken for administrative staff")

    def _services(self, seq: int, role: str, found: Iterable[Service]) -> None:
        for service in found:
            place = service.place
            self._add(services, seq=seq, role=role, school=place.school, name=place.name, subject=service.subject)

    def _drop_repeated(self) -> None:
        last = select(func.max(people.c.seq)).group_by(people.c.source, people.c.space, people.c.source_id)
        dropped = self._connection.execute(delete(people).where(people.c.seq.not_in(last))).rowcount
        if not dropped:
            return
        for table in OF_PERSON:
            self._connection.execute(delete(table).where(table.c.seq.not_in(select(people.c.seq))))
        for _ in range(dropped):
            self._report.found(Kind.REPEATED_RECORD, "a person", "comes twice in the set", "the last record was taken")


def analyse(connection: Connection, *tables: Table) -> None:
    """PostgreSQL knows nothing of a temporary table until told; SQLite needs no telling."""
    if connection.dialect.name == "postgresql":
        for table in tables:
            connection.execute(text(f"ANALYZE {table.name}"))
