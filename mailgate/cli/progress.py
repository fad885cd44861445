"""A progress bar on standard error, for people only: a script sees nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from directory.importer import Progress as Report


@contextmanager
def bar() -> Iterator[Report]:
    """Show the steps of an import while they run."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task("Reading", total=None)

        def report(step: str, done: int) -> None:
            shown.update(task, description=f"{step}: {done:,}")

        yield report
