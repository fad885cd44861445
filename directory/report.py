"""What an import did, or would do: counts that are exact, and examples that are bounded."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

EXAMPLES = 1_000
"""Findings of one kind kept in words; beyond, they are only counted, so that memory stays bounded."""


class Kind(StrEnum):
    """What may be worth a look after an import."""

    REJECTED_VALUE = "rejected value"
    REPEATED_RECORD = "repeated record"
    UNKNOWN_SCHOOL = "unknown school"
    UNKNOWN_RELATIVE = "unknown relative"
    UNKNOWN_MEF = "unknown MEF"
    UNKNOWN_FUNCTION = "unknown function"
    PUPIL_WITHOUT_CLASS = "pupil without class"
    CLASS_WITHOUT_TEACHER = "class without teacher"
    EMPTY_FUNCTIONS = "empty functions"
    VOID_FUNCTION = "void function"
    REPLACEMENT_ZONE = "function on a replacement zone only"
    MERGED_DUPLICATE = "merged duplicate"
    POSSIBLE_DUPLICATE = "possible duplicate"
    RENAMED = "renamed"
    TAKEN_ADDRESS = "taken address"
    UNCLEAR_PERSON = "unclear who is who"
    OTHER_STRUCTURES = "classes or groups that differ"
    OTHER_TEACHERS = "teachers in one source only"
    OTHER_PUPILS = "pupils in one source only"
    OTHER_NAME = "names that differ"


@dataclass(frozen=True, slots=True)
class Finding:
    """Who it is about, what was found, and why it matters or what was done."""

    kind: Kind
    who: str
    what: str
    why: str


@dataclass(slots=True)
class Lists:
    """How the distribution lists changed."""

    created: int = 0
    revived: int = 0
    emptied: int = 0
    members_added: int = 0
    members_removed: int = 0


@dataclass(frozen=True, slots=True)
class ListChange:
    """How the members of one list changed: counts, and the addresses of who came and went where they were asked for."""

    list_id: int
    address: str
    before: int
    came: int
    went: int
    coming: tuple[str, ...] = ()
    going: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`, without the number."""
        return {
            "address": self.address,
            "before": self.before,
            "came": self.came,
            "went": self.went,
            "coming": list(self.coming),
            "going": list(self.going),
        }


@dataclass(slots=True)
class ImportReport:
    """The outcome of an import.

    `added`, `changed`, `left` and `returned` count people, by profile; the `…_ids` are their numbers (a changed
    person is one whose name, profile, classes, groups, functions, services or family changed). `without_account`
    counts the related persons who are not legal guardians, by reason. `list_changes` names who comes and goes after a
    dry run only: after a first import they would be all members of all lists.
    """

    dry_run: bool
    added: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    returned: Counter[str] = field(default_factory=Counter)
    added_ids: array[int] = field(default_factory=lambda: array("q"))
    changed_ids: array[int] = field(default_factory=lambda: array("q"))
    left_ids: array[int] = field(default_factory=lambda: array("q"))
    returned_ids: array[int] = field(default_factory=lambda: array("q"))
    records: Counter[str] = field(default_factory=Counter)
    without_account: Counter[str] = field(default_factory=Counter)
    suspicious: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    lists: Lists = field(default_factory=Lists)
    list_changes: list[ListChange] = field(default_factory=list)
    seconds: float = 0.0

    def found(self, kind: Kind, who: str, what: str, why: str) -> None:
        """Count a finding, and keep its words while there are few of its kind."""
        self.suspicious[kind] += 1
        if self.suspicious[kind] <= EXAMPLES:
            self.findings.append(Finding(kind, who, what, why))

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`, without the lists of numbers."""
        return {
            "dry_run": self.dry_run,
            "seconds": round(self.seconds, 2),
            **{name: dict(getattr(self, name)) for name in ("records", "added", "changed", "left", "returned")},
            "without_account": dict(self.without_account),
            "lists": {name: getattr(self.lists, name) for name in Lists.__slots__},
            "list_changes": [change.to_json() for change in self.list_changes],
            "suspicious": dict(self.suspicious),
            "findings": [
                {"kind": finding.kind, "who": finding.who, "what": finding.what, "why": finding.why}
                for finding in self.findings
            ],
        }

    def to_text(self, examples: int = 5) -> str:
        """A short text for people, with at most `examples` findings of each kind."""
        verb = "would be " if self.dry_run else ""
        lines = [
            f"People {verb}{word}: {counts.total()}" + (f" ({_counts(counts)})" if counts else "")
            for word, counts in (
                ("added", self.added),
                ("changed", self.changed),
                ("suspended", self.left),
                ("back", self.returned),
            )
        ]
        lists = self.lists
        lines.append(
            f"Lists: {lists.created} created, {lists.revived} in use again, {lists.emptied} without members; "
            f"memberships: +{lists.members_added} -{lists.members_removed}"
        )
        lines += changes_to_text(self.list_changes, examples * 2)
        if self.without_account:
            lines.append(f"Related persons without account: {_counts(self.without_account)}")
        for kind, count in self.suspicious.items():
            lines.append(f"{kind}: {count}")
            shown = [finding for finding in self.findings if finding.kind == kind][:examples]
            lines += [f"  {finding.who}: {finding.what} — {finding.why}" for finding in shown]
        return "\n".join(lines)


def changes_to_text(changes: Sequence[ListChange], most: int) -> list[str]:
    """A line for each list, those that lose most first, and not more than `most` of them."""
    ordered = sorted(changes, key=lambda change: (-change.went, -change.came, change.address))
    lines = [f"  {one.address}: +{one.came} -{one.went} (had {one.before})" for one in ordered[:most]]
    return [*lines, *([f"  … and {len(ordered) - most} lists more (--json has all)"] if len(ordered) > most else [])]


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.most_common())
