"""What a transfer did, folder by folder: for people, for scripts, and for a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

MAX_LISTED: Final = 1000
"""Refusals kept in the report of one folder; more are only counted."""

Advance = Callable[[str, int, int], None]
"""Called with a folder, messages and octets that are done with."""


def quiet(folder: str, messages: int, octets: int) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One message that was not taken: where it stands in the source, and why."""

    message: str
    reason: str


@dataclass(slots=True)
class FolderReport:
    """One folder of the source."""

    source: str
    target: str
    messages: int = 0
    """In the source."""
    octets: int = 0
    copied: int = 0
    copied_octets: int = 0
    present: int = 0
    """In the target already."""
    reflagged: int = 0
    refused: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    keywords_dropped: int = 0
    """Messages that lost a keyword for which the target has no place."""

    def refuse(self, message: str, reason: str) -> None:
        """Note a message that was not taken."""
        self.refused += 1
        if len(self.refusals) < MAX_LISTED:
            self.refusals.append(Refusal(message, reason))


@dataclass(slots=True)
class Report:
    """A whole transfer."""

    dry_run: bool
    folders: list[FolderReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What an operator should know, a sentence each."""
    error: str | None = None
    """Why the transfer ended before its end."""

    @property
    def complete(self) -> bool:
        """Whether everything is in the target now (in a dry run: would be)."""
        return self.error is None and not self.total("refused")

    def total(self, column: str) -> int:
        """The sum of one number over all folders."""
        return sum(int(getattr(folder, column)) for folder in self.folders)

    def rows(self) -> list[tuple[str, ...]]:
        """A line of text cells for each folder, and the sum."""
        columns = ("messages", "copied", "present", "refused")
        lines = [
            (_named(one), *(f"{getattr(one, name):,}" for name in columns), size_text(one.octets))
            for one in self.folders
        ]
        totals = (f"{self.total(name):,}" for name in columns)
        return [*lines, ("all", *totals, size_text(self.total("octets")))]

    def remarks(self) -> Iterable[str]:
        """What the table does not tell, a line each."""
        for folder in self.folders:
            for refusal in folder.refusals:
                yield f"refused: {folder.source}, {refusal.message}: {refusal.reason}"
            if folder.refused > len(folder.refusals):
                yield f"refused: {folder.source}: {folder.refused - len(folder.refusals):,} more"
            if folder.keywords_dropped:
                yield f"{folder.target}: {folder.keywords_dropped:,} messages lost keywords that have no place there"
            if folder.reflagged:
                yield f"{folder.target}: flags of {folder.reflagged:,} messages brought up to date"
        yield from self.notes


def _named(folder: FolderReport) -> str:
    return folder.source if folder.source == folder.target else f"{folder.source} → {folder.target}"


def size_text(octets: int) -> str:
    """Octets as people read them."""
    size = float(octets)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":  # noqa: PLR2004 - the next unit
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
