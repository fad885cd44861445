"""The table of all commands: who runs each, and in which states it is allowed (RFC 9051 section 3)."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from imap.commands import (
    acl,
    client,
    contexts,
    esearch,
    fetch,
    folders,
    language,
    listing,
    metadata,
    notify,
    quota,
    search,
    select,
    sign_in,
    sort,
    status,
    store,
    thread,
    transfer,
)
from imap.parsing.acl import DeleteAcl, GetAcl, ListRights, MyRights, SetAcl
from imap.parsing.append import Append, Replace
from imap.parsing.auth import Authenticate, Enable, Id, Login
from imap.parsing.commands import Capability, Check, Close, Command, Idle, Logout, Namespace, Noop, StartTls, Unselect
from imap.parsing.connection import Compress, Language, Unauthenticate
from imap.parsing.esearch import Esearch
from imap.parsing.fetch import Fetch
from imap.parsing.list import List, Lsub
from imap.parsing.mailbox import Create, Delete, Rename, Subscribe, Unsubscribe
from imap.parsing.metadata import GetMetadata, SetMetadata
from imap.parsing.notify import Notify
from imap.parsing.quota import GetQuota, GetQuotaRoot
from imap.parsing.search import Search
from imap.parsing.select import Select
from imap.parsing.sort import CancelUpdate, Sort, Thread
from imap.parsing.status import Status
from imap.parsing.store import Copy, Expunge, Move, Store
from imap.responses import Completion

if TYPE_CHECKING:
    from imap.session import Session


class State(enum.Enum):
    """The states of RFC 9051 section 3."""

    NOT_AUTHENTICATED = enum.auto()
    AUTHENTICATED = enum.auto()
    SELECTED = enum.auto()


class Rule(NamedTuple):
    """``handler(session, tag, command)`` gives the completion, or None when it has answered or will answer itself."""

    states: tuple[State, ...]
    handler: Callable[[Session, str, Any], Awaitable[Completion | None]]


_BEFORE: Final = (State.NOT_AUTHENTICATED,)
_SELECTED: Final = (State.SELECTED,)
_SIGNED_IN: Final = (State.SELECTED, State.AUTHENTICATED)
_ANY: Final = (*_SIGNED_IN, *_BEFORE)

RULES: Final[dict[type[Command], Rule]] = {
    Capability: Rule(_ANY, client.capability),
    Noop: Rule(_ANY, client.noop),
    Logout: Rule(_ANY, client.logout),
    Id: Rule(_ANY, client.identify),
    Language: Rule(_ANY, language.language),
    StartTls: Rule(_BEFORE, client.starttls),
    Login: Rule(_BEFORE, sign_in.login),
    Authenticate: Rule(_BEFORE, sign_in.authenticate),
    Enable: Rule(_SIGNED_IN, client.enable),
    Compress: Rule(_SIGNED_IN, client.compress),
    Unauthenticate: Rule(_SIGNED_IN, client.unauthenticate),
    Namespace: Rule(_SIGNED_IN, listing.namespace),
    List: Rule(_SIGNED_IN, listing.list_),
    Lsub: Rule(_SIGNED_IN, listing.lsub),
    Status: Rule(_SIGNED_IN, status.status),
    Create: Rule(_SIGNED_IN, folders.create),
    Delete: Rule(_SIGNED_IN, folders.delete),
    Rename: Rule(_SIGNED_IN, folders.rename),
    Subscribe: Rule(_SIGNED_IN, folders.subscribe),
    Unsubscribe: Rule(_SIGNED_IN, folders.unsubscribe),
    Select: Rule(_SIGNED_IN, select.select),
    Append: Rule(_SIGNED_IN, transfer.append),
    Idle: Rule(_SIGNED_IN, client.idle),
    GetQuota: Rule(_SIGNED_IN, quota.get_quota),
    GetQuotaRoot: Rule(_SIGNED_IN, quota.get_quota_root),
    SetAcl: Rule(_SIGNED_IN, acl.set_acl),
    DeleteAcl: Rule(_SIGNED_IN, acl.delete_acl),
    GetAcl: Rule(_SIGNED_IN, acl.get_acl),
    ListRights: Rule(_SIGNED_IN, acl.list_rights),
    MyRights: Rule(_SIGNED_IN, acl.my_rights),
    Esearch: Rule(_SIGNED_IN, esearch.esearch),
    Notify: Rule(_SIGNED_IN, notify.notify),
    GetMetadata: Rule(_SIGNED_IN, metadata.get_metadata),
    SetMetadata: Rule(_SIGNED_IN, metadata.set_metadata),
    CancelUpdate: Rule(_SELECTED, contexts.cancel_update),
    Check: Rule(_SELECTED, client.noop),
    Close: Rule(_SELECTED, select.close),
    Unselect: Rule(_SELECTED, select.unselect),
    Expunge: Rule(_SELECTED, store.expunge),
    Search: Rule(_SELECTED, search.search),
    Sort: Rule(_SELECTED, sort.sort),
    Thread: Rule(_SELECTED, thread.thread),
    Fetch: Rule(_SELECTED, fetch.fetch),
    Store: Rule(_SELECTED, store.store),
    Copy: Rule(_SELECTED, transfer.copy),
    Move: Rule(_SELECTED, transfer.move),
    Replace: Rule(_SELECTED, transfer.replace),
}
