"""Access control lists (RFC 4314)."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple

from imap.rights import Rights


class AclChange(enum.Enum):
    """SETACL's three forms (RFC 4314 section 3.1)."""

    REPLACE = ""
    ADD = "+"
    REMOVE = "-"


class AclEntry(NamedTuple):
    """Who has which rights in a mailbox; ``-`` before an identifier takes them away (RFC 4314 section 2)."""

    identifier: str
    rights: Rights


@dataclass(frozen=True, slots=True)
class Grantable:
    """What LISTRIGHTS tells of an identifier: rights it always has, and rights that may be granted one by one."""

    always: Rights
    optional: Rights
