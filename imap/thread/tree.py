"""Threads as trees of messages, and the THREAD response (RFC 5256 section 4, BASE.7.2.THREAD)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Threads:
    """Trees of places: places from `messages` on are dummies, which stand for parents that are not there."""

    messages: int
    tops: Sequence[int]
    children: Mapping[int, Sequence[int]]


def thread_response(threads: Threads, numbers: Sequence[int]) -> bytes:
    """The whole response; ``numbers[place]`` is what the client calls the message."""
    lists = b"".join(piece for top in threads.tops for piece in _thread_list(threads, numbers, top))
    return b"* THREAD %b\r\n" % lists if lists else b"* THREAD\r\n"


def _thread_list(threads: Threads, numbers: Sequence[int], top: int) -> Iterable[bytes]:
    """``(2 3 (4)(5))``: a parent and its only child side by side, several children each in parentheses."""
    waiting: list[int | None] = [top]
    while waiting:
        place = waiting.pop()
        if place is None:
            yield b")"
            continue
        space = b"("
        while True:
            if place < threads.messages:
                yield b"%b%d" % (space, numbers[place])
                space = b" "
            children = threads.children.get(place, ())
            if len(children) != 1:
                break
            place = children[0]
        if children:
            yield space
            waiting.append(None)
            waiting += reversed(children)
        else:
            yield b")"
