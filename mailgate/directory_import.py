"""An import of the directory with the mail accounts that follow from it, in one transaction."""

from __future__ import annotations

import datetime
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from sqlalchemy import Connection

from directory.importer import Progress, import_directory
from directory.report import ImportReport
from directory.settings import ImportSettings
from directory.source import Feed
from directory.years import current_year, prepared_years
from mailgate import list_archives
from mailgate.config import Directory, Retention, Settings, Shared
from mailgate.families import follow_exclusions
from mailgate.policy import schools
from mailgate.queue import wishes
from mailgate.retention import leavers
from mailgate.shared_mailboxes import follow_directory
from mailgate.store.provisioning import create_accounts


@dataclass(frozen=True, slots=True)
class Provisioning:
    """What the settings file says of the accounts that follow the directory. `quota` is in octets; 0: no limit."""

    quota: int = 0
    shared: Shared = field(default_factory=Shared)
    retention: Retention = field(default_factory=Retention)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """What these settings say."""
        return cls(settings.accounts.quota, settings.shared, settings.retention)


def year_now(connection: Connection, directory: Directory, today: datetime.date) -> int:
    """The school year that the directory is of, or is made of now: once there is a directory, the calendar does not
    change it. A later year in the settings does, unless sources are held for that year: then the switch does.
    """
    known = current_year(connection, directory.academy)
    if known is None:
        return directory.year(today)
    wanted = directory.school_year or known
    return known if wanted in prepared_years(connection, directory.academy) else max(known, wanted)


def import_settings(
    directory: Directory, today: datetime.date, *, force: bool = False, school_year: int | None = None
) -> ImportSettings:
    """What the settings file says of an import."""
    return ImportSettings(
        academy=directory.academy,
        ent_domain=directory.domain,
        school_year=school_year or directory.year(today),
        today=today,
        domains=directory.domains,
        max_departures=directory.max_departures,
        max_departures_new_year=directory.max_departures_new_year,
        max_list_departures=directory.max_list_departures,
        max_list_departures_new_year=directory.max_list_departures_new_year,
        precedence={str(group): order for group, order in directory.precedence.items()},
        school_names=directory.school_names,
        force=force,
    )


def import_and_provision(
    connection: Connection,
    sources: Sequence[Feed],
    settings: ImportSettings,
    provisioning: Provisioning,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import, then open mailboxes for who is new, let who left read on for their grace, give everything back to who is
    there again, and make the shared mailboxes that are missing; the caller's transaction holds it all.

    Raises:
        DirectoryError: the source is refused; the transaction is to be rolled back.
    """
    settings = replace(settings, mail_schools=schools.that_want(connection, "outside_directory"))
    report = import_directory(connection, sources, settings, dry_run=dry_run, progress=progress)
    if not dry_run:
        create_accounts(connection, report.added_ids, quota_limit=provisioning.quota)
        leavers.give_back(connection)
        # Of whom the mail was purged nothing is left but the address.
        create_accounts(connection, report.returned_ids, quota_limit=provisioning.quota)
        leavers.begin(connection, provisioning.retention, int(time.time()))
        follow_exclusions(connection)
        follow_directory(connection, provisioning.shared, quota=provisioning.quota, report=report)
        list_archives.follow_all(connection, report)
        wishes.follow_directory(connection)
    return report
