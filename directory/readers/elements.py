"""XML of SIECLE and STSWEB: small subtrees, one for each record, out of a file of any size.

A `Document` says for one kind of file which elements are records and which names are kept in them; the rest is neither
kept nor looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Final, TypeAlias

from directory.readers.saxfile import RecordHandler, Refusal, read_records, wrong_root

FILE_LIMIT: Final = 64 << 20
"""Bytes of an export of one school: five times the largest. Its readers hold the people."""
_RECORD_LIMIT: Final = 1 << 20
"""Characters of one record, names of its elements counted."""


@dataclass(slots=True)
class Element:
    """An element with the text directly in it; `line` is where it begins."""

    name: str
    attributes: Mapping[str, str]
    line: int | None
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def one(self, *names: str) -> str:
        """The text of the first child of the first of `names` that has one, or the empty text."""
        return next((child.text for name in names for child in self.children if child.name == name and child.text), "")

    def has(self, name: str) -> bool:
        """Whether a child of this name holds text."""
        return bool(self.one(name))

    def all(self, *path: str) -> Iterator[Element]:
        """The descendants at the end of `path`."""
        found = (child for child in self.children if child.name == path[0])
        for child in found:
            if len(path) == 1:
                yield child
            else:
                yield from child.all(*path[1:])


@dataclass(frozen=True, slots=True)
class Document:
    """What is read of a file: `records` are paths below the root, `kept` the names of the elements inside records."""

    records: frozenset[str]
    kept: frozenset[str]

    @classmethod
    def of(cls, records: str, kept: str) -> Document:
        """Both as words between blanks."""
        return cls(frozenset(records.split()), frozenset(kept.split()))


Documents: TypeAlias = Mapping[str, Document | None]
"""By root element; None for a file that is left alone."""


class _LeftAloneError(Exception):
    """The file is of a kind that belongs to somebody else."""


def read_elements(
    stream: IO[bytes], file: str, documents: Documents, refused: Mapping[str, str]
) -> Iterator[tuple[str, Element]]:
    """The root element without its children, under the empty path, then each record with its path.

    Nothing comes of a file that is left alone; `refused` says why a root is not one of `documents`.

    Raises:
        DirectoryError: the file is malformed, truncated, hostile or of another kind.
    """
    try:
        yield from read_records(stream, file, _ElementHandler(documents, refused), "", limit=FILE_LIMIT)
    except _LeftAloneError:
        return


_NONE: Final[Mapping[str, str]] = {}


class _ElementHandler(RecordHandler[tuple[str, Element]]):
    def __init__(self, documents: Documents, refused: Mapping[str, str]) -> None:
        super().__init__()
        self._documents = documents
        self._refused = refused
        self._document = Document(frozenset(), frozenset())
        self._path: list[str] = []
        self._open: list[Element] = []
        self._skipped = 0
        """Depth inside an element that is not kept."""
        self._size = 0

    def begun(self, root: str) -> None:
        if root in self._refused:
            raise Refusal(self._refused[root])
        if root not in self._documents:
            raise wrong_root(root, *(name for name, document in self._documents.items() if document is not None))
        document = self._documents[root]
        if document is None:
            raise _LeftAloneError
        self._document = document

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if self.depth == 1:
            self.records.append(("", Element(name, self._checked(attributes), self.line())))
            return
        self._path.append(name)
        if self._skipped:
            self._skipped += 1
        elif self._open:
            if name not in self._document.kept:
                self._skipped = 1
                return
            self._begin(name, attributes)
            self._open[-2].children.append(self._open[-1])
        elif "/".join(self._path) in self._document.records:
            self._size = 0
            self._begin(name, attributes)

    def _begin(self, name: str, attributes: Mapping[str, str]) -> None:
        self._grow(len(name))
        self._open.append(Element(name, self._checked(attributes), self.line()))

    def closed(self, name: str) -> None:
        if self.depth == 1:
            return
        path = "/".join(self._path)
        self._path.pop()
        if self._skipped:
            self._skipped -= 1
        elif self._open:
            element = self._open.pop()
            if text := self.text():
                self._grow(len(text))
                element.text = self.checked(text)
            if not self._open:
                self.records.append((path, element))

    def _checked(self, attributes: Mapping[str, str]) -> Mapping[str, str]:
        if not attributes:
            return _NONE
        kept = {name: self.checked(value.strip()) for name, value in attributes.items()}
        self._grow(sum(map(len, kept.values())))
        return kept

    def _grow(self, characters: int) -> None:
        self._size += characters
        if self._size > _RECORD_LIMIT:
            raise Refusal(f"a record is longer than {_RECORD_LIMIT} characters; the file is damaged or hostile")
