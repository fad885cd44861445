"""What tells the pupils of the demo academy in more than one format."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

SIECLE_PUPIL = 10_000_000 - 700_000
"""What is taken from the number of a pupil to have SIECLE's."""


class Civil(NamedTuple):
    """The national number, and the date of birth as dd/mm/yyyy."""

    ine: str
    born: str


def civil_of_pupils(tables: Path) -> dict[int, Civil]:
    """By number, from the plain tables of the demo in a folder."""
    with (tables / "eleves.csv").open(encoding="utf-8-sig", newline="") as file:
        return {int(row["Id"]): Civil(row["INE"], row["Naissance"]) for row in csv.DictReader(file, delimiter=";")}
