"""SASL exchanges as a client of its own makes them, and their errors as each protocol says them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from typing import cast

import pytest

import imap.backend
import smtp.handler
from imap.errors import AuthenticationFailed, BadCommand, ServiceUnavailable
from mailgate.accounts import Accounts, Identity, SignInMalformed, SignInRefused
from mailgate.accounts.app_passwords import generate
from mailgate.accounts.imap_sign_in import ImapSignIn
from mailgate.accounts.sasl import MECHANISMS, SignIn, begin
from mailgate.accounts.smtp_sign_in import SmtpSignIn
from mailgate.accounts.throttle import PAIR
from smtp.handler import Sender, SmtpError
from tests.accounts.conftest import ALICE, BOB, CAROL, NOBODY, PEER


class ScramClient:
    """RFC 5802 from the client's side, written without a look at the server."""

    def __init__(self, username: str, password: str, header: str = "n,,") -> None:
        self.header = header
        self.nonce = base64.b64encode(os.urandom(18)).decode()
        self.first_bare = f"n={username.replace('=', '=3D').replace(',', '=2C')},r={self.nonce}"
        self.password = password.encode()
        self.salt = b""

    def first(self) -> bytes:
        return (self.header + self.first_bare).encode()

    def final(self, server_first: bytes) -> bytes:
        fields = dict(field.split("=", 1) for field in server_first.decode().split(","))
        assert fields["r"].startswith(self.nonce)
        assert len(fields["r"]) > len(self.nonce)
        self.salt = base64.b64decode(fields["s"])
        self.salted = hashlib.pbkdf2_hmac("sha256", self.password, self.salt, int(fields["i"]))
        client_key = hmac.new(self.salted, b"Client Key", "sha256").digest()
        binding = base64.b64encode(self.header.encode()).decode()
        without_proof = f"c={binding},r={fields['r']}"
        self.auth_message = f"{self.first_bare},{server_first.decode()},{without_proof}".encode()
        signature = hmac.new(hashlib.sha256(client_key).digest(), self.auth_message, "sha256").digest()
        number = int.from_bytes(client_key, "big") ^ int.from_bytes(signature, "big")
        return f"{without_proof},p={base64.b64encode(number.to_bytes(32, 'big')).decode()}".encode()

    def accept(self, server_final: bytes) -> None:
        server_key = hmac.new(self.salted, b"Server Key", "sha256").digest()
        signature = hmac.new(server_key, self.auth_message, "sha256").digest()
        assert server_final == b"v=" + base64.b64encode(signature)


async def scram(exchange: SignIn, client: ScramClient) -> Identity:
    server_first = await exchange.step(client.first())
    assert server_first is not None
    server_final = await exchange.step(client.final(server_first))
    assert server_final is not None
    client.accept(server_final)
    assert exchange.identity is None
    assert await exchange.step(b"") is None
    assert exchange.identity is not None
    return exchange.identity


def plain(username: str, password: str, authzid: str = "") -> bytes:
    return f"{authzid}\0{username}\0{password}".encode()


@pytest.fixture
async def made(accounts: Accounts, people: dict[str, int]) -> str:
    return await accounts.create_app_password(people[ALICE], "Phone")


@pytest.mark.parametrize("authzid", ["", ALICE, ALICE.upper()])
async def test_plain(accounts: Accounts, people: dict[str, int], made: str, authzid: str) -> None:
    exchange = begin(accounts, "PLAIN", PEER)
    assert await exchange.step(plain(ALICE, made, authzid)) is None
    assert exchange.identity == Identity(people[ALICE], ALICE)


async def test_plain_without_an_initial_response(accounts: Accounts, made: str) -> None:
    exchange = begin(accounts, "PLAIN", PEER)
    assert await exchange.step(None) == b""
    assert await exchange.step(plain(ALICE, made)) is None
    assert exchange.identity is not None


@pytest.mark.parametrize("initial", [True, False])
async def test_login(accounts: Accounts, people: dict[str, int], made: str, initial: bool) -> None:  # noqa: FBT001
    exchange = begin(accounts, "LOGIN", PEER)
    if not initial:
        assert await exchange.step(None) == b"Username:"
    assert await exchange.step(ALICE.encode()) == b"Password:"
    assert await exchange.step(made.encode()) is None
    assert exchange.identity == Identity(people[ALICE], ALICE)


@pytest.mark.parametrize("header", ["n,,", "y,,", f"n,a={ALICE},"])
async def test_scram(accounts: Accounts, people: dict[str, int], made: str, header: str) -> None:
    found = await scram(begin(accounts, "SCRAM-SHA-256", PEER), ScramClient(ALICE, made, header))
    assert found == Identity(people[ALICE], ALICE)
    assert (await accounts.list_app_passwords(people[ALICE]))[0].last_used_at is not None


async def test_scram_with_each_of_several_app_passwords(accounts: Accounts, people: dict[str, int], made: str) -> None:
    second = await accounts.create_app_password(people[ALICE], "Laptop")
    for password in (made, second):
        await scram(begin(accounts, "SCRAM-SHA-256", PEER), ScramClient(ALICE, password))
    await accounts.revoke_app_password(people[ALICE], 1)
    await scram(begin(accounts, "SCRAM-SHA-256", PEER), ScramClient(ALICE, second))
    with pytest.raises(SignInRefused):
        await scram(begin(accounts, "SCRAM-SHA-256", PEER), ScramClient(ALICE, made))


@pytest.mark.parametrize("username", [ALICE, BOB, CAROL, NOBODY])
async def test_scram_goes_the_same_way_for_every_name(
    accounts: Accounts, people: dict[str, int], made: str, username: str
) -> None:
    await accounts.create_app_password(people[CAROL], "Phone")
    salts = set()
    for _ in range(2):
        exchange, client = begin(accounts, "SCRAM-SHA-256", PEER), ScramClient(username, generate())
        server_first = await exchange.step(client.first())
        assert server_first is not None
        with pytest.raises(SignInRefused):
            await exchange.step(client.final(server_first))
        salts.add(client.salt)
        assert len(client.salt) == 16
    assert len(salts) == 1


async def test_scram_of_a_suspended_account_is_refused_with_the_right_password(
    accounts: Accounts, people: dict[str, int]
) -> None:
    password = await accounts.create_app_password(people[CAROL], "Phone")
    with pytest.raises(SignInRefused):
        await scram(begin(accounts, "SCRAM-SHA-256", PEER), ScramClient(CAROL, password))


async def test_nobody_acts_for_another(accounts: Accounts, made: str) -> None:
    with pytest.raises(SignInRefused, match="on behalf"):
        await begin(accounts, "PLAIN", PEER).step(plain(ALICE, made, BOB))
    with pytest.raises(SignInRefused, match="on behalf"):
        await begin(accounts, "SCRAM-SHA-256", PEER).step(ScramClient(ALICE, made, f"n,a={BOB},").first())


@pytest.mark.parametrize(
    ("mechanism", "responses"),
    [
        ("PLAIN", [b""]),
        ("PLAIN", [b"no separators"]),
        ("PLAIN", [b"\0user"]),
        ("PLAIN", [b"\0\0password"]),
        ("PLAIN", [b"\0user\0"]),
        ("PLAIN", [b"a\0b\0c\0d"]),
        ("PLAIN", [b"\0user\0\xff"]),
        ("PLAIN", [b"\0user\0" + b"x" * 5000]),
        ("PLAIN", [None, None]),
        ("LOGIN", [b"\xff"]),
        ("LOGIN", [b"user", b"\xff"]),
        ("LOGIN", [b"user", None]),
        ("SCRAM-SHA-256", [b""]),
        ("SCRAM-SHA-256", [b"p=tls-unique,,n=user,r=abc"]),
        ("SCRAM-SHA-256", [b"n,,n=user,r=abc", b"c=biws,r=abc,p=AAAA"]),
    ],
)
async def test_what_is_not_of_the_grammar(accounts: Accounts, mechanism: str, responses: list[bytes | None]) -> None:
    exchange = begin(accounts, mechanism, PEER)
    for response in responses[:-1]:
        await exchange.step(response)
    with pytest.raises(SignInMalformed):
        await exchange.step(responses[-1])
    with pytest.raises(SignInMalformed):
        await exchange.step(b"once more")


async def test_a_scram_client_must_end_with_an_empty_response(accounts: Accounts, made: str) -> None:
    exchange, client = begin(accounts, "SCRAM-SHA-256", PEER), ScramClient(ALICE, made)
    server_first = await exchange.step(client.first())
    assert server_first is not None
    await exchange.step(client.final(server_first))
    with pytest.raises(SignInMalformed):
        await exchange.step(b"more")
    assert exchange.identity is None


class Opened:
    """Stands for the mailboxes of an account, which are not looked at here."""

    def __init__(self, account_id: int, username: str) -> None:
        self.account_id = account_id
        self.username = username


def open_account(account_id: int, username: str) -> imap.backend.Account:
    return cast("imap.backend.Account", Opened(account_id, username))


async def test_imap_gets_an_open_account_or_an_error_of_its_own(
    accounts: Accounts, people: dict[str, int], made: str
) -> None:
    sign_in, peer = ImapSignIn(accounts, open_account), imap.backend.Peer(PEER, 50000, tls=True)
    assert sign_in.mechanisms() == MECHANISMS
    assert (await sign_in.login(ALICE, made, peer)).account_id == people[ALICE]
    exchange = sign_in.sasl("PLAIN", peer)
    assert await exchange.step(plain(ALICE, made)) is None
    assert exchange.account is not None
    assert (exchange.account.account_id, exchange.account.username) == (people[ALICE], ALICE)
    with pytest.raises(AuthenticationFailed):
        await sign_in.sasl("PLAIN", peer).step(plain(ALICE, generate()))
    with pytest.raises(BadCommand):
        await sign_in.sasl("PLAIN", peer).step(b"malformed")
    for number in range(PAIR.free):
        with pytest.raises(AuthenticationFailed):
            await sign_in.login(NOBODY, f"wrong password {number}", peer)
    with pytest.raises(ServiceUnavailable):
        await sign_in.login(NOBODY, "wrong password", peer)


async def test_smtp_gets_a_sender_or_a_reply(accounts: Accounts, people: dict[str, int], made: str) -> None:
    sign_in, peer = SmtpSignIn(accounts), smtp.handler.Peer(PEER, 50000, "TLSv1.3")
    assert sign_in.mechanisms() == MECHANISMS
    exchange = sign_in.sasl("PLAIN", peer)
    assert await exchange.step(plain(ALICE, made)) is None
    assert exchange.sender == Sender(people[ALICE], ALICE)

    async def reply(response: bytes) -> tuple[int, str]:
        with pytest.raises(SmtpError) as caught:
            await sign_in.sasl("PLAIN", peer).step(response)
        return caught.value.code, caught.value.status

    assert await reply(plain(ALICE, generate())) == (535, "5.7.8")
    assert await reply(b"malformed") == (501, "5.5.2")
    for number in range(PAIR.free):
        assert await reply(plain(NOBODY, f"wrong password {number}")) == (535, "5.7.8")
    assert await reply(plain(NOBODY, "wrong password")) == (454, "4.7.0")
