"""What an import is told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """One complete set of one academy, from all its sources: the import owns the people of `academy` who are not local.

    `ent_domain` is the domain of people's addresses; schools' domains are `domains` (by UAI) or made below it.
    `school_year` is its first calendar year. `max_departures` is the share of a school's pupils and staff, between 0
    and 1, that may be missing from the set before it is taken for a broken one; `max_departures_new_year` replaces it
    when the school year is later than that of the school's last import. `max_list_departures` is the share of the
    memberships of a school's lists that may go at once, with `max_list_departures_new_year` in the same way.
    `mail_schools` are the UAI of the schools that want the e-mail addresses of their pupils' guardians kept.
    `precedence` is who is believed about what, where that differs from `directory.precedence`: formats or names of
    sources, the best first, by group of attributes. `school_names` (by UAI) are for schools that no source names.
    `force` imports whatever is missing.
    """

    academy: str
    ent_domain: str
    school_year: int
    today: date
    domains: Mapping[str, str] = field(default_factory=dict)
    max_departures: float = 0.2
    max_departures_new_year: float = 0.6
    max_list_departures: float = 0.5
    max_list_departures_new_year: float = 0.95
    mail_schools: Collection[str] = ()
    precedence: Mapping[str, Sequence[str]] = field(default_factory=dict)
    school_names: Mapping[str, str] = field(default_factory=dict)
    force: bool = False
