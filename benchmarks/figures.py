"""Figures of several peers side by side, with ratios."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One measured figure; less is better for every unit in use."""

    name: str
    value: float
    unit: str


def print_table(results: Mapping[str, Sequence[Figure]]) -> None:
    """Print the figures by peer, in the order given; each later peer is compared with the first."""
    names = list(results)
    table = Table(title="Less is better; ×2 means twice as good as the first")
    table.add_column("")
    for position, name in enumerate(names):
        table.add_column(name, justify="right")
        if position:
            table.add_column("ratio", justify="right")
    by_name = {peer: {figure.name: figure for figure in figures} for peer, figures in results.items()}
    for figure in results[names[0]]:
        cells = [_cell(figure)]
        for peer in names[1:]:
            other = by_name[peer].get(figure.name)
            cells += (
                [_cell(other), f"×{figure.value / other.value:.2f}" if other.value else "-"] if other else ["-", "-"]
            )
        table.add_row(figure.name, *cells)
    Console(width=60 + 34 * len(names)).print(table)


def as_json(results: Mapping[str, Sequence[Figure]]) -> str:
    """Give the figures for a script."""
    return json.dumps({peer: [asdict(figure) for figure in figures] for peer, figures in results.items()})


def _cell(figure: Figure) -> str:
    digits = 0 if figure.value >= 1000 else 1 if figure.value >= 10 else 3
    return f"{figure.value:,.{digits}f} {figure.unit}"
