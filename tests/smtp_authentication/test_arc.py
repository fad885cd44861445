"""Chains of others, by the suite of the authors of ARC; and our own seals, for us and for dkimpy."""

from __future__ import annotations

import asyncio
import json
import re
import tarfile
import time
from pathlib import Path
from typing import Any, Final

import dkim
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtp.authentication.arc import Chain, Status, Validator, seal
from smtp.authentication.canonical import hash_body
from smtp.authentication.dkim import Result, Verifier
from smtp.authentication.signing import SigningKey, sign
from smtp.header import read_fields
from tests.smtp_authentication.zone import KEYS, RECORDS, RSA, Zone, public, split

NOW: Final = int(time.time())
MESSAGE: Final = b"From: a@ecole.example\r\nTo: b@dehors.example\r\nSubject: Sortie\r\n\r\nBonjour\r\n"
RESULTS: Final = b" mx.ecole.example;\r\n\tspf=pass smtp.mailfrom=dehors.example; arc=none"
OTHER: Final = SigningKey("liste.example", "x", RSA)
ZONE: Final = Zone({**RECORDS, "x._domainkey.liste.example": f"p={public(RSA)}"})


def suite() -> list[Any]:
    with tarfile.open(Path(__file__).parent / "data" / "arc.tar.xz") as archive:
        file = archive.extractfile("validation.json")
        assert file is not None
        documents = json.load(file)
    return [
        pytest.param(document["records"], test["message"], test["status"], id=name)
        for document in documents
        for name, test in document["tests"].items()
    ]


async def validate(message: bytes, zone: Zone = ZONE) -> Chain:
    header, body = split(message)
    return await Validator(zone).validate(read_fields(header), lambda: [body])


def sealed(message: bytes, status: Status = Status.NONE, key: SigningKey = KEYS[0]) -> bytes:
    header, body = split(message)
    return seal(header, hash_body([body], {True})[True][0], RESULTS, status, key, NOW) + message


def dkimpy_says(message: bytes) -> bytes | None:
    def texts(name: bytes, timeout: float = 0) -> bytes:
        return str(ZONE.records[name.decode().rstrip(".")]).encode()

    found: bytes | None = dkim.arc_verify(message, dnsfunc=texts)[0]
    return found


@pytest.mark.parametrize(("records", "message", "status"), suite())
async def test_the_suite(records: dict[str, str], message: str, status: str) -> None:
    zone = Zone({name: text.strip() for name, text in records.items()})
    assert (await validate(message.replace("\n", "\r\n").encode(), zone)).status == status


async def test_a_first_seal() -> None:
    message = sealed(MESSAGE)
    chain = await validate(message)
    assert chain == Chain(
        Status.PASS, "", (("ecole.example", "r1"),),
        (b"mx.ecole.example;\r\n\tspf=pass smtp.mailfrom=dehors.example; arc=none",), 0,
    )  # fmt: skip
    assert dkimpy_says(message) == b"pass"
    assert all(len(line) <= 78 for line in message.split(b"\r\n"))


async def test_a_chain_of_several() -> None:
    message = sealed(MESSAGE, key=OTHER)
    changed = message.replace(b"Subject: ", b"Subject: [6A] ")
    assert (await validate(changed)).status is Status.FAIL
    again = sealed(sealed(changed, Status.PASS), Status.PASS, OTHER)
    chain = await validate(again)
    assert chain.status is Status.PASS
    assert [domain for domain, _ in chain.sealers] == ["liste.example", "ecole.example", "liste.example"]
    assert chain.oldest_pass == 2
    assert dkimpy_says(again) == b"pass"


@pytest.mark.parametrize("old", [b"spf=pass", b"i=1;", b"Bonjour", b"Sortie", b"cv=none", b"d=ecole.example"])
async def test_what_is_changed_breaks_the_chain(old: bytes) -> None:
    message = sealed(MESSAGE)
    assert old in message
    assert (await validate(message.replace(old, old[::-1], 1))).status is Status.FAIL


@pytest.mark.parametrize("field", [b"ARC-Seal", b"ARC-Message-Signature"])
@pytest.mark.parametrize("tag", [b"a", b"b", b"d", b"s", b"i"])
async def test_a_tag_without_a_value_breaks_the_chain(field: bytes, tag: bytes) -> None:
    """dkimpy raises an error of its name server's library for an empty d= or s=."""
    before, name, rest = sealed(MESSAGE).partition(field)
    emptied = before + name + re.sub(rb"([ ;\t])%b=[^;]*" % tag, rb"\1%b=" % tag, rest, count=1)
    assert emptied != sealed(MESSAGE)
    assert (await validate(emptied)).status is Status.FAIL


@given(
    st.sampled_from([b"ARC-Seal: ", b"ARC-Message-Signature: ", b"ARC-Authentication-Results: "]),
    st.binary(max_size=80),
)
@example(b"ARC-Seal: ", b"i=1; a=rsa-sha256; cv=none; d=; s=; b=")
def test_any_field_is_judged(name: bytes, value: bytes) -> None:
    line = name + value.replace(b"\r", b" ").replace(b"\n", b" ") + b"\r\n"
    for message in (MESSAGE, sealed(MESSAGE)):
        assert asyncio.run(validate(line + message)).status in Status


async def test_a_broken_chain_is_ended_once() -> None:
    """RFC 8617 section 5.1.2: the seal of a failure covers its own set alone, and nothing is put above it."""
    broken = sealed(MESSAGE).replace(b"Bonjour", b"Bonsoir")
    ended = sealed(broken, Status.FAIL, OTHER)
    assert ended.startswith(b"ARC-Seal: i=2; a=rsa-sha256; cv=fail; d=liste.example;")
    assert (await validate(ended)).status is Status.FAIL
    assert sealed(ended, Status.FAIL) == ended


async def test_a_chain_that_nobody_looked_at_counts_as_broken() -> None:
    assert b"cv=fail" in sealed(sealed(MESSAGE), Status.NONE).split(b"ARC-Message-Signature")[0]


async def test_fifty_sets_are_the_most() -> None:
    message = MESSAGE
    for at in range(50):
        message = sealed(message, Status.PASS if at else Status.NONE)
    assert (await validate(message)).status is Status.PASS
    assert sealed(message, Status.PASS) == message
    assert (await validate(message.replace(b"i=50;", b"i=51;"))).status is Status.FAIL


async def test_a_chain_that_is_made_up_costs_one_look_up() -> None:
    message = MESSAGE
    for at in range(10):
        message = sealed(message, Status.PASS if at else Status.NONE)
    zone = Zone(RECORDS)
    assert (await validate(message.replace(b"Bonjour", b"Bonsoir"), zone)).status is Status.FAIL
    assert zone.asked == ["r1._domainkey.ecole.example"]


async def test_name_servers_that_fail_are_a_failure_for_good() -> None:
    chain = await validate(sealed(MESSAGE), Zone({"r1._domainkey.ecole.example": None}))
    assert (chain.status, chain.reason) == (Status.FAIL, "no name server answers for the key")


async def test_the_seal_covers_our_signatures_and_leaves_them_whole() -> None:
    header, body = split(MESSAGE)
    signed = sign(header, hash_body([body], {True})[True][0], KEYS, NOW) + MESSAGE
    message = sealed(signed)
    assert (await validate(message)).status is Status.PASS
    header, body = split(message)
    found = await Verifier(ZONE).verify(read_fields(header), lambda: [body], NOW)
    assert [one.result for one in found] == [Result.PASS, Result.PASS]
    assert (await validate(message.replace(b"DKIM-Signature: v=1;", b"DKIM-Signature: v=2;", 1))).status is Status.FAIL
