"""Tokens of decisions: each names a held message, one of its moderators (or its writer) and an action, and is signed.

A token is 40 letters and digits in lower case, so that it stands in the local part of an address (RFC 5321 section
4.5.3.1.1: 64 octets) and survives programs that fold it. It works once, as the decision it makes does, and until the
message expires: both are in the row of the message, which the signature covers.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import bindparam, select

from mailgate.database import Database, Statement, Tx
from mailgate.database.statement import insert
from mailgate.moderation.schema import moderation_key

SENDER: Final = 0
"""The slot of the writer; those of the moderators begin at 1."""
MAX_SLOT: Final = 2**16 - 1
_MAC: Final = 15
_NAMED: Final = struct.Struct(">QH")
_SIGNED: Final = struct.Struct(">QHQQ")
_FORM: Final = re.compile(r"([a-z2-7]{40})-(approve|refuse|cancel|reply)")

_KEY: Final = Statement(select(moderation_key.c.secret).where(moderation_key.c.key_id == 1))
_KEEP: Final = Statement(insert(moderation_key).values(key_id=1, secret=bindparam("secret")).on_conflict_do_nothing())


class Action(StrEnum):
    """What a token does."""

    APPROVE = "approve"
    REFUSE = "refuse"
    CANCEL = "cancel"
    REPLY = "reply"
    """Approve or refuse, as an answer to the notice says."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a token says of itself, before its signature was looked at."""

    held_id: int
    slot: int
    action: Action
    mac: bytes


def sign(key: bytes, held_id: int, slot: int, account_id: int, expires_at: int, action: Action) -> str:
    """The token by which this account does `action`, as it stands in addresses and links."""
    mac = _mac(key, held_id, slot, account_id, expires_at, action)
    return f"{base64.b32encode(_NAMED.pack(held_id, slot) + mac).decode().lower()}-{action}"


def parse(text: str) -> Claim | None:
    """What a token claims; None for what has not the form of one."""
    found = _FORM.fullmatch(text.lower())
    if found is None:
        return None
    raw = base64.b32decode(found[1].upper())
    held_id, slot = _NAMED.unpack_from(raw)
    # No number of a message has more than 62 bits; a larger one would not go into a column.
    return Claim(held_id, slot, Action(found[2]), raw[_NAMED.size :]) if held_id < 2**63 else None


def is_genuine(key: bytes, claim: Claim, account_id: int, expires_at: int) -> bool:
    """Whether `sign` made this token for the account."""
    expected = _mac(key, claim.held_id, claim.slot, account_id, expires_at, claim.action)
    return hmac.compare_digest(expected, claim.mac)


def _mac(key: bytes, held_id: int, slot: int, account_id: int, expires_at: int, action: Action) -> bytes:
    return hmac.digest(key, _SIGNED.pack(held_id, slot, account_id, expires_at) + action.encode(), "sha256")[:_MAC]


async def load_key(database: Database) -> bytes:
    """The installation's key, made at first use."""

    async def read(tx: Tx) -> bytes | None:
        row = await tx.one(_KEY)
        return None if row is None else bytes(row[0])

    async def make(tx: Tx) -> bytes | None:
        await tx.run(_KEEP, secret=secrets.token_bytes(32))
        return await read(tx)

    key = await database.read(read) or await database.write(make)
    if key is None:
        raise RuntimeError("the key of moderation was written and cannot be read")
    return key
