"""Import a complete set: all of it or nothing, and only what differs is written."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from directory.combining import stage_ranks
from directory.identity import identify
from directory.list_changes import Limits
from directory.lists import refresh_lists
from directory.look_over import look_over
from directory.model import DirectoryError
from directory.people import check_departures, note_changes, sync_people
from directory.precedence import Group, best_first
from directory.relations import report_unknown_schools, sync_relations
from directory.report import ImportReport
from directory.schema import class_, teaching_group
from directory.schools import ZONE, resolve_schools, schools_before, sync_schools
from directory.settings import ImportSettings
from directory.source import Feed, Source
from directory.staging import Stager, work_tables
from directory.structures import (
    stage_levels,
    sync_disciplines,
    sync_nomenclatures,
    sync_school_levels,
    sync_taught,
)

Progress = Callable[[str, int], None]
"""Called with the name of the step and the number of records read so far."""

_STEP = 1_000

__all__ = ["ImportReport", "ImportSettings", "import_directory"]


def import_directory(
    connection: Connection,
    sources: Sequence[Feed],
    settings: ImportSettings,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Bring the directory to what a complete set says: all the sources of the academy, in whatever order.

    The transaction is the caller's: after an exception nothing of the set may be kept, so the caller rolls back.
    `dry_run` does the same work, reports it, and takes it back.

    Raises:
        DirectoryError: the set is broken, hostile, incomplete or drops too many people.
    """
    started = time.monotonic()
    tell = progress or (lambda _step, _count: None)
    report = ImportReport(dry_run=dry_run)
    with work_tables(connection, keep=not dry_run):
        _import(connection, sources, settings, report, tell)
    report.seconds = time.monotonic() - started
    return report


def _import(
    connection: Connection, sources: Sequence[Feed], settings: ImportSettings, report: ImportReport, tell: Progress
) -> None:
    origins = [source for source, _ in sources]

    def by_rank(group: Group) -> list[Source]:
        return best_first(origins, group, settings.precedence)

    stager = Stager(connection, report, [source.name for source in by_rank(Group.NOMENCLATURE)])
    count = 0
    for source, records in sources:
        stager.begin(source)
        for record in records:
            stager.stage(record)
            count += 1
            if count % _STEP == 0:
                tell("read", count)
    stager.finish()
    tell("read", count)
    stage_ranks(connection, settings, origins)
    schools = resolve_schools(connection, settings, by_rank(Group.STRUCTURES), stager.schools)
    if all(found.record.kind == ZONE for found in schools):
        raise DirectoryError("the set", None, "it holds no school; give a complete set")
    report_unknown_schools(connection, report)
    tell("people", count)
    identify(connection, settings, report, several=len(sources) > 1)
    check_departures(connection, settings)
    new_year = schools_before(connection, settings)
    sync_schools(connection, settings, schools)
    nomenclatures = stager.nomenclatures()
    sync_nomenclatures(connection, settings, nomenclatures)
    stage_levels(connection, nomenclatures, report)
    sync_taught(connection, settings, class_, "class")
    sync_taught(connection, settings, teaching_group, "group")
    sync_disciplines(connection)
    sync_people(connection, settings, report)
    tell("classes and families", count)
    sync_relations(connection, settings)
    note_changes(connection, report)
    sync_school_levels(connection)
    tell("lists", count)
    limits = Limits(settings.max_list_departures, settings.max_list_departures_new_year, new_year)
    refresh_lists(connection, report, None if settings.force else limits, names=report.dry_run)
    look_over(connection, settings, report)
