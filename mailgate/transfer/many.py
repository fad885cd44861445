"""Copy many accounts, some of them at once; the outcome of each is written down as soon as it is known."""

from __future__ import annotations

import asyncio
import csv
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from mailgate.database import Database
from mailgate.transfer.copying import Manner, copy_account
from mailgate.transfer.csv_sources import Job
from mailgate.transfer.intake import Intake
from mailgate.transfer.report import Advance, Report, quiet

_COLUMNS: Final = (
    "line",
    "source",
    "target",
    "result",
    "messages",
    "octets",
    "copied",
    "present",
    "refused",
    "remarks",
)
_MAX_REMARKS: Final = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the copy of one line ended."""

    line: int
    source: str
    target: str
    report: Report

    @property
    def result(self) -> str:
        """In a word: complete, refused (some messages were), or failed."""
        if self.report.error is not None:
            return "failed"
        return "complete" if self.report.complete else "refused"

    def cells(self) -> tuple[str, ...]:
        """A line of the report file."""
        totals = (str(self.report.total(name)) for name in ("messages", "octets", "copied", "present", "refused"))
        remarks = list(self.report.remarks())[:_MAX_REMARKS]
        said = "; ".join([*([self.report.error] if self.report.error else []), *remarks])
        return (str(self.line), self.source, self.target, self.result, *totals, said)


async def copy_many(
    database: Database,
    jobs: Sequence[tuple[Job, Intake]],
    manner: Manner,
    *,
    parallel: int,
    report_file: Path | None = None,
    advance: Advance = quiet,
    expect: Callable[[int], None] = lambda _octets: None,
    finished: Callable[[Outcome], None] = lambda _outcome: None,
) -> list[Outcome]:
    """Copy every account, `parallel` of them at once; one that fails keeps no other back.

    Raises OSError when the report file cannot be written.
    """
    places = asyncio.Semaphore(parallel)
    outcomes: list[Outcome] = []
    opening: AbstractContextManager[IO[bytes] | None] = nullcontext() if report_file is None else _created(report_file)
    with opening as file:
        _write(file, _COLUMNS)

        async def one(job: Job, intake: Intake) -> None:
            async with places:
                report = await copy_account(
                    database, intake, job.server, job.login, manner, advance=advance, expect=expect
                )
            outcome = Outcome(job.line, f"{job.login.user}@{job.server.host}", job.target, report)
            outcomes.append(outcome)
            _write(file, outcome.cells())
            finished(outcome)

        async with asyncio.TaskGroup() as tasks:
            for job, intake in jobs:
                tasks.create_task(one(job, intake))
    return sorted(outcomes, key=lambda outcome: outcome.line)


class _Lines:
    """What the csv module writes to."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write through, so that nothing is lost when the process is killed."""
        self._file.write(text.encode())
        self._file.flush()
        return len(text)


def _created(path: Path) -> IO[bytes]:
    """An empty file for its owner alone, in the place of what was there."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb")


def _write(file: IO[bytes] | None, cells: Sequence[str]) -> None:
    if file is not None:
        csv.writer(_Lines(file)).writerow(cells)
