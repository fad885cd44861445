"""What changed on an LDAP server since the last look: content synchronization where the server offers it (RFC 4533,
refreshOnly), else by modifyTimestamp (RFC 4512 section 3.4).

A look names entries only; nothing is read of them, so that every look asks exactly the same. An entry is known by its
entryUUID (RFC 4530), or its DN on servers without. A look gives all that it found with the position from which the next
begins, or an error: whoever keeps the position only with what was made of the look misses nothing.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from directory.model import DirectoryError
from directory.readers.ldap_entry import Entry
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


class PositionLostError(Exception):
    """What changed since the last look cannot be told: everything is to be compared."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A branch that is looked at, and the object classes of its entries."""

    branch: str
    classes: tuple[str, ...]


class Branch(msgspec.Struct, frozen=True):
    """How far a branch was looked at. `known` are the numbers of its entries, sorted, end to end."""

    known: bytes
    cookie: bytes = b""
    since: str = ""
    """The latest modifyTimestamp."""
    seen: frozenset[bytes] = frozenset()
    """The states of entries that changed in the last few minutes."""


class Position(msgspec.Struct, frozen=True):
    """How far a server was looked at, and by which way."""

    way: str
    branches: tuple[Branch, ...]

    def encode(self) -> bytes:
        """As it is kept."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, kept: bytes) -> Position:
        """What was kept. Raises PositionLostError."""
        try:
            return msgspec.msgpack.decode(kept, type=cls)
        except msgspec.DecodeError as error:
            raise PositionLostError("what was kept of the last look cannot be read") from error


@dataclass(slots=True)
class Look:
    """What changed: DNs by watch. `gone` says that entries are no longer there."""

    position: Position
    added: list[tuple[Watch, str]] = field(default_factory=list)
    modified: list[tuple[Watch, str]] = field(default_factory=list)
    gone: bool = False

    def __bool__(self) -> bool:
        return bool(self.added or self.modified or self.gone)


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
    for watch, before in zip(watches, position.branches, strict=True):
        if position.way == SYNCREPL:
            after.append(_look_sync(tree, watch, before, found))
        else:
            after.append(_look_timestamps(tree, watch, before, found))
    found.position = Position(position.way, tuple(after))
    return found


class _NoSyncError(Exception):
    """This database of the server does not take part in content synchronization."""


@dataclass(slots=True)
class _Refresh:
    """The answer to one sync request."""

    named: dict[bytes, str] = field(default_factory=dict)
    """DNs of entries that are new or changed, by number."""
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
    return Branch(_joined(refresh.named), refresh.cookie)


def _look_sync(tree: LdapTree, watch: Watch, before: Branch, found: Look) -> Branch:
    try:
        refresh = _refresh(tree, watch, before.cookie)
    except (LDAPSizeLimitExceededResult, _NoSyncError) as error:
        raise PositionLostError("the server does not tell what changed since the last look") from error
    known = _apart(before.known)
    if refresh.named and not refresh.complete and len(refresh.named) >= len(known) / 2:
        # OpenLDAP answers a cookie that it cannot read as if there were none: it does not name what is gone.
        raise PositionLostError("the server names most entries anew")
    for number, dn in refresh.named.items():
        (found.modified if number in known else found.added).append((watch, dn))
    gone = known & refresh.deleted
    if refresh.complete:
        gone |= known - refresh.present - refresh.named.keys()
    found.gone = found.gone or bool(gone)
    after = (known - gone) | refresh.named.keys()
    return Branch(before.known if after == known else _joined(after), refresh.cookie or before.cookie)


def _refresh(tree: LdapTree, watch: Watch, cookie: bytes) -> _Refresh:
    """Ask for the changes since a cookie, or for all. Raises PositionLostError, DirectoryError, errors of ldap3."""
    connection = tree.connection
    try:
        connection.search(
            tree.dn(watch.branch),
            tree.query(watch.classes),
            ldap3.SUBTREE,
            ldap3.DEREF_NEVER,  # OpenLDAP accepts no other
            attributes=_NO_ATTRIBUTES,
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
            refresh.named[number] = one["dn"]
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
    known = set()
    stamps = []
    for one in _stamped(tree, watch, ""):
        known.add(one.number)
        stamps.append(one)
    since = max((one.stamp for one in stamps), default="")
    return Branch(_joined(known), since=since, seen=_recent(stamps, since))


def _look_timestamps(tree: LdapTree, watch: Watch, before: Branch, found: Look) -> Branch:
    also = f"(modifyTimestamp>={_earlier(before.since)})" if before.since else ""
    known = _apart(before.known)
    stamps = []
    for one in _stamped(tree, watch, also):
        stamps.append(one)
        if one.number not in known:
            found.added.append((watch, one.dn))
        elif one.state not in before.seen:
            found.modified.append((watch, one.dn))
    since = max((one.stamp for one in stamps), default=before.since)
    after = known | {one.number for one in stamps}
    return Branch(
        before.known if after == known else _joined(after), since=since, seen=_recent(stamps, since) or before.seen
    )


class _Stamped(NamedTuple):
    """An entry with its modifyTimestamp, and what stands for its state."""

    number: bytes
    dn: str
    stamp: str
    state: bytes


def _stamped(tree: LdapTree, watch: Watch, also: str) -> Iterator[_Stamped]:
    """The entries of a branch, page by page. Raises DirectoryError."""
    for entry in tree.search(watch.branch, watch.classes, ("entryUUID", "modifyTimestamp", "entryCSN"), also):
        number, stamp = _number(entry), _stamp(tree.source, entry)
        # A timestamp counts seconds, in which an entry may change twice; OpenLDAP's change sequence number counts all.
        state = b"\0".join((number, stamp.encode(), _value(entry, "entryCSN"), entry.dn.encode()))
        yield _Stamped(number, entry.dn, stamp, _digest(state))


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


def _recent(stamps: Sequence[_Stamped], since: str) -> frozenset[bytes]:
    """What the next look will see again."""
    if not since:
        return frozenset()
    start = _earlier(since)
    return frozenset(one.state for one in stamps if one.stamp >= start)


def _digest(octets: bytes) -> bytes:
    return hashlib.blake2b(octets, digest_size=_NUMBER).digest()


def _joined(numbers: Iterable[bytes]) -> bytes:
    return b"".join(sorted(numbers))


def _apart(known: bytes) -> set[bytes]:
    return {known[start : start + _NUMBER] for start in range(0, len(known), _NUMBER)}
