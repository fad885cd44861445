"""Every list computed anew from what the directory and people say, as an import does, without an import."""

from __future__ import annotations

import time

from sqlalchemy import Connection

from directory.list_changes import Limits
from directory.lists import TABLES, refresh_lists
from directory.report import ImportReport
from directory.staging import work_tables


def refresh(connection: Connection, limits: Limits | None, *, dry_run: bool = False) -> ImportReport:
    """Bring the members of all lists up to date; report who comes and goes. The transaction is the caller's.

    Raises:
        DirectoryError: more members would leave than `limits` allow; nothing is changed.
    """
    started = time.monotonic()
    report = ImportReport(dry_run=dry_run)
    with work_tables(connection, TABLES, keep=not dry_run):
        refresh_lists(connection, report, limits, names=True)
    report.seconds = time.monotonic() - started
    return report
