"""Where decisions are made: addresses to write to, and pages to open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import Final
from urllib.parse import quote

from directory.reserved import MODERATION
from mailgate.config import Settings
from mailgate.moderation.held import HeldMessage
from mailgate.moderation.tokens import Action, sign

PATH: Final = "/moderation/"


@dataclass(frozen=True, slots=True)
class Service:
    """How this installation is reached: its own address, its name in Message-IDs, its pages (empty: there are none)."""

    domain: str
    hostname: str
    base_url: str
    zone: tzinfo | None = None
    """In which people read times; None: that of the system."""

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


def service_of(settings: Settings, base_url: str = "") -> Service:
    """That of this installation; what has no pages to offer writes no links to them."""
    gateway = settings.gateway
    return Service(settings.directory.domain, gateway.hostname, base_url, gateway.zone())


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
