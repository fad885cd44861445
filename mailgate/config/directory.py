"""The school directory."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from mailgate.config.values import (
    Section,
    Share,
)


class Ldap(Section, frozen=True):
    url: str
    base: str
    bind_dn: str = ""
    bind_password: str = ""
    ca: Path | None = None
    people: str = "ou=people"
    structures: str = "ou=structures"


class Directory(Section, frozen=True):
    academy: str = "demo"
    domain: str = "ent.example.org"
    school_year: Annotated[int, Meta(ge=2000, le=2999)] | None = None
    aaf: Path | None = None
    max_departures: Share = 0.2
    max_departures_new_year: Share = 0.6
    max_list_departures: Share = 0.5
    max_list_departures_new_year: Share = 0.95
    domains: dict[str, str] = msgspec.field(default_factory=dict)
    ldap: Ldap | None = None

    def year(self, today: datetime.date) -> int:
        """The first calendar year of the school year: as configured, else the one that `today` falls in."""
        if self.school_year is not None:
            return self.school_year
        return today.year if today.month >= 8 else today.year - 1  # noqa: PLR2004 - schools turn over in August

    def holds(self, address: str) -> bool:
        """Whether an address is in a domain of this gateway: people's, one below it, or one given to a school."""
        domain = address.rpartition("@")[2].lower()
        return domain == self.domain or domain.endswith("." + self.domain) or domain in self.domains.values()
