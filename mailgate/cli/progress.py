"""A progress bar on standard error, for people only: a script sees nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from directory.importer import Progress as Report
from mailgate.cli.context import progress_console


@contextmanager
def bar() -> Iterator[Report]:
    """Show the steps of an import while they run."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    hidden = not progress_console.is_terminal
    with Progress(*columns, console=progress_console, transient=True, disable=hidden) as shown:
        task = shown.add_task("Reading", total=None)

        def report(step: str, done: int) -> None:
            shown.update(task, description=f"{step}: {done:,}")

        yield report
