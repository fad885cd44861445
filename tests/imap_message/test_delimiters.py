"""The search for delimiters finds what reading line by line finds (RFC 2046 5.1.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st

from imap.message import Part, PartTable, render

BOUNDARIES = [b"a", b"ab", b"abc", b"b", b"a--", b"--"]
LINES = st.sampled_from(
    [
        *(b"--" + boundary + end for boundary in BOUNDARIES for end in (b"", b"--", b" ")),
        *(b"Content-Type: multipart/mixed; boundary=" + boundary for boundary in BOUNDARIES),
        *(b"Content-Type: message/rfc822", b"", b"", b"", b"text", b"-"),
    ]
)
MESSAGES = st.lists(st.tuples(LINES, st.sampled_from([b"\r\n", b"\n"])).map(b"".join), max_size=40).map(b"".join)


@dataclass
class Read:
    """A part as the line reader sees it."""

    start: int
    body: int = -1
    end: int = -1
    children: list[Read] = field(default_factory=list)


class LineReader:
    """The same rules, one line after the other: slow and plain."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.path = [Read(0)]
        self.open: list[tuple[Read, bytes]] = []
        self.in_header = True

    def read(self) -> Read:
        root = self.path[0]
        position = 0
        for line in self.content.splitlines(keepends=True) if self.content else ():
            following = position + len(line)
            if (found := self.delimiter(line)) is not None:
                self.at_delimiter(found, line, position, following)
            elif self.in_header and line in {b"\n", b"\r\n"}:
                self.end_header(following)
            position = following
        if self.in_header:
            self.end_header(len(self.content))
            while self.in_header:
                self.end_header(len(self.content))
        self.close(0, len(self.content))
        return root

    def delimiter(self, line: bytes) -> tuple[Read, bytes] | None:
        matching = [entry for entry in self.open if line.startswith(b"--" + entry[1])]
        return max(reversed(matching), key=lambda entry: len(entry[1])) if matching else None

    def at_delimiter(self, found: tuple[Read, bytes], line: bytes, position: int, following: int) -> None:
        if self.in_header:
            self.end_header(position)
            if (again := self.delimiter(line)) is not None:
                found = again
        multipart, boundary = found
        while self.in_header:
            self.end_header(position)
        while self.open[-1] is not found:
            self.open.pop()
        cut = position - (2 if self.content[:position].endswith(b"\r\n") else 1)
        self.close(next(i for i, part in enumerate(self.path) if part is multipart) + 1, cut)
        self.in_header = False
        if line[2 + len(boundary) :].startswith(b"--"):
            self.open.pop()
        else:
            child = Read(following)
            multipart.children.append(child)
            self.path.append(child)
            self.in_header = True

    def end_header(self, body: int) -> None:
        part = self.path[-1]
        part.body = body
        header = self.content[part.start : body]
        multipart = re.match(
            rb"(?:[^\r\n]+\r?\n)*?Content-Type: (?:multipart/mixed; boundary=([^\r\n]*)|message/)", header
        )
        self.in_header = False
        if multipart is None:
            return
        if multipart[1] is not None:
            self.open.append((part, multipart[1]))
        else:
            inner = Read(body)
            part.children.append(inner)
            self.path.append(inner)
            self.in_header = True

    def close(self, depth: int, end: int) -> None:
        for part in self.path[depth:]:
            part.body = min(part.body, max(end, part.start))
            part.end = max(end, part.body)
        del self.path[depth:]


def shape(part: Read) -> object:
    return part.start, part.body, part.end, [shape(child) for child in part.children]


def part_shape(part: Part) -> object:
    return part.header_start, part.body_start, part.body_end, [part_shape(child) for child in part.children]


PREFIX_OF_A_LATER_BOUNDARY = b"".join(
    b"--%b\r\n" % delimiter
    + (b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n" % opened if opened else b"\r\n\r\n")
    for delimiter, opened in [
        (b"", b"a"),
        (b"a", b"b"),
        (b"b", b"c"),
        (b"c", b"ab"),
        (b"ab", b""),
        (b"b", b""),
        (b"a", b""),
    ]
)
"""A line that could be the outermost delimiter is one of a multipart opened later; the middle one's comes after it."""


@given(MESSAGES)
@example(PREFIX_OF_A_LATER_BOUNDARY)
@settings(max_examples=500, deadline=None)
def test_parts_are_those_of_a_reader_by_lines(content: bytes) -> None:
    assert part_shape(PartTable.decode(render(content).parts).root) == shape(LineReader(content).read())
