"""SELECT and EXAMINE with CONDSTORE and QRESYNC (RFC 9051 6.3.2 and 6.3.3, RFC 7162)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from imap.errors import BadCommand
from imap.parsing.commands import Command
from imap.parsing.lexer import ATOM, Cursor
from imap.parsing.limits import MAX_OPTIONS
from imap.parsing.sequence import SequenceSet
from imap.parsing.values import explicit_set, given_mailbox


@dataclass(frozen=True, slots=True)
class QResyncParam:
    """What the client knows of the mailbox (RFC 7162 3.2.5)."""

    uidvalidity: int
    modseq: int
    known_uids: SequenceSet | None = None
    seq_match: tuple[SequenceSet, SequenceSet] | None = None
    """Known sequence numbers and their UIDs; neither holds ``*`` or ``$``."""


@dataclass(frozen=True, slots=True)
class Select(Command):
    """SELECT, and EXAMINE when ``readonly`` (RFC 9051 6.3.2, 6.3.3, RFC 7162 3.1.8)."""

    verb: ClassVar[str] = "SELECT"
    name: str
    readonly: bool = False
    condstore: bool = False
    qresync: QResyncParam | None = None
    given: str | None = field(default=None, compare=False)
    """The name as it was written, where it is another form of `name`."""


# select = "SELECT" SP mailbox [select-params]
def select(cursor: Cursor) -> Select:
    return _select(cursor, readonly=False)


# examine = "EXAMINE" SP mailbox [select-params]
def examine(cursor: Cursor) -> Select:
    return _select(cursor, readonly=True)


# select-params = SP "(" select-param *(SP select-param) ")"
def _select(cursor: Cursor, *, readonly: bool) -> Select:
    cursor.space()
    name, given = given_mailbox(cursor)
    if not cursor.skip(b" "):
        return Select(name, readonly, given=given)
    cursor.expect(b"(")
    params = cursor.items(_select_param, limit=MAX_OPTIONS, what="parameters")
    qresync = [param for param in params if param is not None]
    if len(qresync) > 1 or len(params) - len(qresync) > 1:
        raise BadCommand("A parameter of SELECT stands there twice")
    return Select(name, readonly, len(params) > len(qresync), qresync[0] if qresync else None, given)


# select-param = condstore-param / "QRESYNC" SP "(" ... ")"
# condstore-param = "CONDSTORE"
def _select_param(cursor: Cursor) -> QResyncParam | None:
    """QRESYNC's data, or None for CONDSTORE."""
    match cursor.word(ATOM, "CONDSTORE or QRESYNC"):
        case b"CONDSTORE":
            return None
        case b"QRESYNC":
            cursor.space()
            return _qresync(cursor)
        case _:
            raise BadCommand("Unknown parameter of SELECT")


# "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"
# known-uids = sequence-set
def _qresync(cursor: Cursor) -> QResyncParam:
    cursor.expect(b"(")
    uidvalidity = cursor.nz_number("a UIDVALIDITY")
    cursor.space()
    modseq = cursor.nz_number64("a modification sequence")
    known_uids = seq_match = None
    if cursor.skip(b" ") and cursor.ahead() != b"(":
        known_uids = explicit_set(cursor)
        more = cursor.skip(b" ")
    else:
        more = cursor.ahead() == b"("
    if more:
        seq_match = _sequence_match(cursor)
    cursor.expect(b")")
    return QResyncParam(uidvalidity, modseq, known_uids, seq_match)


# seq-match-data = "(" known-sequence-set SP known-uid-set ")"
def _sequence_match(cursor: Cursor) -> tuple[SequenceSet, SequenceSet]:
    cursor.expect(b"(")
    numbers = explicit_set(cursor)
    cursor.space()
    uids = explicit_set(cursor)
    cursor.expect(b")")
    return numbers, uids
