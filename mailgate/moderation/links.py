"""Where decisions are made: addresses to write to, and pages to open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final
from urllib.parse import quote

from directory.reserved import MODERATION
from mailgate.config import Settings
from mailgate.listeners import parse_place
from mailgate.moderation.held import HeldMessage
from mailgate.moderation.tokens import Action, sign

PATH: Final = "/moderation/"
IMAP_PORT: Final = 143
"""The port that a URL need not name (RFC 5092 section 2)."""


@dataclass(frozen=True, slots=True)
class Service:
    """How this installation is reached: its own address, its name in Message-IDs, its pages (empty: there are none)."""

    domain: str
    hostname: str
    base_url: str
    zone: tzinfo | None = None
    """In which people read times; None: that of the system."""
    imap_url: str = ""
    """Of the IMAP server (RFC 5092), without a path; empty when it is not known."""

    @property
    def address(self) -> str:
        """That of every notice; a message to it is refused, with a word on what to do instead."""
        return f"{MODERATION}@{self.domain}"

    def token_in(self, address: str) -> str | None:
        """The token in the address of a decision; empty for `address` itself, None for any other."""
        local, _, domain = address.lower().rpartition("@")
        if domain != self.domain or local.partition("+")[0] != MODERATION:
            return None
        return local.partition("+")[2]

    def thread(self, held: HeldMessage) -> str:
        """A Message-ID that all notices about one held message refer to."""
        return f"<held.{held.held_id:x}@{self.hostname}>"


def service_of(settings: Settings, base_url: str = "", imap_port: int = 0) -> Service:
    """That of this installation; what has no pages to offer writes no links to them.

    `imap_port` is where IMAP is served, where that is another port than in the settings.
    """
    gateway = settings.gateway
    port = imap_port or next(_ports(settings), 0)
    imap_url = f"imap://{gateway.hostname}{'' if port == IMAP_PORT else f':{port}'}" if port else ""
    return Service(settings.directory.domain, gateway.hostname, base_url, gateway.zone(), imap_url)


def _ports(settings: Settings) -> Iterator[int]:
    return (parse_place(text).port for text in (*settings.imap.listen, *settings.imap.listen_starttls))


@dataclass(frozen=True, slots=True)
class Link:
    """One way to decide: by a message, and by a page where there are pages."""

    mail: str
    """An address."""
    page: str

    def mailto(self, subject: str) -> str:
        """RFC 6068."""
        return f"mailto:{quote(self.mail, safe='@+')}?subject={quote(subject)}"


def link(service: Service, key: bytes, held: HeldMessage, slot: int, account_id: int, action: Action) -> Link:
    """The way for one person to do one thing."""
    token = sign(key, held.held_id, slot, account_id, held.expires_at, action)
    page = f"{service.base_url}{PATH}{token}" if service.base_url else ""
    return Link(f"{MODERATION}+{token}@{service.domain}", page)
