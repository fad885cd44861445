"""What must hold for every rendered message, whatever its octets."""

from __future__ import annotations

from collections.abc import Iterator

from imap.message import LISTING_FIELDS, Content, Part, PartTable, RenderedMessage, filter_header, render
from tests.imap_message.grammar import Value, read_body, read_envelope


def rendered(content: Content) -> RenderedMessage:
    """Render, and check what always holds: valid grammar, parts inside one another, sections where they should be."""
    message = render(content)
    envelope = read_envelope(message.envelope)
    body = read_body(message.body, extension=False)
    structure = read_body(message.bodystructure, extension=True)
    assert message.size == len(content)
    assert without_extension(structure) == body
    for text in (message.envelope, message.body, message.bodystructure):
        assert b"\0" not in text
    table = PartTable.decode(message.parts)
    assert table.section((), None) == (0, message.size)
    assert message.header == content[: table.root.body_start]
    assert message.listing == filter_header(message.header, LISTING_FIELDS)
    assert message.listing.endswith(b"\r\n")
    check_part(table.root, 0, message.size)
    for part in leaves(table.root):
        assert content[part.body_start : part.body_end].count(b"\n") >= 0
    for key in (message.sort.subject, message.sort.from_, message.sort.display_from, message.thread.message_id):
        assert "\0" not in key
        key.encode()
    assert envelope is not None
    return message


def check_part(part: Part, start: int, stop: int) -> None:
    """A part lies inside its parent, its header before its body, its children in order without overlap."""
    waiting = [(part, start, stop)]
    while waiting:
        part, start, stop = waiting.pop()
        assert start <= part.header_start <= part.body_start <= part.body_end <= stop
        position = part.body_start
        for child in part.children:
            assert child.header_start >= position
            position = child.body_end
            waiting.append((child, part.body_start, part.body_end))


def leaves(part: Part) -> Iterator[Part]:
    """The parts without children, in order."""
    waiting = [part]
    while waiting:
        found = waiting.pop()
        waiting.extend(reversed(found.children))
        if not found.children:
            yield found


def without_extension(structure: Value) -> Value:
    """What BODY shows of a BODYSTRUCTURE."""
    assert isinstance(structure, list)
    first = structure[0]
    if isinstance(first, list):
        return [[without_extension(part) for part in first], structure[1]]
    kept = structure[:-4]
    if len(kept) == 10:
        kept[8] = without_extension(kept[8])
    return kept
