"""MTA-STS with a real Postfix (RFC 8461): policies that hold, that do not, and that nobody serves any more.

SQLite alone: the database has no part in it but to keep policies and counts, which `tests/queue` shows of both.
"""

from __future__ import annotations

import gzip
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, update

from certs import CertificateFiles, ensure_demo
from certs.dkim import Kind
from mailgate.config import Queue, Settings
from mailgate.database import Statement
from mailgate.database.batch import batch_engine
from mailgate.queue.outbound import schedule_of
from mailgate.queue.schema import queued_recipient, tls_session
from mailgate.queue.tls_reporting import SPREAD, TlsReporting
from mailgate.signing import keys
from mailgate.signing.schema import dkim_key
from mailgate.signing.signer import Signer
from mailgate.store import MailStore
from smtp.client.https import Https
from smtp.client.tls import trusting
from smtp.client.tls_report import DAY, Submitter
from smtp.resolver import Resolver
from tests.postfix.conftest import FRIEND, MX, POLICY_HOST, World, academy_url

__all__ = ["academy_url"]
pytestmark = pytest.mark.parametrize("academy_url", ["sqlite"], indirect=True)

NAMES = {"elsewhere.example MX": [f"10 {MX}."], f"{MX} A": ["127.0.0.1"], f"{POLICY_HOST} A": ["127.0.0.1"]}
OURS = "ent.example.org"
_SESSIONS = Statement(select(tls_session.c.result, tls_session.c.reason).where(tls_session.c.result != ""))


def publish(world: World, mode: str, policy_id: str = "a", mx: str = MX) -> None:
    """A policy, and the record that says so."""
    world.names.ttl = 0
    world.names.records = NAMES | {"_mta-sts.elsewhere.example TXT": [f'"v=STSv1; id={policy_id};"']}
    world.policies.body = f"version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: 604800\n".encode()


def present(world: World, files: CertificateFiles) -> None:
    """Have the Postfix show another certificate."""
    world.configure(f"smtpd_tls_cert_file = {files.certificate}\nsmtpd_tls_key_file = {files.key}\n")


@pytest.fixture(scope="module")
def misnamed(folder: Path, certificates: tuple[CertificateFiles, CertificateFiles]) -> CertificateFiles:
    """Of the authority that is trusted, for another server."""
    shutil.copytree(certificates[1].certificate.parent, folder / "misnamed")
    (folder / "misnamed" / "server.pem").unlink()
    return ensure_demo(folder / "misnamed", ["mail.third.example"])


@pytest.fixture(scope="module")
def untrusted(folder: Path) -> CertificateFiles:
    """For the right server, of an authority that nobody trusts."""
    return ensure_demo(folder / "untrusted", [MX])


async def until_counted(world: World, result: str) -> None:
    """What is to be reported (RFC 8460 section 4.3)."""

    async def there() -> bool:
        return result in {row[0] for row in await world.database.read(lambda tx: tx.all(_SESSIONS))}

    await world.until(there)


async def until_deferred(world: World, answer: str) -> None:
    await world.until_queued("waiting", answer)
    await world.database.write(lambda tx: tx.run(Statement(delete(queued_recipient))))


async def test_an_enforced_policy(world: World, misnamed: CertificateFiles, untrusted: CertificateFiles) -> None:
    publish(world, "enforce")
    await world.submit("Verified", FRIEND)
    message = await world.until_arrived("Verified")
    assert "with ESMTPS" in message["Received"]
    assert world.policies.asked == [POLICY_HOST]
    await world.until_hung_up()
    present(world, misnamed)
    await world.submit("Another name", FRIEND)
    await until_deferred(world, "Hostname mismatch")
    await until_counted(world, "certificate-host-mismatch")
    present(world, untrusted)
    await world.submit("Nobody knows", FRIEND)
    await until_deferred(world, "certificate")
    await until_counted(world, "certificate-not-trusted")
    world.configure("smtpd_tls_security_level = none\n")
    await world.submit("In clear", FRIEND)
    await until_deferred(world, "TLS")
    await until_counted(world, "starttls-not-supported")
    assert len(world.arrived()) == 1
    await reported(world)


async def test_a_server_that_a_policy_does_not_name(world: World, misnamed: CertificateFiles) -> None:
    """What waits leaves once the policy, under a new id, names it; one that is tested only holds up nothing."""
    publish(world, "enforce", mx="*.third.example")
    await world.submit("Not named", FRIEND)
    await world.until_queued("waiting", MX)
    await until_counted(world, "validation-failure")
    assert world.arrived() == []
    publish(world, "enforce", "b", mx="*.elsewhere.example")
    await world.until_arrived("Not named")
    await world.until_hung_up()
    publish(world, "testing", "c")
    present(world, misnamed)
    await world.submit("Tested", FRIEND)
    assert "with ESMTPS" in (await world.until_arrived("Tested"))["Received"]
    await until_counted(world, "certificate-host-mismatch")


async def test_a_policy_host_that_is_dead(world: World, misnamed: CertificateFiles) -> None:
    """Without a policy mail goes as if there were none (section 5.1); one that was fetched holds on (section 3.3)."""
    publish(world, "enforce")
    dead = {f"{POLICY_HOST} A": ["127.0.0.9"]}
    world.names.records = {**world.names.records, **dead}
    present(world, misnamed)
    await world.submit("No policy", FRIEND)
    await world.until_arrived("No policy")
    await until_counted(world, "sts-policy-fetch-error")
    await world.until_hung_up()
    publish(world, "enforce", "b")
    await world.submit("Fetched", FRIEND)
    await until_deferred(world, "Hostname mismatch")
    publish(world, "none", "c")
    world.names.records = {**world.names.records, **dead}
    await world.submit("Kept", FRIEND)
    await until_deferred(world, "Hostname mismatch")
    assert len(world.arrived()) == 1


async def reported(world: World) -> None:
    """The report of the day reaches the domain, though its servers fail its policy (RFC 8460 section 3)."""

    def sign(connection: Connection) -> None:
        keys.make(connection, OURS, [Kind.ED25519])
        keys.rotate(connection, OURS, [], force=True)

    today = int(time.time()) // DAY
    async with batch_engine(world.url) as engine, engine.begin() as connection:
        await connection.run_sync(sign)
        await connection.execute(update(tls_session).values(day=today - 2))
    world.names.records = {
        **world.names.records, "_smtp._tls.elsewhere.example TXT": [f'"v=TLSRPTv1; rua=mailto:{FRIEND}"']
    }  # fmt: skip
    resolver, store = Resolver([("127.0.0.1", world.names.port)]), MailStore(world.database)
    settings = Settings(queue=Queue(route="direct"))
    signer = Signer(world.database, settings.directory.holds, "gate.ent.example.org")
    reporting = TlsReporting(
        world.database, store, resolver, Https(resolver, trusting(None)), signer, Submitter(OURS, f"postmaster@{OURS}"),
        schedule_of(settings.queue), clock=lambda: (today - 1) * DAY + SPREAD,
    )  # fmt: skip
    assert await reporting.look() == 1
    message = await world.until_arrived("Report Domain: elsewhere.example")
    packed = next(one for one in message.walk() if one.get_content_type() == "application/tlsrpt+gzip")
    found: dict[str, Any] = json.loads(gzip.decompress(packed.get_content()))
    failures = {
        one["result-type"]: one["receiving-mx-hostname"]
        for policy in found["policies"] for one in policy.get("failure-details", ())
    }  # fmt: skip
    assert failures == dict.fromkeys(
        ("certificate-host-mismatch", "certificate-not-trusted", "starttls-not-supported"), MX
    )  # fmt: skip
    async with batch_engine(world.url) as engine, engine.begin() as connection:
        await connection.execute(delete(dkim_key))
