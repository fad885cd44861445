"""The domain of the school, and the first import of its directory."""

from __future__ import annotations

import datetime
from dataclasses import replace

from sqlalchemy import Connection

from directory.source import Format
from mailgate.cli.context import CommandFailed, rehearse, run
from mailgate.cli.directory_readings import origins, readings
from mailgate.cli.progress import bar
from mailgate.cli.setup.plan import Acting, Outcome, Plan, Status, known_school, the_school
from mailgate.directory_import import Provisioning, import_settings, year_now
from mailgate.directory_sources import SourcesReport, import_sources


def look_at_domain(plan: Plan, acting: Acting) -> Outcome | None:
    """A school that is there has its domain, for ever."""
    found = acting.read(lambda connection: known_school(connection, plan.uai))
    if found is None or found.domain is None:
        return None
    if plan.domain is not None and plan.domain != found.domain:
        raise CommandFailed(f"{plan.uai} has the domain {found.domain}, which stays: addresses of its lists have it")
    return Outcome(Status.BEFORE, [f"{found.name}: {found.domain}"], {"domain": found.domain, "name": found.name})


def decide_domain(plan: Plan, _: Acting) -> Outcome:
    """What the import is to give. Raises CommandFailed for a domain that the settings do not have."""
    domain = plan.domain or plan.settings.directory.domains.get(plan.uai, "")
    if domain and not plan.settings.directory.holds(f"@{domain}"):
        raise CommandFailed(
            f"{domain} is neither {plan.settings.directory.domain} nor below it: put it into the settings first, as "
            f'`{plan.uai} = "{domain}"` in [directory.domains]'
        )
    said = domain or f"made from the name of the school, below {plan.settings.directory.domain}"
    return Outcome(Status.DONE, [said], {"domain": domain or None})


def look_at_directory(plan: Plan, acting: Acting) -> Outcome | None:
    """A school that has pupils was imported."""
    found = acting.read(lambda connection: known_school(connection, plan.uai))
    if found is None or found.domain is None:
        return None
    return Outcome(Status.BEFORE, ["Imported before; `mailgate directory import` brings it up to date."])


def import_(plan: Plan, acting: Acting) -> Outcome:
    """Import what the sources have, if the school is among it; else nothing."""
    report = acting.change(lambda connection: _import(plan, connection))
    return Outcome(Status.DONE, report.to_text().splitlines(), {"report": report.to_json()})


def has_source(plan: Plan) -> bool:
    """Whether the settings name a directory."""
    return bool(plan.settings.directory.sources)


def rehearsed(plan: Plan) -> SourcesReport:
    """What an import would do."""
    return run(rehearse(plan.settings, lambda connection: _import(plan, connection, dry_run=True)))


def _import(plan: Plan, connection: Connection, *, dry_run: bool = False) -> SourcesReport:
    settings = plan.settings
    now = datetime.datetime.now().astimezone()
    year = year_now(connection, settings.directory, now.date())
    wanted = import_settings(settings.directory, now.date(), school_year=year)
    if plan.domain:
        wanted = replace(wanted, domains={**wanted.domains, plan.uai: plan.domain})
    if plan.source is None and not has_source(plan):
        raise CommandFailed("name the folder or archive of the directory by --directory, or in [[directory.sources]]")
    of_academy = plan.source_format in (None, Format.AAF, Format.SDET)
    one_school = "" if of_academy else plan.uai
    found = origins(settings.directory, plan.source, None, plan.source_format, one_school)
    read = readings(connection, wanted.academy, found, year)
    with bar() as progress:
        report = import_sources(
            connection,
            read,
            wanted,
            Provisioning.of(settings),
            now,
            dry_run=dry_run,
            progress=progress,
        )
    if not dry_run:
        the_school(connection, plan.uai)
    return report
