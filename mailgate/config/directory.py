"""The school directory."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from directory.precedence import Group
from directory.readers.values import is_uai
from directory.school_year import year_of
from directory.source import LIVE, OF_ONE_SCHOOL, Format, Source
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
    people: str = ""
    structures: str = ""
    groups: str = ""
    every: Annotated[int, Meta(ge=0, le=86_400)] = 30
    compare_hour: Annotated[int, Meta(ge=0, le=23)] = 3

    def to_dict(self) -> dict[str, Any]:
        """What the reader of a format is told: an empty branch is the one that is usual there."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value}


SourceName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class DirectorySource(Section, frozen=True):
    name: SourceName
    format: Format
    path: Path | None = None
    school: str = ""
    identifiers: Literal["own", "academy"] = "own"
    ldap: Ldap | None = None

    def __post_init__(self) -> None:
        if self.path is None and self.ldap is None and self.format is not Format.SDET:
            either = ", or the ldap server" if self.format in LIVE else ""
            raise ValueError(f"the source {self.name} needs a path{either}")
        if self.ldap is not None and self.format not in LIVE:
            raise ValueError(f"the source {self.name} is not read from an LDAP server: give its path")
        if self.format in OF_ONE_SCHOOL and not self.school:
            raise ValueError(f"the source {self.name} tells of one school: school is its UAI")
        if self.school and not is_uai(self.school):
            raise ValueError(f"the source {self.name}: {self.school} is not a UAI (seven digits and their letter)")

    @property
    def origin(self) -> Source:
        """What an import knows of it."""
        return Source(self.name, self.format, self.school, self.identifiers == "academy")


class Directory(Section, frozen=True):
    academy: str = "demo"
    domain: str = "ent.example.org"
    school_year: Annotated[int, Meta(ge=2000, le=2999)] | None = None
    max_departures: Share = 0.2
    max_departures_new_year: Share = 0.6
    max_list_departures: Share = 0.5
    max_list_departures_new_year: Share = 0.95
    last_year_until: Annotated[str, Meta(pattern=r"^\d\d-\d\d$")] = "10-31"
    domains: dict[str, str] = msgspec.field(default_factory=dict)
    school_names: dict[str, str] = msgspec.field(default_factory=dict)
    sources: tuple[DirectorySource, ...] = ()
    precedence: dict[Group, tuple[str, ...]] = msgspec.field(default_factory=dict)
    ldap: Ldap | None = None

    def __post_init__(self) -> None:
        try:
            self.last_day_of_lists(2000)
        except ValueError as error:
            raise ValueError(f"last_year_until: {self.last_year_until} is no month and day") from error
        names = [source.name for source in self.sources]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two sources are called {twice}")
        known = {*names, *Format}
        for group, order in self.precedence.items():
            if unknown := [text for text in order if text not in known]:
                raise ValueError(f"precedence of {group}: {unknown[0]} is no format and no name of a source")
        if self.ldap is None and any(source.path is None and source.ldap is None for source in self.sources):
            raise ValueError("a source of format sdet is read from the server of [directory.ldap], which is missing")

    def year(self, today: datetime.date) -> int:
        """The first calendar year of the school year: as configured, else the one that `today` falls in."""
        if self.school_year is not None:
            return self.school_year
        return year_of(today)

    def last_day_of_lists(self, school_year: int) -> datetime.date:
        """The last day on which the lists of a school year that is over can be read."""
        month, day = map(int, self.last_year_until.split("-"))
        return datetime.date(school_year + 1, month, day)

    def holds(self, address: str) -> bool:
        """Whether an address is in a domain of this gateway: people's, one below it, or one given to a school."""
        domain = address.rpartition("@")[2].lower()
        return domain == self.domain or domain.endswith("." + self.domain) or domain in self.domains.values()
