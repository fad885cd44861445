"""One pass over a message: where its headers and bodies begin and end (RFC 2045, RFC 2046 5.1).

The scanner works on octets and looks only at what ends a part: boundary lines and empty lines. It takes any input
and never raises; what breaks the rules becomes a leaf. Depth, number of parts and octets of headers are bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from imap.message.header import Field, field_value, split_fields
from imap.message.mime import DEFAULT_TYPE, ContentType, parameter, parse_content_type, parse_encoding


class Octets(Protocol):
    """A message that is not in memory: its octets are read as they are asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, octets: slice, /) -> bytes: ...


Content: TypeAlias = bytes | Octets
"""A whole message; it is never copied whole."""

MAX_DEPTH = 50
"""Parts within parts; a multipart or a message deeper than this is a leaf."""
MAX_PARTS = 10_000
"""Parts of one message; the last one keeps the octets that follow."""
MAX_HEADER = 512 * 1024
"""Octets of one header block that are looked at."""
MAX_HEADERS = 4 * MAX_HEADER
"""Octets of all header blocks together that are looked at."""

TOO_DEEP = ContentType(b"application", b"octet-stream")
"""How a part is shown whose own parts are not looked for because of a limit."""

_FIRST_WINDOW = 8 * 1024
_WINDOW = 1024 * 1024
"""Octets read at once to search in: few at first, since the next boundary may be near."""


class Node:
    """One part while and after it is scanned; positions are octets from the start of the message."""

    __slots__ = (
        "_encoding",
        "_first",
        "body_end",
        "body_start",
        "children",
        "content_type",
        "fields",
        "header_start",
        "maintype",
        "parent",
    )

    def __init__(self, header_start: int, parent: Node | None = None) -> None:
        self.header_start = header_start
        self.body_start = header_start
        self.body_end = header_start
        self.parent = parent
        self.fields: Sequence[Field] = ()
        self._first: dict[bytes, bytes] = {}
        self._encoding: bytes | None = None
        self.content_type = DEFAULT_TYPE
        self.maintype = b"text"
        self.children: list[Node] = []

    def read_fields(self, header: bytes) -> None:
        """Take the fields of the part's header block."""
        self.fields = split_fields(header)
        self._first = dict(reversed(self.fields))

    def set_type(self, content_type: ContentType) -> None:
        """Take the media type; `maintype` is it in lower case."""
        self.content_type = content_type
        self.maintype = content_type.maintype.lower()

    def value(self, name: bytes) -> bytes | None:
        """The first field of this lower-case name, unfolded; None when there is none."""
        raw = self._first.get(name)
        return None if raw is None else field_value(raw)

    def parameter(self, name: bytes) -> bytes | None:
        """A Content-Type parameter by lower-case name."""
        return parameter(self.content_type.parameters, name)

    @property
    def encoding(self) -> bytes:
        """Content-Transfer-Encoding as written, ``7bit`` by default (RFC 2045 6.1)."""
        if self._encoding is None:
            self._encoding = parse_encoding(self.value(b"content-transfer-encoding")) or b"7bit"
        return self._encoding

    @property
    def is_multipart(self) -> bool:
        """Whether this part was split at a boundary."""
        return self.maintype == b"multipart"

    @property
    def is_encapsulated(self) -> bool:
        """Whether the type says that this part holds a message (RFC 2046 5.2.1, RFC 6532 3.7)."""
        return self.maintype == b"message" and self.content_type.subtype.lower() in {b"rfc822", b"global"}

    @property
    def is_message(self) -> bool:
        """Whether this part holds a message that was scanned."""
        return bool(self.children) and self.maintype == b"message"


class _Boundary:
    """An open multipart: its place on the path of open parts, and its next delimiter line as far as it is known."""

    __slots__ = ("depth", "following", "needle", "searched")

    def __init__(self, depth: int, boundary: bytes) -> None:
        self.depth = depth
        self.needle = b"\n--" + boundary
        self.following = -1
        self.searched = 0
        """No delimiter but `following` is before this: nothing is searched twice."""


class _Scanner:
    def __init__(self, content: Content) -> None:
        self.content = content
        self.size = len(content)
        self.path: list[Node] = [Node(0)]
        self.boundaries: list[_Boundary] = []
        self.parts = 0
        self.header_octets = 0

    def run(self) -> Node:
        root = self.path[0]
        position = self._open(root)
        while (found := self._next_delimiter(position)) is not None:
            boundary, start = found
            after = start + len(boundary.needle)
            closing = self.content[after : after + 2] == b"--"
            line_feed = find(self.content, b"\n", after, self.size)
            next_line = self.size if line_feed < 0 else line_feed + 1
            cut = start - 1 if start and self.content[start - 1 : start] == b"\r" else start
            self._close(boundary.depth + 1, cut)
            while self.boundaries[-1] is not boundary:
                self.boundaries.pop()
            position = next_line - 1
            if closing:
                self.boundaries.pop()
            elif self.parts < MAX_PARTS:
                child = Node(next_line, self.path[-1])
                self.path[-1].children.append(child)
                self.path.append(child)
                position = self._open(child)
            else:
                break
        self._close(0, self.size)
        return root

    def _open(self, node: Node) -> int:
        """Read the header of the innermost open part, and of the messages in it; give where to look further."""
        while True:
            self.parts += 1
            found = self._next_delimiter(max(node.header_start - 1, 0))
            stop = self.size if found is None else max(found[1] + 1, node.header_start)
            node.body_start = header_end(self.content, node.header_start, stop)
            self._read_header(node)
            boundary = node.parameter(b"boundary") if node.is_multipart else None
            if node.is_multipart and not boundary:
                node.set_type(DEFAULT_TYPE)
            elif (boundary or node.is_encapsulated) and (len(self.path) >= MAX_DEPTH or self.parts >= MAX_PARTS):
                node.set_type(TOO_DEEP)
            elif boundary:
                self.boundaries.append(_Boundary(len(self.path) - 1, boundary))
            elif node.is_encapsulated:
                inner = Node(node.body_start, node)
                node.children.append(inner)
                self.path.append(inner)
                node = inner
                continue
            return max(node.body_start - 1, 0)

    def _read_header(self, node: Node) -> None:
        stop = min(
            node.body_start, node.header_start + MAX_HEADER, node.header_start + MAX_HEADERS - self.header_octets
        )
        if stop <= node.header_start:
            return
        self.header_octets += stop - node.header_start
        node.read_fields(self.content[node.header_start : stop])
        value = node.value(b"content-type")
        content_type = None if value is None else parse_content_type(value)
        if content_type is None and value is None and in_digest(node):
            content_type = ContentType(b"message", b"rfc822")
        node.set_type(content_type or DEFAULT_TYPE)

    def _next_delimiter(self, position: int) -> tuple[_Boundary, int] | None:
        """The next delimiter line of any open multipart: the first, then the longest, then the innermost."""
        best: _Boundary | None = None
        limit = self.size
        for boundary in self.boundaries:
            needle = boundary.needle
            if boundary.following < position:
                boundary.following = self._search(needle, max(position, boundary.searched), limit)
                boundary.searched = 1 + (limit if boundary.following < 0 else boundary.following)
            following = boundary.following
            if position <= following and (
                following < limit or (following == limit and best is not None and len(needle) >= len(best.needle))
            ):
                best, limit = boundary, following
        return None if best is None else (best, limit)

    def _search(self, needle: bytes, start: int, last: int) -> int:
        """The first place of a delimiter between `start` and `last`, both included."""
        return find(self.content, needle, start, min(last + len(needle), self.size))

    def _close(self, depth: int, end: int) -> None:
        """End all open parts from this depth of the path on."""
        for node in self.path[depth:]:
            node.body_start = min(node.body_start, max(end, node.header_start))
            node.body_end = max(end, node.body_start)
        del self.path[depth:]


def scan(content: Content) -> Node:
    """The tree of parts of a message. Never raises."""
    return _Scanner(content).run()


def in_digest(node: Node) -> bool:
    """Whether the part stands in a multipart/digest, where message/rfc822 is the default (RFC 2046 5.1.5)."""
    parent = node.parent
    return parent is not None and parent.is_multipart and parent.content_type.subtype.lower() == b"digest"


def header_end(content: Content, start: int, stop: int) -> int:
    """Where the body begins: after the first empty line, or at `stop` when there is none."""
    head = content[start : min(start + 2, stop)]
    if head[:1] == b"\n":
        return start + 1
    if head == b"\r\n":
        return start + 2
    crlf = find(content, b"\n\r\n", start, stop)
    bare = find(content, b"\n\n", start, stop if crlf < 0 else crlf + 1)
    if bare >= 0:
        return bare + 2
    return stop if crlf < 0 else crlf + 3


def find(content: Content, needle: bytes, start: int, stop: int) -> int:
    """As `bytes.find`; what is not in memory is searched by windows."""
    if isinstance(content, bytes):
        return content.find(needle, start, stop)
    overlap = len(needle) - 1
    window = _FIRST_WINDOW
    while start < stop:
        found = content[start : min(start + window + overlap, stop)].find(needle)
        if found >= 0:
            return start + found
        start += window
        window = min(4 * window, _WINDOW)
    return -1


def count_lines(content: Content, start: int, stop: int) -> int:
    """The line feeds in a range."""
    if isinstance(content, bytes):
        return content.count(b"\n", start, stop)
    return sum(content[offset : min(offset + _WINDOW, stop)].count(b"\n") for offset in range(start, stop, _WINDOW))
