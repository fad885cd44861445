"""`mailgate dkim` as an administrator uses it, with a name server that shows what was published."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import create_engine, select

from mailgate.cli.context import ExitCode
from mailgate.policy.audit import audit
from mailgate.signing.schema import dkim_key
from tests.cli.command import Command, describe
from tests.support.nameserver import BROKEN, NameServer, txt

DOMAIN = "clg-frederic-mistral.ent.example.org"
Zone = dict[str, list[str] | str]


@contextmanager
def serving(zone: Zone) -> Iterator[int]:
    """A name server in a thread of its own, while the command runs in a process of its own."""
    started, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()
    ports: list[int] = []

    async def serve() -> None:
        async with NameServer(zone, ttl=0) as server:
            ports.append(server.port)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    started.wait()
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.fixture
def zone() -> Zone:
    return {"ent.example.org A": ["192.0.2.1"]}


@pytest.fixture
def dkim(academy: Command, zone: Zone) -> Iterator[Command]:
    with asking(academy, zone):
        yield academy


@pytest.fixture
def dkim_on_either(either: Command, zone: Zone) -> Iterator[Command]:
    with asking(either, zone):
        yield either


@contextmanager
def asking(command: Command, zone: Zone) -> Iterator[None]:
    """The command asks a name server with this zone."""
    with serving(zone) as port:
        dns = describe({"dns": {"servers": [f"127.0.0.1:{port}"], "timeout": 2}})
        command.use(command.config.read_text() + dns)
        yield


def publish(zone: Zone, keys: list[dict[str, Any]]) -> None:
    zone.update({f"{one['name']} TXT": [txt(one["record"])] for one in keys})


def states(dkim: Command) -> list[tuple[str, str]]:
    return [(one["kind"], one["state"]) for one in dkim.good("dkim", "list", DOMAIN, "--json").json]


def test_keys_from_the_first_day_to_the_last(dkim: Command, zone: Zone) -> None:
    made = dkim.good("dkim", "create", DOMAIN, "--json").json
    assert [one["kind"] for one in made] == ["ed25519", "rsa"]
    assert states(dkim) == [("ed25519", "made"), ("rsa", "made")]
    for one in made:
        assert f'{one["name"]}. 3600 IN TXT "v=DKIM1; k={one["kind"]}; p=' in dkim.good("dkim", "show", DOMAIN).out

    refused = dkim.refused(ExitCode.FAILED, "dkim", "rotate", DOMAIN)
    assert all(one["name"] in refused for one in made)
    assert refused.endswith("nothing was changed")
    publish(zone, made[:1])
    assert made[1]["name"] in dkim.refused(ExitCode.FAILED, "dkim", "rotate", DOMAIN)
    looked = dkim("dkim", "check", "--json")
    assert (looked.code, [one["dns"] for one in looked.json]) == (ExitCode.FAILED, ["published", "missing"])
    assert states(dkim) == [("ed25519", "published"), ("rsa", "made")]

    publish(zone, made)
    assert {one["dns"] for one in dkim.good("dkim", "check", DOMAIN, "--json").json} == {"published"}
    assert len(dkim.good("dkim", "rotate", DOMAIN, "--dry-run", "--json").json["begun"]) == 2
    assert states(dkim) == [("ed25519", "published"), ("rsa", "published")]
    assert len(dkim.good("dkim", "rotate", DOMAIN, "--json").json["begun"]) == 2
    assert states(dkim) == [("ed25519", "signing"), ("rsa", "signing")]

    second = dkim.good("dkim", "rotate", DOMAIN, "--json").json["made"]
    assert states(dkim).count(("rsa", "signing")) == states(dkim).count(("rsa", "made")) == 1
    publish(zone, second)
    turn = dkim.good("dkim", "rotate", DOMAIN, "--json").json
    assert {one["selector"] for one in turn["begun"]} == {one["selector"] for one in second}
    assert {one["selector"] for one in turn["retired"]} == {one["selector"] for one in made}
    waits = dkim.good("dkim", "rotate", DOMAIN)
    assert "Nothing to do before" in waits.out
    gone = dkim.good("dkim", "rotate", DOMAIN, "--keep-days", "0")
    assert gone.out.count("take its record out of the DNS") == 2
    assert sorted(states(dkim)) == [("ed25519", "signing"), ("rsa", "signing")]


def test_a_key_that_nobody_sees_signs_only_by_force(dkim: Command, zone: Zone) -> None:
    [one] = dkim.good("dkim", "create", DOMAIN, "--kind", "rsa", "--json").json
    zone[f"{one['name']} TXT"] = [txt("v=DKIM1; p=AAAA")]
    looked = dkim("dkim", "check", "--json")
    assert [found["dns"] for found in looked.json] == ["different"]
    assert one["name"] in dkim.refused(ExitCode.FAILED, "dkim", "rotate", DOMAIN)
    zone[f"{one['name']} TXT"] = BROKEN
    assert [found["dns"] for found in dkim("dkim", "check", "--json").json] == ["unknown"]
    assert one["name"] in dkim.refused(ExitCode.FAILED, "dkim", "rotate", DOMAIN)
    assert states(dkim) == [("rsa", "made")]
    assert "Signs now" in dkim.good("dkim", "rotate", DOMAIN, "--force").out
    assert states(dkim) == [("rsa", "signing")]


def test_a_kind_that_comes_later_takes_nobodys_place(dkim_on_either: Command, zone: Zone) -> None:
    dkim = dkim_on_either
    first = dkim.good("dkim", "create", DOMAIN, "--kind", "rsa", "--json").json
    publish(zone, first)
    dkim.good("dkim", "rotate", DOMAIN)
    publish(zone, dkim.good("dkim", "create", DOMAIN, "--kind", "ed25519", "--json").json)
    assert dkim.good("dkim", "rotate", DOMAIN, "--json").json["retired"] == []
    assert sorted(states(dkim)) == [("ed25519", "signing"), ("rsa", "signing")]


def test_what_is_refused(academy: Command) -> None:
    assert "no domain of this installation" in academy.refused(ExitCode.FAILED, "dkim", "create", "example.net")
    assert "has no keys" in academy.refused(ExitCode.FAILED, "dkim", "rotate", DOMAIN)
    assert "has no key x" in academy.refused(ExitCode.FAILED, "dkim", "remove", DOMAIN, "x")
    [one] = academy.good("dkim", "create", DOMAIN.upper(), "--kind", "ed25519", "--json").json
    assert one["domain"] == DOMAIN
    assert "is there already" in academy.refused(ExitCode.FAILED, "dkim", "create", DOMAIN)
    assert [found["kind"] for found in academy.good("dkim", "list", "--json").json] == ["ed25519"]
    assert len(academy.good("dkim", "create", "ent.example.org", "--dry-run", "--json").json) == 2
    assert academy.good("dkim", "list", "ent.example.org", "--json").json == []
    assert f"Take out of the DNS: {one['name']}" in academy.good("dkim", "remove", DOMAIN, one["selector"]).out
    assert academy.good("dkim", "list", "--json").json == []


def test_nothing_secret_is_said_and_every_change_leaves_a_row(academy: Command) -> None:
    academy.good("dkim", "create", DOMAIN)
    words = (["rotate", DOMAIN, "--force"], ["list"], ["show"], ["show", "--json"], ["rotate", DOMAIN])
    said = [academy.good("dkim", *more).out for more in words]
    selector = academy.good("dkim", "list", "--json").json[0]["selector"]
    academy.good("dkim", "remove", DOMAIN, selector, "--force")
    assert len(academy.good("dkim", "list", "--json").json) == 3
    engine = create_engine(f"sqlite:///{academy.folder / 'academy.db'}")
    with engine.connect() as connection:
        secrets = [base64.b64encode(row[0]).decode() for row in connection.execute(select(dkim_key.c.private))]
        rows = connection.execute(select(audit.c.action, audit.c.subject, audit.c.detail)).all()
    engine.dispose()
    assert len(secrets) == 3
    # The first octets of PKCS #8 are the same for every key of a kind.
    assert not any(secret[at : at + 24] in text for secret in secrets for at in (-40, -64) for text in said)
    mine = [tuple(row) for row in rows if row[0].startswith("dkim")]
    assert [action for action, _, _ in mine].count("dkim create") == 4
    assert {detail for action, _, detail in mine if action == "dkim sign"} == {"rsa forced", "ed25519 forced"}
    assert [subject for action, subject, _ in mine if action == "dkim remove"] == [f"{selector}._domainkey.{DOMAIN}"]


def test_the_records_of_a_school_have_its_keys(academy: Command) -> None:
    made = academy.good("dkim", "create", DOMAIN, "--json").json
    shown = academy.good("dns", "show", "0131001T", "--json").json
    assert {one["name"]: one["value"] for one in shown if one["topic"] == "DKIM"} == {
        one["name"]: one["record"] for one in made
    }
