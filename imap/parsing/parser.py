"""From a complete command to its value."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Final

from imap.errors import BadCommand
from imap.parsing import (
    acl,
    append,
    auth,
    connection,
    esearch,
    fetch,
    mailbox,
    metadata,
    notify,
    quota,
    search,
    select,
    sort,
    status,
    store,
)
from imap.parsing.acl import GetAcl, MyRights
from imap.parsing.commands import Capability, Check, Close, Command, Idle, Logout, Namespace, Noop, StartTls, Unselect
from imap.parsing.connection import Unauthenticate
from imap.parsing.lexer import ATOM, TAG, Cursor
from imap.parsing.list import list_, lsub
from imap.parsing.literals import CommandInput
from imap.parsing.mailbox import Subscribe, Unsubscribe
from imap.parsing.quota import GetQuotaRoot
from imap.parsing.store import Expunge


def parse_command(command: CommandInput, *, utf8: bool = False) -> tuple[str, Command]:
    """Tag and value of a complete command.

    ``utf8`` says that the session enabled IMAP4rev2 or UTF8=ACCEPT. Raises BadCommand for what the grammar does not
    allow and CommandRefused for what it allows and nobody can do; `peek_command` then tells the tag to answer with.
    """
    cursor = Cursor(command, utf8=utf8)
    if (head := _HEAD.match(cursor.text)) is None or (parser := _PARSERS.get(head[2].upper())) is None:
        raise _not_a_command(cursor)
    cursor.pos = head.end()
    value = parser(cursor)
    cursor.end()
    return head[1].decode(), value


def _not_a_command(cursor: Cursor) -> BadCommand:
    if cursor.match(TAG) is None:
        return cursor.expected("a tag")
    cursor.space()
    if cursor.word(ATOM, "a command") == b"UID":
        cursor.space()
        cursor.word(ATOM, "a command after UID")
    return BadCommand("Unknown command")


def _without_arguments(command: Callable[[], Command]) -> Callable[[Cursor], Command]:
    value = command()
    return lambda _: value


_HEAD: Final = re.compile(rb"(%b) ((?:UID )?%b)" % (TAG.pattern, ATOM.pattern), re.IGNORECASE)

# command = tag SP (command-any / command-auth / command-nonauth / command-select) CRLF
_PARSERS: Final[dict[bytes, Callable[[Cursor], Command]]] = {
    # command-any = "CAPABILITY" / "LOGOUT" / "NOOP" / id
    b"CAPABILITY": _without_arguments(Capability),
    b"LOGOUT": _without_arguments(Logout),
    b"NOOP": _without_arguments(Noop),
    b"ID": auth.identify,
    b"LANGUAGE": connection.language,
    # command-nonauth = login / authenticate / "STARTTLS"
    b"STARTTLS": _without_arguments(StartTls),
    b"AUTHENTICATE": auth.authenticate,
    b"LOGIN": auth.login,
    # command-auth = append / create / delete / enable / examine / list / lsub / namespace-command / rename / select /
    #                status / subscribe / unsubscribe / idle / getquota / getquotaroot
    b"APPEND": append.append,
    b"COMPRESS": connection.compress,
    b"CREATE": mailbox.create,
    b"DELETE": mailbox.delete,
    b"ENABLE": auth.enable,
    b"EXAMINE": select.examine,
    b"GETQUOTA": quota.get_quota,
    b"GETQUOTAROOT": mailbox.one_mailbox(GetQuotaRoot),
    b"IDLE": _without_arguments(Idle),
    b"LIST": list_,
    b"LSUB": lsub,
    b"NAMESPACE": _without_arguments(Namespace),
    b"RENAME": mailbox.rename,
    b"SELECT": select.select,
    b"STATUS": status.status,
    b"SUBSCRIBE": mailbox.one_mailbox(Subscribe),
    b"UNAUTHENTICATE": _without_arguments(Unauthenticate),
    b"UNSUBSCRIBE": mailbox.one_mailbox(Unsubscribe),
    # command-auth =/ setacl / deleteacl / getacl / listrights / myrights
    b"DELETEACL": acl.delete_acl,
    b"GETACL": mailbox.one_mailbox(GetAcl),
    b"LISTRIGHTS": acl.list_rights,
    b"MYRIGHTS": mailbox.one_mailbox(MyRights),
    b"SETACL": acl.set_acl,
    # command-auth =/ esearch
    b"ESEARCH": esearch.esearch,
    # command-auth =/ notify
    b"NOTIFY": notify.notify,
    # command-auth =/ setmetadata / getmetadata
    b"GETMETADATA": metadata.get_metadata,
    b"SETMETADATA": metadata.set_metadata,
    # command-select = "CHECK" / "CLOSE" / "UNSELECT" / "EXPUNGE" / copy / move / fetch / store / search /
    #                  replace / uid
    b"CANCELUPDATE": sort.cancel_update,
    b"CHECK": _without_arguments(Check),
    b"CLOSE": _without_arguments(Close),
    b"EXPUNGE": _without_arguments(Expunge),
    b"UNSELECT": _without_arguments(Unselect),
    # uid = "UID" SP (copy / move / fetch / search / store / uid-expunge / replace)
    b"COPY": partial(store.copy, uid=False),
    b"FETCH": partial(fetch.fetch, uid=False),
    b"MOVE": partial(store.move, uid=False),
    b"REPLACE": partial(append.replace, uid=False),
    b"SEARCH": partial(search.search, uid=False),
    b"SORT": partial(sort.sort, uid=False),
    b"STORE": partial(store.store, uid=False),
    b"THREAD": partial(sort.thread, uid=False),
    b"UID COPY": partial(store.copy, uid=True),
    b"UID EXPUNGE": store.uid_expunge,
    b"UID FETCH": partial(fetch.fetch, uid=True),
    b"UID MOVE": partial(store.move, uid=True),
    b"UID REPLACE": partial(append.replace, uid=True),
    b"UID SEARCH": partial(search.search, uid=True),
    b"UID SORT": partial(sort.sort, uid=True),
    b"UID STORE": partial(store.store, uid=True),
    b"UID THREAD": partial(sort.thread, uid=True),
}
