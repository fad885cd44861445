"""The commands of RFC 4314 as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imap.backend import AclChange
from imap.parsing.commands import Command
from imap.rights import Rights


@dataclass(frozen=True, slots=True)
class SetAcl(Command):
    """SETACL (RFC 4314 3.1); the virtual rights are spelt out."""

    verb: ClassVar[str] = "SETACL"
    name: str
    identifier: str
    change: AclChange
    rights: Rights


@dataclass(frozen=True, slots=True)
class DeleteAcl(Command):
    """DELETEACL (RFC 4314 3.2)."""

    verb: ClassVar[str] = "DELETEACL"
    name: str
    identifier: str


@dataclass(frozen=True, slots=True)
class GetAcl(Command):
    """GETACL (RFC 4314 3.3)."""

    verb: ClassVar[str] = "GETACL"
    name: str


@dataclass(frozen=True, slots=True)
class ListRights(Command):
    """LISTRIGHTS (RFC 4314 3.4)."""

    verb: ClassVar[str] = "LISTRIGHTS"
    name: str
    identifier: str


@dataclass(frozen=True, slots=True)
class MyRights(Command):
    """MYRIGHTS (RFC 4314 3.5)."""

    verb: ClassVar[str] = "MYRIGHTS"
    name: str
