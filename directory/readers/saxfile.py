"""One hostile-proof pass over an XML file: no entity, no external anything, explicit limits, errors with their line.

Built on defusedxml's SAX parser, so a file of any size costs the memory of one record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import IO, Generic, TypeVar
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler, ErrorHandler
from xml.sax.xmlreader import Locator

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from directory.model import DirectoryError
from directory.names import CONTROL

T = TypeVar("T")

FILE_LIMIT = 4 << 30
"""Bytes of one file once decompressed."""
DEPTH_LIMIT = 12
VALUE_LIMIT = 16_384
"""Characters of one value."""
TAG_LIMIT = 1 << 20
"""Bytes of one tag, comment or declaration: the parser holds it whole."""
_CHUNK = 1 << 16
_PARAM_ENTITY_PARSING_NEVER = 0
_ENCODINGS = frozenset({"utf-8", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252"})


class Refusal(Exception):
    """The file breaks a rule; the message says which, and what to do. The reader adds file and line."""


class RecordHandler(ContentHandler, Generic[T]):
    """What a format does with the elements: `begun`, `opened` and `closed`, and `records` to be taken out after each
    chunk.

    `text` is the character data since the last tag.
    """

    def __init__(self) -> None:
        super().__init__()
        self.records: list[T] = []
        self.depth = 0
        self._text: list[str] = []
        self._length = 0
        self._locator: Locator | None = None

    def setDocumentLocator(self, locator: Locator) -> None:  # noqa: N802
        self._locator = locator

    def line(self) -> int | None:
        """The line the parser is at."""
        return self._locator.getLineNumber() if self._locator else None

    def begun(self, root: str) -> None:
        """The root element begins. Raises Refusal for one of another kind of file."""
        raise NotImplementedError

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins, the root as well."""
        raise NotImplementedError

    def closed(self, name: str) -> None:
        """An element ends."""
        raise NotImplementedError

    def text(self) -> str:
        """The character data since the last tag, stripped."""
        return "".join(self._text).strip() if self._text else ""

    def checked(self, value: str) -> str:
        """`value`, unless it holds a control character: a line break in a name must never reach a mail header."""
        if CONTROL.search(value):
            raise Refusal(
                "a value holds a line break or another control character; correct it in the source application "
                "and ask for a new delivery"
            )
        return value

    def startElement(self, name: str, attrs: object) -> None:  # noqa: N802 — the SAX interface
        self.depth += 1
        if self.depth == 1:
            self.begun(name)
        if self.depth > DEPTH_LIMIT:
            raise Refusal(f"elements are nested more than {DEPTH_LIMIT} deep; the file is damaged or hostile")
        self._text.clear()
        self._length = 0
        self.opened(name, attrs)  # type: ignore[arg-type] # a mapping, without the base class

    def endElement(self, name: str) -> None:  # noqa: N802
        self.closed(name)
        self.depth -= 1
        self._text.clear()
        self._length = 0

    def characters(self, content: str) -> None:
        self._length += len(content)
        if self._length > VALUE_LIMIT:
            raise Refusal(f"a value is longer than {VALUE_LIMIT} characters; the file is damaged or hostile")
        self._text.append(content)

    def skippedEntity(self, name: str) -> None:  # noqa: N802
        raise Refusal(
            f"the entity &{name[:40]}; is not declared (XML knows no HTML entity); ask for the file with real letters"
        )


def wrong_root(found: str, *wanted: str) -> Refusal:
    """The file is of another kind than those with a root element `wanted`."""
    names = ", ".join(f"<{name}>" for name in wanted)
    return Refusal(f"the root element is <{found[:40]}>, not {names}; give a file of the right kind")


class _Parser(DefusedExpatParser):
    """defusedxml's parser, which also never looks for a DTD and refuses an internal subset and unknown encodings."""

    dtd: str = ""

    def reset(self) -> None:
        super().reset()
        expat = self._parser  # type: ignore[attr-defined] # typeshed leaves it out
        expat.SetParamEntityParsing(_PARAM_ENTITY_PARSING_NEVER)
        expat.StartDoctypeDeclHandler = self._doctype
        expat.XmlDeclHandler = self._declaration
        expat.buffer_text = True
        # Straight to the handler: the objects that SAX puts in between cost as much as the parser.
        handler = self.getContentHandler()
        expat.StartElementHandler = handler.startElement
        expat.EndElementHandler = handler.endElement
        expat.CharacterDataHandler = handler.characters

    def check_progress(self, read: int) -> None:
        """Raises Refusal when the parser holds more than one tag may have; `read` bytes were given to it so far."""
        expat = self._parser  # type: ignore[attr-defined]
        if read - expat.CurrentByteIndex > TAG_LIMIT:
            raise Refusal(f"a tag or comment is longer than {TAG_LIMIT >> 20} MiB; the file is damaged or hostile")

    def _doctype(self, name: str, system: str | None, public: str | None, internal: int) -> None:
        if internal:
            raise Refusal("the DOCTYPE holds declarations of its own; only a reference to the DTD is accepted")
        if public or system not in (None, self.dtd):
            raise Refusal(f"the DOCTYPE names another DTD than {self.dtd}; nothing is ever loaded from elsewhere")

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            raise Refusal(f"the encoding {encoding[:40]} is not accepted; use UTF-8 or ISO-8859-15")


def read_records(
    stream: IO[bytes], file: str, handler: RecordHandler[T], dtd: str, *, limit: int = FILE_LIMIT
) -> Iterator[T]:
    """The records of one file of at most `limit` bytes, as `handler` finds them.

    Raises:
        DirectoryError: the file is malformed, truncated, hostile or of another kind. Records given before stay
            given: the caller imports all or nothing.
    """
    parser = _Parser()
    parser.dtd = dtd
    parser.setContentHandler(handler)
    handler.setDocumentLocator(parser)
    parser.setErrorHandler(ErrorHandler())
    try:
        for read, chunk in _chunks(stream, limit):
            parser.feed(chunk)
            parser.check_progress(read)
            yield from handler.records
            handler.records.clear()
        parser.close()
    except Refusal as refusal:
        raise DirectoryError(file, parser.getLineNumber(), str(refusal)) from None
    except DefusedXmlException as error:
        raise DirectoryError(
            file, parser.getLineNumber(), "entities and external references are refused; the file is hostile"
        ) from error
    except SAXParseException as error:
        raise DirectoryError(file, error.getLineNumber(), _advice(str(error.getMessage()))) from error
    yield from handler.records
    handler.records.clear()


def _chunks(stream: IO[bytes], limit: int) -> Iterator[tuple[int, bytes]]:
    """Pieces of the file, each with the number of bytes up to its end."""
    read = 0
    while chunk := stream.read(_CHUNK):
        read += len(chunk)
        if read > limit:
            raise Refusal(f"the file is larger than {limit >> 20} MiB")
        yield read, chunk


def _advice(message: str) -> str:
    """What expat says, and what to do about it."""
    if message == "undefined entity":
        return "an entity is not declared (XML knows no HTML entity); ask for the file with real letters"
    if message in ("no element found", "unclosed token", "unclosed CDATA section"):
        return "the file is cut short; copy or ask for it again"
    if message == "not well-formed (invalid token)":
        return "not well-formed XML: a stray character, or another encoding than declared; ask for the file again"
    return f"not well-formed XML ({message}); ask for the file again"
