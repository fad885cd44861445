"""SCRAM-SHA-256 gives the octets of RFC 7677 and refuses what is not of its grammar."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.accounts.app_passwords import scram_keys
from mailgate.accounts.scram import ScramMalformed, ScramServer, parse_client_first

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
SERVER_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
FINAL = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
KEYS = scram_keys("pencil", SALT, 4096)
OTHER = scram_keys("pencils", SALT, 4096)


def server() -> ScramServer:
    return ScramServer(parse_client_first(FIRST), SALT, 4096, SERVER_NONCE)


def test_the_example_of_rfc_7677() -> None:
    exchange = server()
    assert exchange.server_first == (
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    assert exchange.verify(FINAL, [KEYS]) == (0, b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


def test_the_proof_is_tried_against_every_password_of_the_account() -> None:
    found = server().verify(FINAL, [OTHER, KEYS, OTHER])
    assert found is not None
    assert found[0] == 1


def test_a_proof_of_another_password_fits_none() -> None:
    assert server().verify(FINAL, [OTHER]) is None
    assert server().verify(FINAL, []) is None


def test_every_exchange_has_its_own_nonce() -> None:
    first = parse_client_first(FIRST)
    assert ScramServer(first, SALT, 4096).server_first != ScramServer(first, SALT, 4096).server_first


def test_names_are_unescaped() -> None:
    first = parse_client_first(b"y,a=a=2Cb,n=a=3Db,r=abc,x=an extension")
    assert (first.authzid, first.username) == ("a,b", "a=b")
    assert first.bare == b"n=a=3Db,r=abc,x=an extension"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"n",
        b"n,,",
        b"x,,n=user,r=abc",
        b"n,,n=user",
        b"n,,n=,r=abc",
        b"n,,n=user,r=",
        b"n,,r=abc,n=user",
        b"n,,m=must,n=user,r=abc",
        b"n,,n=us=er,r=abc",
        b"n,,n=us=2cer,r=abc",
        b"n,,n=\xff,r=abc",
        b"n,,n=us\0er,r=abc",
        b"n,,n=user,r=ab\xc3\xa9",
        b"n,b=x,n=user,r=abc",
        b"p=tls-exporter,,n=user,r=abc",
        b"n,,n=user,r=" + b"a" * 5000,
    ],
)
def test_a_first_message_outside_the_grammar_is_refused(message: bytes) -> None:
    with pytest.raises(ScramMalformed):
        parse_client_first(message)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        FINAL.replace(b"c=biws", b"c=eSws"),
        FINAL.replace(b"c=biws", b"c=biw"),
        FINAL.replace(b"k0,p", b"k1,p"),
        FINAL.replace(b"VQ=", b"VQ"),
        FINAL.partition(b",p=")[0],
        FINAL.partition(b",p=")[0] + b",p=AAAA",
        FINAL + b",x=after the proof",
        FINAL + b"\n",
        b"c=biws,r=" + b"a" * 5000 + b",p=AAAA",
    ],
)
def test_a_final_message_that_does_not_belong_is_refused(message: bytes) -> None:
    with pytest.raises(ScramMalformed):
        server().verify(message, [KEYS])


_PIECES = [b"n", b"y", b"p", b",", b"=", b"a=", b"n=", b"r=", b"c=", b"p=", b"2C", b"x", b"biws"]


@given(st.binary(max_size=200) | st.lists(st.sampled_from(_PIECES)).map(b"".join))
def test_hostile_octets_raise_nothing_else(message: bytes) -> None:
    for attempt in (lambda: parse_client_first(message), lambda: server().verify(message, [KEYS])):
        with contextlib.suppress(ScramMalformed):
            attempt()
