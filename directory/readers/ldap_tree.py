"""An LDAP tree as readers see it: a server's (`directory.readers.ldap_server`), or that of an LDIF file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from directory.readers.ldap_entry import Entry

PAGE: Final = 500
"""Entries of a page."""


@dataclass(frozen=True, slots=True)
class LdapSettings:
    """Where the directory is and how to reach it; times in seconds.

    `url` is ``ldaps://host[:port]``, or ``ldap://host[:port]``, on which StartTLS is required. Without `ca` the
    system's authorities are trusted. Without `bind_dn` the bind is anonymous.
    """

    url: str
    base: str
    bind_dn: str = ""
    bind_password: str = field(default="", repr=False)
    ca: Path | None = None
    page_size: int = PAGE
    connect_timeout: int = 10
    receive_timeout: int = 120


class Tree(Protocol):
    """What readers of LDAP trees read from: a server, or a file of the same entries."""

    source: str
    """What errors and rejected values call it."""

    def search(self, branch: str, classes: Sequence[str], attributes: Sequence[str]) -> Iterator[Entry]:
        """The entries of any of the object classes below `branch`, which a server has below its base, with at least
        these attributes.

        Raises:
            DirectoryError: not all of them can be had. What was given before must then be forgotten.
        """
        ...
