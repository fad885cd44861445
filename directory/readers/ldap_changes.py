"""What changed on an LDAP server since the last look: content synchronization where the server offers it (RFC 4533,
refreshOnly), else by modifyTimestamp (RFC 4512 section 3.4).

A look names entries and reads the little that is noted of them, so that every look asks exactly the same. An entry is
known by its entryUUID (RFC 4530), or its DN on servers without. A look gives all that it found with the position from
which the next begins, or an error: whoever keeps the position only with what was made of the look misses nothing.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from directory.model import DirectoryError
from directory.readers.ldap_entry import Entry
from directory.readers.ldap_position import (
    Branch,
    Look,
    Position,
    PositionLostError,
    Touched,
    Watch,
    encoded,
    follow_notes,
)
from directory.readers.ldap_server import LdapTree
from directory.readers.ldap_sync_controls import (
    ADD,
    DELETE,
    MODIFY,
    SYNC_DONE,
    SYNC_REQUEST,
    SYNC_STATE,
    done_of,
    id_set_of,
    state_of,
    sync_request,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import ldap3
    from ldap3.core.exceptions import LDAPOperationResult, LDAPSizeLimitExceededResult
    from ldap3.core.results import (
        RESULT_E_SYNC_REFRESH_REQUIRED,
        RESULT_SIZE_LIMIT_EXCEEDED,
        RESULT_SUCCESS,
        RESULT_UNAVAILABLE_CRITICAL_EXTENSION,
        RESULT_UNWILLING_TO_PERFORM,
    )

SYNCREPL: Final = "syncrepl"
TIMESTAMPS: Final = "timestamps"
OVERLAP: Final = timedelta(minutes=5)
"""What is looked at again each time: clocks of servers that replicate differ, and changes arrive late."""
_NUMBER: Final = 8
"""Octets that an entry is known by."""
_NO_ATTRIBUTES: Final = ("1.1",)
_FORMS: Final = ("%Y%m%d%H%M%SZ", "%Y%m%d%H%M%S.%fZ")


def begin(tree: LdapTree, watches: Sequence[Watch]) -> Position:
    """The position of now, of every entry, from which looks begin: what is read after it is not older.

    Content synchronization has no pages: where the server gives only a part so, changes are found by timestamps.

    Raises:
        DirectoryError: the server does not give all its entries, in pages neither.
    """
    if _offers_sync(tree):
        try:
            return Position(SYNCREPL, tuple(_begin_sync(tree, watch) for watch in watches))
        except (LDAPSizeLimitExceededResult, _NoSyncError):
            pass
    return Position(TIMESTAMPS, tuple(_begin_timestamps(tree, watch) for watch in watches))


def look(tree: LdapTree, watches: Sequence[Watch], position: Position) -> Look:
    """What changed since a position.

    Raises:
        PositionLostError: the server cannot tell any more; everything is to be compared.
        DirectoryError: the look did not come to its end.
    """
    if len(position.branches) != len(watches):
        raise PositionLostError("other branches are looked at than before")
    found = Look(position)
    after = []
    look_at = _look_sync if position.way == SYNCREPL else _look_timestamps
    for watch, before in zip(watches, position.branches, strict=True):
        branch, touched = look_at(tree, watch, before)
        after.append(branch)
        found.touched.append(touched)
    found.position = Position(position.way, tuple(after))
    return found


class _NoSyncError(Exception):
    """This database of the server does not take part in content synchronization."""


@dataclass(slots=True)
class _Refresh:
    """The answer to one sync request."""

    named: dict[bytes, Entry] = field(default_factory=dict)
    """Entries that are new or changed, by number."""
    present: set[bytes] = field(default_factory=set)
    deleted: set[bytes] = field(default_factory=set)
    cookie: bytes = b""
    complete: bool = False
    """Every entry was named: the others are gone."""


def _offers_sync(tree: LdapTree) -> bool:
    tree.connection.search("", "(objectClass=*)", ldap3.BASE, attributes=["supportedControl"])
    for found in tree.connection.response or ():
        if SYNC_REQUEST.encode() in found.get("raw_attributes", {}).get("supportedControl", ()):
            return True
    return False


def _begin_sync(tree: LdapTree, watch: Watch) -> Branch:
    refresh = _refresh(tree, watch, b"")
    if not refresh.cookie:
        raise _NoSyncError
    return Branch(encoded({number: watch.note(entry) for number, entry in refresh.named.items()}), refresh.cookie)


def _look_sync(tree: LdapTree, watch: Watch, before: Branch) -> tuple[Branch, list[Touched]]:
    try:
        refresh = _refresh(tree, watch, before.cookie)
        cookie = refresh.cookie or before.cookie
        if not (refresh.named or refresh.deleted or refresh.complete):
            return msgspec.structs.replace(before, cookie=cookie), []
        notes = before.notes()
        gone = notes.keys() & refresh.deleted
        if refresh.complete:
            gone |= notes.keys() - refresh.present
        elif len(refresh.named) >= len(notes) / 2:
            # OpenLDAP answers a cookie that it cannot read as if there were none: it does not name what is gone.
            gone |= notes.keys() - _refresh(tree, watch, b"").named.keys()
    except (LDAPSizeLimitExceededResult, _NoSyncError) as error:
        raise PositionLostError("the server does not tell what changed since the last look") from error
    touched = follow_notes(watch, notes, refresh.named, gone - refresh.named.keys())
    return Branch(encoded(notes), cookie), touched


def _refresh(tree: LdapTree, watch: Watch, cookie: bytes) -> _Refresh:
    """Ask for the changes since a cookie, or for all. Raises PositionLostError, DirectoryError, errors of ldap3."""
    connection = tree.connection
    try:
        connection.search(
            tree.dn(watch.branch),
            tree.query(watch.classes),
            ldap3.SUBTREE,
            ldap3.DEREF_NEVER,  # OpenLDAP accepts no other
            attributes=watch.attributes or _NO_ATTRIBUTES,
            controls=[sync_request(cookie)],
        )
    except LDAPOperationResult as error:
        if error.result == RESULT_E_SYNC_REFRESH_REQUIRED:
            raise PositionLostError("the server asks for a complete refresh") from error
        if error.result == RESULT_UNAVAILABLE_CRITICAL_EXTENSION:
            raise _NoSyncError from error
        if cookie and error.result == RESULT_UNWILLING_TO_PERFORM:
            raise PositionLostError("the server is older than the last look: was it restored?") from error
        raise
    result: dict[str, Any] = connection.result
    if result["result"] == RESULT_SIZE_LIMIT_EXCEEDED:
        raise LDAPSizeLimitExceededResult
    if result["result"] != RESULT_SUCCESS:
        raise DirectoryError(tree.source, None, f"the server answers {result['description']}, not all entries")
    try:
        return _read(tree.source, connection.response or (), result)
    except ValueError as error:
        raise DirectoryError(tree.source, None, f"an answer that is no content synchronization: {error}") from error


def _read(source: str, response: Sequence[dict[str, Any]], result: dict[str, Any]) -> _Refresh:
    refresh = _Refresh()
    for one in response:
        if one["type"] == "intermediateResponse":
            ids = id_set_of(one["responseValue"])
            (refresh.deleted if ids.gone else refresh.present).update(map(_digest, ids.uuids))
            continue
        if one["type"] != "searchResEntry":
            raise DirectoryError(source, None, "a part of the tree is on another server (referral): read it there")
        state = state_of(_control(one, SYNC_STATE) or b"")
        number = _digest(state.uuid)
        if state.state in (ADD, MODIFY):
            refresh.named[number] = Entry(one["dn"], one["raw_attributes"])
        else:
            (refresh.deleted if state.state == DELETE else refresh.present).add(number)
    done = _control(result, SYNC_DONE)
    if done is not None:
        told = done_of(done)
        refresh.cookie, refresh.complete = told.cookie, not told.refresh_deletes
    elif refresh.named or refresh.present or refresh.deleted:
        raise ValueError("no Sync Done Control")
    # OpenLDAP ends without one when nothing changed.
    return refresh


def _control(answer: dict[str, Any], name: str) -> bytes | None:
    found = answer.get("controls", {}).get(name)
    return None if found is None else found["value"] or b""


def _begin_timestamps(tree: LdapTree, watch: Watch) -> Branch:
    notes = {}
    states = []
    for one in _stamped(tree, watch, ""):
        notes[one.number] = watch.note(one.entry)
        states.append((one.stamp, one.state))
    since = max((stamp for stamp, _ in states), default="")
    return Branch(encoded(notes), since=since, seen=_recent(states, since))


def _look_timestamps(tree: LdapTree, watch: Watch, before: Branch) -> tuple[Branch, list[Touched]]:
    also = f"(modifyTimestamp>={_earlier(before.since)})" if before.since else ""
    named = {}
    states = []
    for one in _stamped(tree, watch, also):
        states.append((one.stamp, one.state))
        if one.state not in before.seen:
            named[one.number] = one.entry
    since = max((stamp for stamp, _ in states), default=before.since)
    seen = _recent(states, since) or before.seen
    if not named:
        return msgspec.structs.replace(before, since=since, seen=seen), []
    notes = before.notes()
    touched = follow_notes(watch, notes, named, set())
    return Branch(encoded(notes), since=since, seen=seen), touched


class _Stamped(NamedTuple):
    """An entry with its modifyTimestamp, and what stands for its state."""

    number: bytes
    entry: Entry
    stamp: str
    state: bytes


def _stamped(tree: LdapTree, watch: Watch, also: str) -> Iterator[_Stamped]:
    """The entries of a branch, page by page. Raises DirectoryError."""
    asked = ("entryUUID", "modifyTimestamp", "entryCSN", *watch.attributes)
    for entry in tree.search(watch.branch, watch.classes, asked, also):
        number, stamp = _number(entry), _stamp(tree.source, entry)
        # A timestamp counts seconds, in which an entry may change twice; OpenLDAP's change sequence number counts all.
        state = b"\0".join((number, stamp.encode(), _value(entry, "entryCSN"), entry.dn.encode()))
        yield _Stamped(number, entry, stamp, _digest(state))


def _number(entry: Entry) -> bytes:
    try:
        return _digest(UUID(_value(entry, "entryUUID").decode()).bytes)
    except ValueError:
        return _digest(entry.dn.lower().encode())


def _value(entry: Entry, wanted: str) -> bytes:
    """The first value of an attribute, or nothing."""
    return next(
        (values[0] for name, values in entry.attributes.items() if name.lower() == wanted.lower() and values), b""
    )


def _stamp(source: str, entry: Entry) -> str:
    """The modifyTimestamp in the one form that sorts as time does. Raises DirectoryError."""
    text = _value(entry, "modifyTimestamp").decode("ascii", "replace")
    for form in _FORMS:
        try:
            return datetime.strptime(text, form).strftime(_FORMS[0])  # noqa: DTZ007 - UTC, as the Z says
        except ValueError:
            continue
    raise DirectoryError(source, None, f"{entry.dn[:100]}: no modifyTimestamp that can be read: {text[:40]!r}")


def _earlier(stamp: str) -> str:
    return (datetime.strptime(stamp, _FORMS[0]) - OVERLAP).strftime(_FORMS[0])  # noqa: DTZ007 - UTC


def _recent(states: Sequence[tuple[str, bytes]], since: str) -> frozenset[bytes]:
    """What the next look will see again, of timestamps and states."""
    if not since:
        return frozenset()
    start = _earlier(since)
    return frozenset(state for stamp, state in states if stamp >= start)


def _digest(octets: bytes) -> bytes:
    return hashlib.blake2b(octets, digest_size=_NUMBER).digest()
