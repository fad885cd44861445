"""One AAF file to requests: records to add or replace, attributes to replace, records to delete.

A complete set is made of addRequest alone; a delta holds the other two as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, Final

from directory.readers.aaf_records import ATTRIBUTES, Attributes
from directory.readers.saxfile import RecordHandler, Refusal, read_records, wrong_root
from directory.readers.values import ID_LIMIT

_ROOT: Final = "ficAlimMENESR"
_DTD: Final = "ficAlimMENESR.dtd"
_CATEGORY: Final = {"MatEducNat": "MatiereEducNat"}
_REQUEST_LIMIT: Final = 1 << 20
"""Characters of the attributes kept of one record."""


class Verb(StrEnum):
    """What a request asks."""

    ADD = "addRequest"
    """Insert the record, or replace it whole."""
    MODIFY = "modifyRequest"
    """Replace the attributes that are named, each whole; one without value is taken away."""
    DELETE = "deleteRequest"


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `values` are the attributes that are read, in clear."""

    verb: Verb
    category: str
    id: str
    values: Attributes
    file: str
    line: int | None


def read_requests(stream: IO[bytes], file: str, category: str, *, delta: bool) -> Iterator[Request]:
    """The requests of one file, all of one category.

    Raises:
        DirectoryError: the file is malformed, truncated, hostile, of another kind, or holds what only a delta may.
    """
    yield from read_records(stream, file, _RequestHandler(file, category, delta=delta), _DTD)


class _RequestHandler(RecordHandler[Request]):
    """A request = operationalAttributes (the category), identifier/id, and attributes/attr[@name]/value+ or
    modifications/modification[@name][@operation]/value+.
    """

    def __init__(self, file: str, category: str, *, delta: bool) -> None:
        super().__init__()
        self._file = file
        self._category = category
        self._kept = ATTRIBUTES[category]
        self._allowed = frozenset(Verb) if delta else frozenset({Verb.ADD})
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
        elif name == "modification":
            self._modification(attributes)
        elif name in _VERBS:
            self._begin(name)
        elif name == "operationalAttributes":
            self._operational = True

    def _begin(self, name: str) -> None:
        if name not in self._allowed:
            raise Refusal(f"a complete set holds no {name}: give the complete set, or a delta with Delta in its name")
        if self.depth != _REQUEST_DEPTH:
            raise Refusal(f"{name} is inside another element; the file is damaged or hostile")
        self._line = self.line()
        self._declared = self._id = ""
        self._values = {}
        self._size = 0

    def _modification(self, attributes: Mapping[str, str]) -> None:
        operation = attributes.get("operation", "")
        if operation != "replace":
            raise Refusal(f"a modification is to {operation[:40] or 'do nothing'}; only replace is known")
        self._attribute = attributes.get("name", "")
        if self._attribute in self._kept:
            self._values[self._attribute] = []

    def closed(self, name: str) -> None:
        if name == "value":
            self._value()
        elif name in ("attr", "modification"):
            self._attribute = ""
        elif name == "id":
            self._id = self.checked(self.text())
        elif name == "operationalAttributes":
            self._operational = False
        elif name in _VERBS:
            self._request(Verb(name))

    def _value(self) -> None:
        if self._operational:
            self._declared = self.text()
        elif self._attribute in self._kept and (value := self.text()):
            self._size += len(value)
            if self._size > _REQUEST_LIMIT:
                raise Refusal(f"a record is longer than {_REQUEST_LIMIT} characters; the file is damaged or hostile")
            self._values.setdefault(self._attribute, []).append(self.checked(value))

    def _request(self, verb: Verb) -> None:
        category = _CATEGORY.get(self._declared, self._declared)
        if category != self._category:
            raise Refusal(
                f"a record of {category[:40] or 'no category'} in a file of {self._category}; get the set again"
            )
        if not self._id or len(self._id) > ID_LIMIT:
            raise Refusal("a record has no identifier of a usable length; get the set again")
        self.records.append(Request(verb, category, self._id, self._values, self._file, self._line))


_VERBS: Final = frozenset(map(str, Verb))
_REQUEST_DEPTH: Final = 2
