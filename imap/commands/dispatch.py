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
from imap.parsing import acl_commands, commands, connection, sort_commands
from imap.parsing.commands import Command
from imap.parsing.esearch import Esearch
from imap.parsing.metadata import GetMetadata, SetMetadata
from imap.parsing.notify import Notify
from imap.responses import Completion

if TYPE_CHECKING:
    from imap.session import Session


class State(enum.Flag):
    """The states of RFC 9051 section 3."""

    NOT_AUTHENTICATED = enum.auto()
    AUTHENTICATED = enum.auto()
    SELECTED = enum.auto()


class Rule(NamedTuple):
    """``handler(session, tag, command)`` gives the completion, or None when it has answered or will answer itself."""

    states: State
    handler: Callable[[Session, str, Any], Awaitable[Completion | None]]


_BEFORE: Final = State.NOT_AUTHENTICATED
_SELECTED: Final = State.SELECTED
_SIGNED_IN: Final = State.AUTHENTICATED | State.SELECTED
_ANY: Final = _BEFORE | _SIGNED_IN

RULES: Final[dict[type[Command], Rule]] = {
    commands.Capability: Rule(_ANY, client.capability),
    commands.Noop: Rule(_ANY, client.noop),
    commands.Logout: Rule(_ANY, client.logout),
    commands.Id: Rule(_ANY, client.identify),
    connection.Language: Rule(_ANY, language.language),
    commands.StartTls: Rule(_BEFORE, client.starttls),
    commands.Login: Rule(_BEFORE, sign_in.login),
    commands.Authenticate: Rule(_BEFORE, sign_in.authenticate),
    commands.Enable: Rule(_SIGNED_IN, client.enable),
    connection.Compress: Rule(_SIGNED_IN, client.compress),
    connection.Unauthenticate: Rule(_SIGNED_IN, client.unauthenticate),
    commands.Namespace: Rule(_SIGNED_IN, listing.namespace),
    commands.List: Rule(_SIGNED_IN, listing.list_),
    commands.Lsub: Rule(_SIGNED_IN, listing.lsub),
    commands.Status: Rule(_SIGNED_IN, status.status),
    commands.Create: Rule(_SIGNED_IN, folders.create),
    commands.Delete: Rule(_SIGNED_IN, folders.delete),
    commands.Rename: Rule(_SIGNED_IN, folders.rename),
    commands.Subscribe: Rule(_SIGNED_IN, folders.subscribe),
    commands.Unsubscribe: Rule(_SIGNED_IN, folders.unsubscribe),
    commands.Select: Rule(_SIGNED_IN, select.select),
    commands.Append: Rule(_SIGNED_IN, transfer.append),
    commands.Idle: Rule(_SIGNED_IN, client.idle),
    commands.GetQuota: Rule(_SIGNED_IN, quota.get_quota),
    commands.GetQuotaRoot: Rule(_SIGNED_IN, quota.get_quota_root),
    acl_commands.SetAcl: Rule(_SIGNED_IN, acl.set_acl),
    acl_commands.DeleteAcl: Rule(_SIGNED_IN, acl.delete_acl),
    acl_commands.GetAcl: Rule(_SIGNED_IN, acl.get_acl),
    acl_commands.ListRights: Rule(_SIGNED_IN, acl.list_rights),
    acl_commands.MyRights: Rule(_SIGNED_IN, acl.my_rights),
    Esearch: Rule(_SIGNED_IN, esearch.esearch),
    Notify: Rule(_SIGNED_IN, notify.notify),
    GetMetadata: Rule(_SIGNED_IN, metadata.get_metadata),
    SetMetadata: Rule(_SIGNED_IN, metadata.set_metadata),
    sort_commands.CancelUpdate: Rule(_SELECTED, contexts.cancel_update),
    commands.Check: Rule(_SELECTED, client.noop),
    commands.Close: Rule(_SELECTED, select.close),
    commands.Unselect: Rule(_SELECTED, select.unselect),
    commands.Expunge: Rule(_SELECTED, store.expunge),
    commands.Search: Rule(_SELECTED, search.search),
    sort_commands.Sort: Rule(_SELECTED, sort.sort),
    sort_commands.Thread: Rule(_SELECTED, thread.thread),
    commands.Fetch: Rule(_SELECTED, fetch.fetch),
    commands.Store: Rule(_SELECTED, store.store),
    commands.Copy: Rule(_SELECTED, transfer.copy),
    commands.Move: Rule(_SELECTED, transfer.move),
    commands.Replace: Rule(_SELECTED, transfer.replace),
}
