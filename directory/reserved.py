"""Local parts that nobody is given, in no domain: those of mail itself, and those at which the gateway acts.

A person, a list or a further address of that name would take what is written to them, or be taken for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import ColumnElement, or_

MODERATION: Final = "moderation"
"""Where messages that wait are decided about; with a token behind a plus."""
RECALL: Final = ("recall", "rappel")
"""Where one takes one's own message back."""
DELIVERY: Final = ("delivery", "remise")
"""Where one asks what became of one's own message."""
BOUNCES: Final = "bounces"
"""Where what the gateway sends outside for people comes back, with a token behind a plus."""
STOP: Final = "stop+"
"""Before a token: where who has copies outside ends that."""
LEAVE: Final = "leave+"
"""Before the address of a list: where its members leave it."""
HELP: Final = "help+"
"""Before the address of a list: where one asks what the list is."""
MANAGE: Final = "manage+"
"""Before the address of a list: where those who manage it do so."""
ROLES: Final = frozenset({"postmaster", "abuse"})
"""RFC 2142 section 5 and 4: offices, which a shared mailbox may be."""
SILENT: Final = frozenset({"mailer-daemon", "noreply", "no-reply"})
"""Names in which programs write and nobody reads."""

ACTING: Final = frozenset({MODERATION, *RECALL, *DELIVERY, BOUNCES})
PREFIXES: Final = (LEAVE, HELP, MANAGE, STOP, f"{MODERATION}+", f"{BOUNCES}+")
NAMES: Final = ACTING | ROLES | SILENT


class ReservedAddressError(ValueError):
    """The address is one that mail itself or the gateway needs."""


def check(address: str, *, office: bool = False) -> None:
    """Raises ReservedAddressError for an address that nobody is given; `office`: a shared mailbox may be `ROLES`."""
    local = address.rpartition("@")[0]
    if local in ACTING or local.startswith(PREFIXES):
        raise ReservedAddressError(f"{local}@ is an address at which the gateway itself acts")
    if local in SILENT or (local in ROLES and not office):
        hint = "; make it a shared mailbox" if local in ROLES else ""
        raise ReservedAddressError(f"{local}@ is an address that mail itself needs{hint}")


def among(column: ColumnElement[str], names: Iterable[str] = NAMES) -> ColumnElement[bool]:
    """Whether an address of a column is one of these local parts, or has one of `PREFIXES`."""
    return or_(*(column.startswith(f"{name}@") for name in sorted(names)), *map(column.startswith, PREFIXES))
