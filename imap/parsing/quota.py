"""GETQUOTA and GETQUOTAROOT (RFC 9208 section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imap.parsing.commands import Command
from imap.parsing.lexer import Cursor


@dataclass(frozen=True, slots=True)
class GetQuota(Command):
    """GETQUOTA (RFC 9208 4.1.1)."""

    verb: ClassVar[str] = "GETQUOTA"
    root: str


@dataclass(frozen=True, slots=True)
class GetQuotaRoot(Command):
    """GETQUOTAROOT (RFC 9208 4.1.2)."""

    verb: ClassVar[str] = "GETQUOTAROOT"
    name: str


# getquota = "GETQUOTA" SP quota-root-name
# quota-root-name = astring
def get_quota(cursor: Cursor) -> GetQuota:
    cursor.space()
    return GetQuota(cursor.text_astring("a quota root"))
