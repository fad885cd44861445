"""Commands on mailboxes as wholes: SELECT, CREATE, RENAME, STATUS, quota and their like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from imap.backend import HIERARCHY_DELIMITER
from imap.errors import BadCommand, CommandRefused
from imap.parsing.commands import (
    Command,
    Create,
    Delete,
    GetQuota,
    Lsub,
    QResyncParam,
    Rename,
    Select,
    Status,
    StatusItem,
)
from imap.parsing.lexer import ATOM, Cursor
from imap.parsing.limits import MAX_OPTIONS
from imap.parsing.sequence import SequenceSet
from imap.parsing.values import explicit_set, given_mailbox, list_mailbox, mailbox

C = TypeVar("C", bound=Command)

_STATUS_ITEMS: Final = {item.value.encode(): item for item in StatusItem}
_SPECIAL_USES: Final = {
    use.upper(): use for use in ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash")
}


# subscribe = "SUBSCRIBE" SP mailbox
# unsubscribe = "UNSUBSCRIBE" SP mailbox
# getquotaroot = "GETQUOTAROOT" SP mailbox
def one_mailbox(command: Callable[[str], C]) -> Callable[[Cursor], C]:
    """The parser of a command whose only argument is a mailbox."""

    def parse(cursor: Cursor) -> C:
        cursor.space()
        return command(mailbox(cursor))

    return parse


# getquota = "GETQUOTA" SP quota-root-name
# quota-root-name = astring
def get_quota(cursor: Cursor) -> GetQuota:
    cursor.space()
    return GetQuota(cursor.text_astring("a quota root"))


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


# create = "CREATE" SP mailbox [SP "(" create-param *(SP create-param) ")"]
# create-param = "USE" SP "(" [use-attr *(SP use-attr)] ")"
def create(cursor: Cursor) -> Create:
    cursor.space()
    name, given = given_mailbox(cursor)
    name = name.removesuffix(HIERARCHY_DELIMITER)
    if not cursor.skip(b" "):
        return Create(name, given=given)
    cursor.expect(b"(")
    if cursor.word(ATOM, "USE") != b"USE":
        raise BadCommand("Unknown parameter of CREATE")
    cursor.space()
    cursor.expect(b"(")
    uses = [] if cursor.skip(b")") else cursor.items(_special_use, limit=MAX_OPTIONS, what="special uses")
    cursor.expect(b")")
    if len(set(uses)) > 1:
        raise CommandRefused("A mailbox has one special use at most", code="USEATTR")
    return Create(name, uses[0] if uses else None, given)


# delete = "DELETE" SP mailbox
def delete(cursor: Cursor) -> Delete:
    cursor.space()
    return Delete(*given_mailbox(cursor))


# use-attr = "\All" / "\Archive" / "\Drafts" / "\Flagged" / "\Junk" / "\Sent" / "\Trash" / use-attr-ext
# use-attr-ext = "\" atom
def _special_use(cursor: Cursor) -> str:
    cursor.expect(b"\\")
    use = "\\" + cursor.atom("a special use")
    return _SPECIAL_USES.get(use.upper(), use)


# rename = "RENAME" SP mailbox SP mailbox
def rename(cursor: Cursor) -> Rename:
    cursor.space()
    old, given_old = given_mailbox(cursor)
    cursor.space()
    new, given_new = given_mailbox(cursor)
    given = old if given_old is None and given_new is not None else given_old
    return Rename(old, new.removesuffix(HIERARCHY_DELIMITER), given)


# status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"
def status(cursor: Cursor) -> Status:
    cursor.space()
    name = mailbox(cursor)
    cursor.space()
    return Status(name, status_items(cursor))


# "(" status-att *(SP status-att) ")"
def status_items(cursor: Cursor) -> tuple[StatusItem, ...]:
    """The items asked for, each once."""
    cursor.expect(b"(")
    return tuple(dict.fromkeys(cursor.items(_status_item, limit=MAX_OPTIONS, what="items of STATUS")))


# status-att = "MESSAGES" / "RECENT" / "UIDNEXT" / "UIDVALIDITY" / "UNSEEN" / "DELETED" / "SIZE"
# status-att =/ "HIGHESTMODSEQ" / "APPENDLIMIT" / "DELETED-STORAGE" / "MAILBOXID"
def _status_item(cursor: Cursor) -> StatusItem:
    if (item := _STATUS_ITEMS.get(cursor.word(ATOM, "an item of STATUS"))) is None:
        raise BadCommand("Unknown item of STATUS")
    return item


# lsub = "LSUB" SP mailbox SP list-mailbox
def lsub(cursor: Cursor) -> Lsub:
    cursor.space()
    reference = mailbox(cursor)
    cursor.space()
    return Lsub(reference, list_mailbox(cursor))
