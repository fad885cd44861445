"""The table of a run: each server's medians, ratios to the better Dovecot, and whether targets were met."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.table import Table

from benchmarks.rows.benchmark import Row, Sample

REFERENCE = "Dovecot"
"""Servers whose name begins so are compared with, the better of them in each row."""


@dataclass
class Line:
    """One row as it was measured: the samples of each server by its name, or why there are none."""

    row: Row
    title: str
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def median(self, server: str) -> Sample | None:
        """The median of a server's values and, apart from it, of its processor times."""
        samples = self.samples.get(server)
        if not samples:
            return None
        costs = [sample.cpu for sample in samples if sample.cpu is not None]
        return Sample(
            statistics.median(sample.value for sample in samples), statistics.median(costs) if costs else None
        )

    def ratio(self, server: str) -> Sample | None:
        """How many times as good as the better Dovecot a server is, in value and in processor time."""
        own = self.median(server)
        others = [other for name in self.samples if name.startswith(REFERENCE) and (other := self.median(name))]
        if own is None or not others or not own.value:
            return None
        costs = [other.cpu for other in others if other.cpu is not None]
        return Sample(
            min(other.value for other in others) / own.value, min(costs) / own.cpu if costs and own.cpu else None
        )

    def met(self, server: str) -> bool | None:
        """Whether a server reaches the row's targets; None when that is not known, or nothing is asked."""
        own, ratio = self.median(server), self.ratio(server)
        found = []
        if self.row.limit is not None and own is not None:
            found.append(own.value <= self.row.limit)
        if self.row.ratio is not None and ratio is not None:
            found.append(ratio.value >= self.row.ratio)
        return all(found) if found else None


def header(servers: Sequence[str]) -> list[str]:
    """The titles of the columns."""
    measured = [name for name in servers if not name.startswith(REFERENCE)]
    return ["", *servers, *(f"ratio, {name.removeprefix('mailgate, ')}" for name in measured), "target", "met"]


def cells(line: Line, servers: Sequence[str]) -> list[str]:
    """One line of the table."""
    measured = [name for name in servers if not name.startswith(REFERENCE)]
    verdicts = [line.met(name) for name in measured]
    return [
        line.title,
        *(_value(line.median(name), line.row.unit, line.failures.get(name)) for name in servers),
        *(_ratio(line.ratio(name)) for name in measured),
        _target(line.row),
        " ".join({None: "-", True: "yes", False: "NO"}[verdict] for verdict in verdicts),
    ]


def print_table(lines: Sequence[Line], servers: Sequence[str]) -> None:
    """Print what was measured."""
    table = Table(title="Median wall time / server's processor time; less is better")
    for number, title in enumerate(header(servers)):
        table.add_column(title, justify="right" if number else "left", no_wrap=True)
    for line in lines:
        table.add_row(*cells(line, servers))
    Console(width=120 + 26 * len(servers)).print(table)
    for line in lines:
        for server, problem in line.failures.items():
            print(f"{line.title}: {server}: {problem}")


def markdown(lines: Sequence[Line], servers: Sequence[str]) -> str:
    """Give the table for a page."""
    titles = header(servers)
    rows = [titles, ["---"] + ["---:"] * (len(titles) - 1), *(cells(line, servers) for line in lines)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def as_json(lines: Sequence[Line]) -> str:
    """Give everything for a script, one object for each line."""
    shown = [
        {
            "title": line.title,
            "row": asdict(line.row),
            "samples": {name: [asdict(sample) for sample in samples] for name, samples in line.samples.items()},
            "ratios": {name: asdict(ratio) for name in line.samples if (ratio := line.ratio(name))},
            "met": {name: line.met(name) for name in line.samples if not name.startswith(REFERENCE)},
            "failures": line.failures,
        }
        for line in lines
    ]
    return json.dumps(shown)


def counts(lines: Sequence[Line], server: str) -> Mapping[bool, int]:
    """How many rows with a target a server met and missed."""
    verdicts = [line.met(server) for line in lines]
    return {True: verdicts.count(True), False: verdicts.count(False)}


def _value(sample: Sample | None, unit: str, failure: str | None) -> str:
    if sample is None:
        return "failed" if failure else "-"
    cost = f" / {_number(sample.cpu)}" if sample.cpu is not None else ""
    return f"{_number(sample.value)}{cost} {unit}".rstrip()


def _number(value: float) -> str:
    digits = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{digits}f}"


def _ratio(ratio: Sample | None) -> str:
    if ratio is None:
        return "-"
    cost = f" / {ratio.cpu:.2f}" if ratio.cpu is not None else ""
    return f"×{ratio.value:.2f}{cost}"


def _target(row: Row) -> str:
    wanted = [f"≥ ×{row.ratio:g}"] if row.ratio is not None else []
    wanted += [f"≤ {row.limit:g} {row.unit}"] if row.limit is not None else []
    return ", ".join(wanted)
