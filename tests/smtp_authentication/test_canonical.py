"""Canonicalization: the examples of RFC 6376, and bodies in any pieces."""

from __future__ import annotations

import hashlib
import itertools
import re
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtp.authentication.canonical import BodyHash, canonical, hash_body, relaxed_field, select
from smtp.header import read_fields

ODD = st.lists(
    st.sampled_from([b" ", b"\t", b"\r\n", b"\n", b"\r", b"a", b"=20", b"\r\n\r\n", b"\xe9", b"b" * 70])
).map(b"".join)


def digest(body: bytes, *, relaxed: bool, cuts: tuple[int, ...] = ()) -> tuple[bytes, int]:
    one = BodyHash(relaxed=relaxed)
    edges = [0, *sorted(cuts), len(body)]
    for start, stop in itertools.pairwise(edges):
        one.update(body[start:stop])
    return one.digest(), one.size


def plainly(body: bytes, *, relaxed: bool) -> bytes:
    """RFC 6376 sections 3.4.3 and 3.4.4, word by word."""
    body = re.sub(rb"\r\n|\r|\n", b"\r\n", body)
    if relaxed:
        body = re.sub(rb"[ \t]+(?=\r\n|\Z)", b"", body)
        body = re.sub(rb"[ \t]+", b" ", body)
    body = re.sub(rb"(\r\n)*\Z", b"", body, count=1)
    return body + b"\r\n" if body or not relaxed else body


@pytest.mark.parametrize(
    ("body", "relaxed", "canonical"),
    [
        (b" C \r\nD \t E\r\n\r\n\r\n", True, b" C\r\nD E\r\n"),
        (b" C \r\nD \t E\r\n\r\n\r\n", False, b" C \r\nD \t E\r\n"),
        (b"", True, b""),
        (b"", False, b"\r\n"),
        (b"\r\n\r\n", True, b""),
        (b" \t\r\n \r\n", True, b""),
        (b"no end", True, b"no end\r\n"),
        (b"white end \t", True, b"white end\r\n"),
        (b"\r\n\r\nlate\r\n", True, b"\r\n\r\nlate\r\n"),
        (b"a\nb\rc\r\n", True, b"a\r\nb\r\nc\r\n"),
    ],
)
def test_bodies(body: bytes, relaxed: bool, canonical: bytes) -> None:  # noqa: FBT001
    expected = hashlib.sha256(canonical).digest(), len(canonical)
    assert digest(body, relaxed=relaxed) == expected
    assert digest(body, relaxed=relaxed, cuts=tuple(range(len(body)))) == expected


@settings(deadline=None)
@given(ODD, st.booleans(), st.lists(st.integers(0, 300), max_size=6))
def test_a_body_is_the_same_in_any_pieces(body: bytes, relaxed: bool, cuts: list[int]) -> None:  # noqa: FBT001
    canonical = plainly(body, relaxed=relaxed)
    cut = tuple(min(one, len(body)) for one in cuts)
    assert digest(body, relaxed=relaxed, cuts=cut) == (hashlib.sha256(canonical).digest(), len(canonical))


def test_both_kinds_at_once() -> None:
    assert hash_body([b"a  b", b"\r\n"], {True, False}) == {
        True: (hashlib.sha256(b"a b\r\n").digest(), 5),
        False: (hashlib.sha256(b"a  b\r\n").digest(), 6),
    }


@pytest.mark.parametrize("piece", [b"\r\n", b" \r\n", b"x  "])
def test_a_body_of_25_megabytes_is_never_in_memory(piece: bytes) -> None:
    block = piece * (262_144 // len(piece))
    one = BodyHash(relaxed=True)
    tracemalloc.start()
    for _ in range(96):
        one.update(block)
    one.update(b"end")
    one.digest()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * 2**20


def test_fields() -> None:
    a, b = read_fields(b"A: X\r\nB : Y\t\r\n\tZ  \r\n")
    assert (canonical(a, relaxed=True), canonical(b, relaxed=True)) == (b"a:X\r\n", b"b:Y Z\r\n")
    assert canonical(b, relaxed=False) == b"B : Y\t\r\n\tZ  \r\n"
    assert relaxed_field(b"Subject", b" \t ") == b"subject:\r\n"


def test_instances_are_taken_from_the_bottom_up_and_once() -> None:
    header = read_fields(b"X: 1\r\nY: 2\r\nX: 3\r\n")
    assert [one.value for one in select(header, [b"x", b"none", b"x", b"x", b"y"])] == [b" 3", b" 1", b" 2"]
