"""Signatures of others: what holds, what does not, and what a stranger may not make us do."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import threading
import time
from collections.abc import Iterator
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from smtp.authentication.arc import Status, Validator
from smtp.authentication.canonical import canonical, hash_body, relaxed_field
from smtp.authentication.dkim import Limits, Result, Verified, Verifier
from smtp.authentication.public_keys import NoKey, parse_key
from smtp.authentication.signing import SigningKey, sign
from smtp.authentication.tags import parse_tags
from smtp.header import read_fields
from smtp.resolver import Resolver
from tests.smtp_authentication.zone import KEYS, RECORDS, RSA, Zone, by_dkimpy, dkimpy_accepts, public, split
from tests.support.nameserver import BROKEN, SILENT, NameServer, txt

NOW: Final = int(time.time())
MESSAGE: Final = b"From: a@ecole.example\r\nTo: b@dehors.example\r\nSubject: Sortie\r\n\r\nBonjour\r\n"
NAME: Final = "r1._domainkey.ecole.example"
P: Final = public(RSA)


async def verify(message: bytes, records: dict[str, str | None] | None = None, now: int = NOW) -> list[Verified]:
    header, body = split(message)
    return await Verifier(Zone(RECORDS if records is None else records)).verify(
        read_fields(header), lambda: [body], now
    )


async def outcome(message: bytes, records: dict[str, str | None] | None = None) -> tuple[Result, str]:
    [one] = await verify(message, records)
    return one.result, one.reason


def resigned(tags: bytes, message: bytes = MESSAGE, key: SigningKey = KEYS[0]) -> bytes:
    """A message with these tags in its signature beside or in place of ours, which holds but for them."""
    header, body = split(message)
    base = {b"v": b"1", b"a": b"rsa-sha256", b"c": b"relaxed/relaxed", b"d": b"ecole.example", b"s": b"r1"}
    body_hash, _ = hash_body([body], {True})[True]
    base |= {b"h": b"from:to:subject", b"bh": base64.b64encode(body_hash)} | parse_tags(tags)
    text = b"; ".join(name + b"=" + value for name, value in base.items() if value != b"-") + b"; b="
    fields = read_fields(header)
    data = b"".join(
        canonical(one, relaxed=True) for name in (b"from", b"to", b"subject") for one in fields if one.name == name
    )
    value = key.sign(data + relaxed_field(b"dkim-signature", b" " + text).removesuffix(b"\r\n"))
    return b"DKIM-Signature: " + text + base64.b64encode(value) + b"\r\n" + message


@pytest.mark.parametrize("canonicalize", [(h, b) for h in (b"simple", b"relaxed") for b in (b"simple", b"relaxed")])
@pytest.mark.parametrize("ed25519", [False, True])
@pytest.mark.parametrize("body", [b"Bonjour \t x\r\n\r\n", b"", b"\r\n\r\n", b" lead\r\n"])
async def test_what_dkimpy_signs_holds(canonicalize: tuple[bytes, bytes], ed25519: bool, body: bytes) -> None:  # noqa: FBT001
    message = by_dkimpy(MESSAGE.replace(b"Bonjour\r\n", body), ed25519=ed25519, canonicalize=canonicalize)
    [one] = await verify(message)
    assert one.result is Result.PASS, one.reason
    assert (one.domain, one.identity) == ("ecole.example", "@ecole.example")
    [one] = await verify(message + b"x\r\n")
    assert (one.result, one.reason) == (Result.FAIL, "the body was changed")
    [one] = await verify(message.replace(b"Sortie", b"sortie"))
    assert (one.result, one.reason) == (Result.FAIL, "the signature does not hold")


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from([b"simple", b"relaxed"]),
    st.sampled_from([b"simple", b"relaxed"]),
    st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b"\xc3\xa9", b"=", b"word"])).map(b"".join),
    st.lists(st.sampled_from([b" ", b"\t", b"\r\n ", b"a", b":", b";", b"b=", b"word"])).map(b"".join),
    st.sampled_from([(b"", b""), (b"a", b"b"), (b" ", b"  "), (b"\r\n", b"\r\n\r\n"), (b"word", b"")]),
)
def test_we_and_dkimpy_are_of_one_mind(
    header: bytes, body: bytes, text: bytes, subject: bytes, change: tuple[bytes, bytes]
) -> None:
    message = MESSAGE.replace(b"Bonjour\r\n", text + b"\r\n").replace(b"Sortie", b"x" + subject)
    signed = by_dkimpy(message, canonicalize=(header, body))
    signature = signed[: len(signed) - len(message)]
    for one in (message, message.replace(*change)):
        [found] = asyncio.run(verify(signature + one))
        assert (found.result is Result.PASS) == dkimpy_accepts(signature + one)


async def test_no_signature() -> None:
    assert await verify(MESSAGE) == []


async def test_every_signature_is_looked_at() -> None:
    """Not the first one alone: a list's own above the author's, a broken one above a good one."""
    other = by_dkimpy(MESSAGE)
    forged = re.sub(rb"bh=[^;]*", b"bh=" + b"A" * 43 + b"=", other[: len(other) - len(MESSAGE)])
    found = await verify(forged + b"DKIM-Signature: nonsense\r\n" + other)
    assert [one.result for one in found] == [Result.FAIL, Result.PERMERROR, Result.PASS]


async def test_no_more_than_ten_are_looked_at() -> None:
    zone = Zone(RECORDS)
    one = by_dkimpy(MESSAGE)
    header, body = split(one[: len(one) - len(MESSAGE)] * 100 + MESSAGE)
    found = await Verifier(zone).verify(read_fields(header), lambda: [body], NOW)
    assert len(found) == len(zone.asked) == 10


@pytest.mark.parametrize(
    ("tags", "result", "reason"),
    [
        (b"", Result.PASS, ""),
        (b"xnew=1", Result.PASS, ""),
        (b"i=prof@ecole.example", Result.PASS, ""),
        (b"i=@6a.ecole.example", Result.PASS, ""),
        (b"q=dns/txt", Result.PASS, ""),
        (b"q=http : dns/txt", Result.PASS, ""),
        (b"t=1", Result.PASS, ""),
        (b"t=1; x=99999999999", Result.PASS, ""),
        (b"l=9", Result.PASS, ""),
        (b"d=ECOLE.example", Result.PASS, ""),
        (b"l=8", Result.POLICY, "it leaves the end of the body open"),
        (b"l=0", Result.POLICY, "it leaves the end of the body open"),
        (b"l=10", Result.PERMERROR, "it covers more than there is"),
        (b"l=-1", Result.PERMERROR, "its length is no number"),
        (b"l=1" + b"0" * 80, Result.PERMERROR, "its length is no number"),
        (b"a=rsa-sha1", Result.PERMERROR, "its algorithm is not taken"),
        (b"a=rsa-md5", Result.PERMERROR, "its algorithm is not taken"),
        (b"a=ed25519-sha256", Result.PERMERROR, "the key is of another kind than the signature"),
        (b"a=", Result.PERMERROR, "its algorithm is not taken"),
        (b"d=", Result.PERMERROR, "its domain is none"),
        (b"d=example", Result.PERMERROR, "its domain is none"),
        (b"d=a..example", Result.PERMERROR, "its domain is none"),
        (b"d=ecole.example.", Result.PERMERROR, "its domain is none"),
        (b"d=ecole example.org", Result.PERMERROR, "its domain is none"),
        (b"d=" + b"a." * 150 + b"example", Result.PERMERROR, "its domain is none"),
        (b"d=" + b"a" * 64 + b".example", Result.PERMERROR, "no key"),
        (b"s=", Result.PERMERROR, "its selector is none"),
        (b"s=a..b", Result.PERMERROR, "its selector is none"),
        (b"s=.", Result.PERMERROR, "its selector is none"),
        (b"v=2", Result.PERMERROR, "its version is unknown"),
        (b"v=-", Result.PERMERROR, "it has no v="),
        (b"h=-", Result.PERMERROR, "it has no h="),
        (b"h=to:subject", Result.PERMERROR, "it does not cover From"),
        (b"h=", Result.PERMERROR, "it does not cover From"),
        (b"bh=?", Result.PERMERROR, "its bh= is not base64"),
        (b"bh=", Result.PERMERROR, "its bh= is not base64"),
        (b"bh=AAAA", Result.FAIL, "the body was changed"),
        (b"c=nofws", Result.PERMERROR, "its canonicalization is unknown"),
        (b"c=relaxed/nofws", Result.PERMERROR, "its canonicalization is unknown"),
        (b"c=", Result.PERMERROR, "its canonicalization is unknown"),
        (b"c=relaxed", Result.PASS, ""),
        (b"q=dns/any", Result.PERMERROR, "its key is not in the DNS"),
        (b"i=@example", Result.PERMERROR, "its identity is not of its domain"),
        (b"i=@mallory-ecole.example", Result.PERMERROR, "its identity is not of its domain"),
        (b"i=ecole.example", Result.PERMERROR, "its identity is not of its domain"),
        (b"t=99999999999", Result.PERMERROR, "it is of the future"),
        (b"t=soon", Result.PERMERROR, "its t= is no number"),
        (b"t=1; x=1", Result.PERMERROR, "it ends before it begins"),
        (b"x=1000", Result.PERMERROR, "it has expired"),
        (b"x=never", Result.PERMERROR, "its x= is no number"),
    ],
)  # fmt: skip
async def test_tags(tags: bytes, result: Result, reason: str) -> None:
    assert await outcome(resigned(tags)) == (result, reason)


@pytest.mark.parametrize(
    "value",
    [
        b"", b" ", b";", b"v=1", b"v=1; v=1", b"v", b"=1", b"v=1;;a=x", b"1v=x", b"v=\x01", b"\xff", b"b=", b" v = 1 ;",
        b"v=1; a=rsa-sha256; b=; bh=; d=; h=; s=", b"x" * 20_000, b"v=1; " + b"h=from:" * 5_000,
    ],
)  # fmt: skip
async def test_nonsense_is_a_permanent_error(value: bytes) -> None:
    found = await verify(b"DKIM-Signature: " + value + b"\r\n" + MESSAGE)
    assert [one.result for one in found] == [Result.PERMERROR]
    assert found[0].domain == ""


PIECES = st.lists(
    st.sampled_from([b"v=1", b"a=rsa-sha256", b"b=AAAA", b"bh=AAAA", b"c=relaxed", b"d=e.example", b"h=from", b"s=s",
                     b"i=@e.example", b"l=0", b"t=1", b"x=9", b"q=dns/txt", b"k=rsa", b"p=AAAA", b"cv=none", b"i=1"])
    | st.binary(max_size=12)
).map(b"; ".join)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(PIECES)
def test_any_signature_and_any_key_are_judged(text: bytes) -> None:
    value = re.sub(rb"[\r\n\0]+", b"\r\n ", text)
    for name in (b"DKIM-Signature", b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results"):
        message = name + b": " + value + b"\r\n" + MESSAGE
        header, body = split(message)
        found = asyncio.run(verify(message))
        assert all(one.result is not Result.PASS for one in found)
        chain = asyncio.run(Validator(Zone(RECORDS)).validate(read_fields(header), lambda: [body]))  # noqa: B023
        assert chain.status is not Status.PASS
    with contextlib.suppress(NoKey):
        parse_key(text)


@pytest.mark.parametrize(
    ("record", "result", "reason"),
    [
        (f"v=DKIM1; k=rsa; p={P}", Result.PASS, ""),
        (f"p={P}", Result.PASS, ""),
        (f"v=DKIM1; h=sha1 : sha256; s=other : email; t=s:x; n=hello; p={P};", Result.PASS, ""),
        (f"v=DKIM1; h=sha1; p={P}", Result.PERMERROR, "the key is not for SHA-256"),
        (f"v=DKIM1; s=web; p={P}", Result.PERMERROR, "the key is not for mail"),
        (f"v=DKIM1; t=y; p={P}", Result.POLICY, "its domain only tries DKIM out"),
        ("v=DKIM1; p=", Result.PERMERROR, "the key was revoked"),
        (f"v=DKIM2; p={P}", Result.PERMERROR, "the record of the key has another version"),
        (f"k=rsa; v=DKIM1; p={P}", Result.PERMERROR, "the record of the key has another version"),
        (f"v=DKIM1; k=dsa; p={P}", Result.PERMERROR, "the key is of an unknown kind"),
        (f"v=DKIM1; k=ed25519; p={P}", Result.PERMERROR, "the key cannot be read"),
        ("v=DKIM1; p=####", Result.PERMERROR, "the key cannot be read"),
        ("v=DKIM1; p=AAAA", Result.PERMERROR, "the key cannot be read"),
        ("v=DKIM1", Result.PERMERROR, "the record of the key is malformed"),
        ("v=spf1 -all", Result.PERMERROR, "the record of the key has another version"),
        ("v=DKIM1; n=" + "x" * 5_000, Result.PERMERROR, "the record of the key is too long"),
        ("", Result.PERMERROR, "no key"),
        (None, Result.TEMPERROR, "no name server answers for the key"),
    ],
)
async def test_keys(record: str | None, result: Result, reason: str) -> None:
    assert await outcome(by_dkimpy(MESSAGE), {NAME: record}) == (result, reason)


async def test_a_strict_key_is_for_its_very_domain() -> None:
    records: dict[str, str | None] = {NAME: f"v=DKIM1; t=s; p={P}"}
    assert (await outcome(resigned(b"i=a@ecole.example"), records))[0] is Result.PASS
    assert (await outcome(resigned(b"i=a@6a.ecole.example"), records))[0] is Result.PERMERROR


async def test_a_key_as_rfc_6376_has_it_is_read_too() -> None:
    """Some publish the RSAPublicKey itself (section 3.6.1), not a SubjectPublicKeyInfo."""
    bare = base64.b64encode(RSA.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)).decode()
    assert (await outcome(by_dkimpy(MESSAGE), {NAME: f"p={bare}"}))[0] is Result.PASS


async def test_a_key_of_1024_bits_counts_and_a_smaller_one_does_not() -> None:
    small = generate_private_key(65537, 1_024)  # noqa: S505
    records: dict[str, str | None] = {NAME: f"p={public(small)}"}
    [one] = await verify(resigned(b"", key=SigningKey("ecole.example", "r1", small)), records)
    assert (one.result, one.bits) == (Result.PASS, 1_024)
    tiny = (  # 512 bits: no library makes one any more
        "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALVYFIIsCxlzKIFGqCdwlZHw5iw5CkWLLLDWfZ7G9bKWdPYMUl0uXyZ2hj5b8B+5pGg5HSzWGDqI"
        "mHIUe9rO0ocCAwEAAQ=="
    )
    assert (await outcome(by_dkimpy(MESSAGE), {NAME: f"p={tiny}"}))[0] is Result.PERMERROR


async def test_a_second_from_is_not_covered_by_a_signature_of_one() -> None:
    signed = by_dkimpy(MESSAGE, include_headers=[b"from", b"to"])
    assert (await outcome(signed))[0] is Result.PASS
    for changed in (b"From: m@evil.example\r\n" + signed, signed.replace(b"To:", b"From: m@evil.example\r\nTo:")):
        assert await outcome(changed) == (Result.PERMERROR, "it does not cover From")


async def test_what_holds_many_line_ends_costs_no_time() -> None:
    """dkimpy's expression for b= needs minutes for this."""
    evil = b"DKIM-Signature: v=1; a=rsa-sha256; d=e.example; s=s; h=from; bh=AAAA; b=A" + b"\r\n " * 80_000 + b";x\r\n"
    begun = time.process_time()
    assert (await outcome(evil + MESSAGE))[0] is Result.PERMERROR
    names = b":".join(b"x%d" % at for at in range(2_000))
    crowd = b"".join(b"y%d: z\r\n" % at for at in range(20_000))
    many = b"DKIM-Signature: v=1; a=rsa-sha256; d=ecole.example; s=r1; bh=AAAA; b=AAAA; h=from:" + names + b"\r\n"
    await verify(many * 10 + crowd + MESSAGE)
    assert time.process_time() - begun < 20


async def test_the_body_is_read_once_off_the_event_loop_and_in_pieces() -> None:
    here = threading.get_ident()
    seen: list[int] = []

    def body() -> Iterator[bytes]:
        for _ in range(100):
            seen.append(threading.get_ident())
            yield b"a  b\r\n" * 40_000

    body_hash, _ = hash_body(body(), {True})[True]
    seen.clear()
    header, _ = split(MESSAGE)
    signed = sign(header, body_hash, KEYS, NOW) + header
    found = await Verifier(Zone(RECORDS)).verify(read_fields(signed), body, NOW)
    assert [one.result for one in found] == [Result.PASS, Result.PASS]
    assert len(seen) == 100
    assert here not in seen


async def test_a_real_name_server() -> None:
    records: dict[str, list[str] | str] = {
        f"{NAME} TXT": [txt("v=spf1 -all"), txt(RECORDS[NAME])],
        "e1._domainkey.ecole.example TXT": BROKEN,
        "late._domainkey.ecole.example TXT": SILENT,
    }
    header, body = split(
        sign(split(MESSAGE)[0], hash_body([b"Bonjour\r\n"], {True})[True][0], KEYS, NOW) + resigned(b"s=late")
    )
    async with NameServer(records) as server:
        resolver = Resolver([("127.0.0.1", server.port)], timeout=0.5)
        found = await Verifier(resolver, Limits(seconds=5)).verify(read_fields(header), lambda: [body], NOW)
        assert [one.result for one in found] == [Result.PASS, Result.TEMPERROR, Result.TEMPERROR]
        # Who keeps a key back leaves the others as they are, however long the resolver waits.
        patient = Resolver([("127.0.0.1", server.port)], timeout=9.0)
        found = await Verifier(patient, Limits(seconds=1)).verify(read_fields(header), lambda: [body], NOW)
        assert [one.result for one in found] == [Result.PASS, Result.TEMPERROR, Result.TEMPERROR]
        said = "no name server answers for the key"
        assert [one.reason for one in found[1:]] == [said, f"{said} in time"]
