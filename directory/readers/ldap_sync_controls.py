"""The controls and messages of the content synchronization operation (RFC 4533 section 2), in BER."""

from __future__ import annotations

import warnings
from typing import Any, Final, NamedTuple

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from pyasn1.codec.ber import decoder, encoder
    from pyasn1.error import PyAsn1Error
    from pyasn1.type import base, namedtype, tag, univ

SYNC_REQUEST: Final = "1.3.6.1.4.1.4203.1.9.1.1"
SYNC_STATE: Final = "1.3.6.1.4.1.4203.1.9.1.2"
SYNC_DONE: Final = "1.3.6.1.4.1.4203.1.9.1.3"
SYNC_INFO: Final = "1.3.6.1.4.1.4203.1.9.1.4"

_REFRESH_ONLY: Final = 1
PRESENT, ADD, MODIFY, DELETE = range(4)
"""States of an entry."""
UUID_OCTETS: Final = 16


class State(NamedTuple):
    """A Sync State Control: the state of the entry that it came with, and its number (entryUUID)."""

    state: int
    uuid: bytes


class Done(NamedTuple):
    """A Sync Done Control. Without `refresh_deletes` every entry that was not named is gone."""

    cookie: bytes
    refresh_deletes: bool


class IdSet(NamedTuple):
    """A Sync Info Message: numbers of entries that are gone, or that are still there; none in the others."""

    uuids: tuple[bytes, ...]
    gone: bool


def _tagged(number: int, form: int, kind: base.Asn1Item) -> base.Asn1Item:
    tagged: base.Asn1Item = kind.subtype(implicitTag=tag.Tag(tag.tagClassContext, form, number))  # type: ignore[attr-defined]
    return tagged


def _flag(name: str, *, otherwise: bool) -> namedtype.DefaultedNamedType:
    return namedtype.DefaultedNamedType(name, univ.Boolean(otherwise))


_COOKIE = namedtype.OptionalNamedType("cookie", univ.OctetString())
_REQUEST_PARTS: Final = namedtype.NamedTypes(
    namedtype.NamedType("mode", univ.Enumerated()), _COOKIE, _flag("reloadHint", otherwise=False)
)
_STATE: Final = univ.Sequence(
    componentType=namedtype.NamedTypes(
        namedtype.NamedType("state", univ.Enumerated()), namedtype.NamedType("entryUUID", univ.OctetString()), _COOKIE
    )
)
_DONE: Final = univ.Sequence(componentType=namedtype.NamedTypes(_COOKIE, _flag("refreshDeletes", otherwise=False)))
_PHASE: Final = univ.Sequence(componentType=namedtype.NamedTypes(_COOKIE, _flag("refreshDone", otherwise=True)))
_ID_SET: Final = univ.Sequence(
    componentType=namedtype.NamedTypes(
        _COOKIE,
        _flag("refreshDeletes", otherwise=False),
        namedtype.NamedType("syncUUIDs", univ.SetOf(componentType=univ.OctetString())),
    )
)
_INFO: Final = univ.Choice(
    componentType=namedtype.NamedTypes(
        namedtype.NamedType("newcookie", _tagged(0, tag.tagFormatSimple, univ.OctetString())),
        namedtype.NamedType("refreshDelete", _tagged(1, tag.tagFormatConstructed, _PHASE)),
        namedtype.NamedType("refreshPresent", _tagged(2, tag.tagFormatConstructed, _PHASE)),
        namedtype.NamedType("syncIdSet", _tagged(3, tag.tagFormatConstructed, _ID_SET)),
    )
)


def sync_request(cookie: bytes) -> tuple[str, bool, bytes]:
    """The control that asks for what changed since a cookie, or for everything: critical, refreshOnly (section 2.2)."""
    request = univ.Sequence(componentType=_REQUEST_PARTS)
    request["mode"] = _REFRESH_ONLY
    if cookie:
        request["cookie"] = cookie
    return SYNC_REQUEST, True, bytes(encoder.encode(request))


def state_of(value: bytes) -> State:
    """A Sync State Control (section 2.3). Raises ValueError."""
    found = _decoded(value, _STATE)
    return State(int(found["state"]), _uuid(bytes(found["entryUUID"])))


def done_of(value: bytes) -> Done:
    """A Sync Done Control (section 2.4). Raises ValueError."""
    found = _decoded(value, _DONE)
    cookie = found["cookie"]
    return Done(bytes(cookie) if cookie.isValue else b"", bool(found["refreshDeletes"]))


def id_set_of(value: bytes) -> IdSet:
    """A Sync Info Message (section 2.5); in refreshOnly mode only sets of numbers say anything. Raises ValueError."""
    found = _decoded(value, _INFO)
    if found.getName() != "syncIdSet":
        return IdSet((), gone=False)
    ids = found.getComponent()
    return IdSet(tuple(_uuid(bytes(one)) for one in ids["syncUUIDs"]), gone=bool(ids["refreshDeletes"]))


def _decoded(value: bytes, kind: base.Asn1Item) -> Any:  # noqa: ANN401 - what it is, the kind says
    try:
        found, rest = decoder.decode(value, asn1Spec=kind)
    except PyAsn1Error as error:
        raise ValueError("not the BER that RFC 4533 asks for") from error
    if rest:
        raise ValueError("octets after the end of a value")
    return found


def _uuid(octets: bytes) -> bytes:
    if len(octets) != UUID_OCTETS:
        raise ValueError("an entryUUID of another size than 16 octets")
    return octets
