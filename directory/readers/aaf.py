"""AAF: the complete XML set of the academy's directory (annuaire académique fédérateur, second degree).

A delivery is a directory or an archive of `…_<Category>_<NNNN>.xml` files; `read_aaf` streams its records.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from directory.model import DirectoryError, Record
from directory.readers.aaf_records import ATTRIBUTES, CONVERTERS, Attributes, held
from directory.readers.delivery import files
from directory.readers.saxfile import RecordHandler, Refusal, read_records, wrong_root

_ROOT = "ficAlimMENESR"
_DTD = "ficAlimMENESR.dtd"
_NAME = re.compile(r"_(EtabEducNat|Eleve|PersRelEleve|PersEducNat|MefEducNat|MatiereEducNat)_(\d{4})\.xml$")
_CATEGORY = {"MatEducNat": "MatiereEducNat"}
_NEEDED = ("EtabEducNat", "MefEducNat", "PersEducNat", "Eleve", "PersRelEleve")
_ID_LIMIT = 40
_REQUEST_LIMIT = 1 << 20
"""Characters of the attributes kept of one record."""


def read_aaf(path: Path) -> Iterator[Record]:
    """Every record of a complete set.

    Raises:
        DirectoryError: no delivery there, a delta, a missing category or number, or a file that is malformed,
            truncated or hostile.
    """
    numbers: dict[str, set[int]] = defaultdict(set)
    for name, stream in files(path):
        match = _NAME.search(name)
        if not match:
            continue
        if "_Delta_" in name:
            raise DirectoryError(name, None, "this is a delta; give the complete set")
        category, number = match.group(1), int(match.group(2))
        if number in numbers[category]:
            raise DirectoryError(name, None, "the delivery holds this file twice; keep one delivery only")
        numbers[category].add(number)
        yield from read_records(stream, name, _AafHandler(name, category), _DTD)
    _check_whole(path, numbers)


def read_aaf_file(path: Path) -> Iterator[Record]:
    """The records of one file of a delivery."""
    match = _NAME.search(path.name)
    if not match:
        raise DirectoryError(path.name, None, "the name does not end in _<Category>_<NNNN>.xml")
    with path.open("rb") as stream:
        yield from read_records(stream, path.name, _AafHandler(path.name, match.group(1)), _DTD)


def _check_whole(path: Path, numbers: dict[str, set[int]]) -> None:
    """Absence is deletion, so a set that lacks a file must not be taken for a complete one."""
    missing = [category for category in _NEEDED if category not in numbers]
    if missing:
        raise DirectoryError(
            path.name, None, f"no file of {', '.join(missing)}; a complete set has all the categories, get it again"
        )
    for category, present in numbers.items():
        gaps = sorted(set(range(max(present) + 1)) - present)
        if gaps:
            raise DirectoryError(path.name, None, f"file {category}_{gaps[0]:04d}.xml is missing; get the set again")


class _AafHandler(RecordHandler[Record]):
    """addRequest = operationalAttributes (the category), identifier/id, attributes/attr[@name]/value+."""

    def __init__(self, file: str, category: str) -> None:
        super().__init__()
        self._file = file
        self._category = category
        self._kept = ATTRIBUTES[category]
        self._line: int | None = None
        self._declared = ""
        self._id = ""
        self._attribute = ""
        self._operational = False
        self._values: Attributes = {}
        self._size = 0

    def begun(self, root: str) -> None:
        if root != _ROOT:
            raise wrong_root(root, _ROOT)

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "attr":
            self._attribute = attributes.get("name", "")
        elif name == "addRequest":
            self._line = self.line()
            self._declared = self._id = ""
            self._values = {}
            self._size = 0
        elif name == "operationalAttributes":
            self._operational = True
        elif name in ("modifyRequest", "deleteRequest"):
            raise Refusal(f"a complete set holds no {name}; this is a delta, give the complete set")

    def closed(self, name: str) -> None:
        if name == "value":
            self._value()
        elif name == "attr":
            self._attribute = ""
        elif name == "id":
            self._id = self.checked(self.text())
        elif name == "operationalAttributes":
            self._operational = False
        elif name == "addRequest":
            self._request()

    def _value(self) -> None:
        if self._operational:
            self._declared = self.text()
        elif self._attribute in self._kept and (value := self.text()):
            self._size += len(value)
            if self._size > _REQUEST_LIMIT:
                raise Refusal(f"a record is longer than {_REQUEST_LIMIT} characters; the file is damaged or hostile")
            self._values.setdefault(self._attribute, []).append(self.checked(value))

    def _request(self) -> None:
        category = _CATEGORY.get(self._declared, self._declared)
        if category != self._category:
            raise Refusal(
                f"a record of {category[:40] or 'no category'} in a file of {self._category}; get the set again"
            )
        if not self._id or len(self._id) > _ID_LIMIT:
            raise Refusal("a record has no identifier of a usable length; get the set again")
        self.records += CONVERTERS[category](self._file, self._line, self._id, held(self._values))
