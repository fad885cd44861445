"""AAF: the XML files of the academy's directory (annuaire académique fédérateur, second degree).

A delivery is a directory or an archive of `…_<Category>_<NNNN>.xml` files: a complete set, deltas of later days, or
both. The name of a file, else that of the directory or archive, says which it is and of what day.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from directory.keys import day_of
from directory.model import DirectoryError, Record
from directory.readers.aaf_records import CONVERTERS, held
from directory.readers.aaf_requests import Request, read_requests
from directory.readers.delivery import files

_NAME: Final = re.compile(r"_(EtabEducNat|Eleve|PersRelEleve|PersEducNat|MefEducNat|MatiereEducNat)_(\d{4})\.xml$")
_NEEDED: Final = ("EtabEducNat", "MefEducNat", "PersEducNat", "Eleve", "PersRelEleve")
_DELTA: Final = re.compile(r"(?:^|[_-])delta(?:[_.-]|$)", re.IGNORECASE)
_COMPLETE: Final = re.compile(r"(?:^|[_-])complet(?:[_.-]|$)", re.IGNORECASE)
_DAY: Final = re.compile(r"(?<!\d)\d{8}(?!\d)")


@dataclass(frozen=True, slots=True)
class Delivery:
    """The files of one delivery at `path`: a complete set, or the delta of `day` (yyyymmdd, empty when unknown)."""

    path: Path
    delta: bool
    day: str


def deliveries(path: Path) -> list[Delivery]:
    """What is delivered at a path, in the order in which it is to be taken: the complete set, then deltas by day.

    Raises:
        DirectoryError: nothing there, or a damaged archive.
    """
    found = {(_is_delta(name, path), _day(name, path)) for name, _ in files(path, nested=True) if _NAME.search(name)}
    whole = [day for delta, day in found if not delta]
    sets = [Delivery(path, delta=False, day=max(whole, default=""))] if whole or not found else []
    return sets + [Delivery(path, delta=True, day=day) for delta, day in sorted(found) if delta]


def read_delivery(delivery: Delivery) -> Iterator[Request]:
    """Every request of a delivery, file by file.

    Raises:
        DirectoryError: a missing category or number, or a file that is malformed, truncated or hostile.
    """
    numbers: dict[str, set[int]] = defaultdict(set)
    for name, stream in files(delivery.path, nested=True):
        match = _NAME.search(name)
        if not match or _is_delta(name, delivery.path) != delivery.delta:
            continue
        if delivery.delta and _day(name, delivery.path) != delivery.day:
            continue
        category, number = match.group(1), int(match.group(2))
        if number in numbers[category]:
            raise DirectoryError(name, None, "the delivery holds this file twice; keep one delivery only")
        numbers[category].add(number)
        yield from read_requests(stream, name, category, delta=delivery.delta)
    if not delivery.delta:
        _check_categories(delivery.path, numbers)
    _check_numbers(delivery.path, numbers)


def read_aaf(path: Path) -> Iterator[Record]:
    """Every record of a complete set.

    Raises:
        DirectoryError: no delivery there, a delta, a missing category or number, or a file that is malformed,
            truncated or hostile.
    """
    planned = deliveries(path)
    if planned[-1].delta:
        raise DirectoryError(path.name, None, "this is a delta; give the complete set")
    for request in read_delivery(planned[0]):
        yield from records_of(request)


def read_aaf_file(path: Path) -> Iterator[Record]:
    """The records of one file of a complete set."""
    match = _NAME.search(path.name)
    if not match:
        raise DirectoryError(path.name, None, "the name does not end in _<Category>_<NNNN>.xml")
    with path.open("rb") as stream:
        for request in read_requests(stream, path.name, match.group(1), delta=False):
            yield from records_of(request)


def records_of(request: Request) -> list[Record]:
    """What a record that is added means."""
    return CONVERTERS[request.category](request.file, request.line, request.id, held(request.values))


def _is_delta(name: str, path: Path) -> bool:
    """What the file's name says, else that of the directory or archive."""
    return bool(_DELTA.search(name) or (_DELTA.search(path.name) and not _COMPLETE.search(name)))


def _day(name: str, path: Path) -> str:
    return next((day for text in (name, path.name) for day in _DAY.findall(text) if day_of(day)), "")


def _check_categories(path: Path, numbers: dict[str, set[int]]) -> None:
    """Absence is deletion, so a set that lacks a file must not be taken for a complete one."""
    missing = [category for category in _NEEDED if category not in numbers]
    if missing:
        raise DirectoryError(
            path.name, None, f"no file of {', '.join(missing)}; a complete set has all the categories, get it again"
        )


def _check_numbers(path: Path, numbers: dict[str, set[int]]) -> None:
    for category, present in numbers.items():
        gaps = sorted(set(range(max(present) + 1)) - present)
        if gaps:
            raise DirectoryError(path.name, None, f"file {category}_{gaps[0]:04d}.xml is missing; get the set again")
