"""A real Postfix in front, set up as docs/operations.md says, hands over by LMTP on a Unix socket."""

from __future__ import annotations

import asyncio
import re
import smtplib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailgate import config
from mailgate.policy.matrix import Verdict
from tests.incoming.conftest import SENDER, Site, note, running
from tests.incoming.test_incoming import COLLEGE, DOMAIN, PUPIL, TEACHER
from tests.postfix.conftest import WITHIN, academy_url, free_port
from tests.support.postfix import Postfix

__all__ = ["academy_url"]

PROFS = f"profs@{DOMAIN}"
PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
LISTENERS = "127.0.0.1:{port} inet n - n - - smtpd\nverify unix - - n - 1 verify\n"


@dataclass
class Front:
    """The Postfix that the world sees, and the gateway behind it."""

    site: Site
    postfix: Postfix
    port: int

    async def send(self, *to: str, content: bytes) -> dict[str, str]:
        """What the world is told of recipients that it refuses at the door."""

        def work() -> dict[str, tuple[int, bytes]]:
            with smtplib.SMTP("127.0.0.1", self.port, "relay.elsewhere.example", timeout=WITHIN) as client:
                return client.sendmail(SENDER, list(to), content)

        refused = await asyncio.to_thread(work)
        return {one: f"{code} {text.decode()}" for one, (code, text) in refused.items()}

    async def until_logged(self, *texts: str) -> None:
        """What Postfix says of each recipient at last."""
        async with asyncio.timeout(WITHIN):
            while not all(text in self.postfix.log for text in texts):  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.05)


@pytest.fixture
async def front(academy_url: str) -> AsyncIterator[Front]:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        path, port = folder / "lmtp.sock", free_port()
        lmtp = config.Lmtp(listen=(f"unix:{path}",), socket_group="postfix")
        found = re.search(r"^# /etc/postfix/main.cf\n([\s\S]+?)```", PAGE, re.MULTILINE)
        assert found is not None
        lines = [line.partition("  ")[0] for line in found[1].splitlines() if not line.startswith("#")]
        main = "\n".join(lines).replace("/run/mailgate/lmtp.sock", str(path))
        postfix = Postfix(
            folder / "postfix", f"{main}\nmyhostname = front.example.net\nmynetworks =\n", LISTENERS.format(port=port)
        )
        async with running(academy_url, folder, lmtp=lmtp) as site:
            with postfix.running():
                yield Front(site, postfix, port)


async def test_the_policy_is_heard_at_the_door_and_each_recipient_has_an_answer(front: Front) -> None:
    await front.site.cell(COLLEGE, "school.profs", Verdict.ALLOW)
    automatic = note("through the front", extra="Auto-Submitted: auto-replied\r\n")
    refused = await front.send(TEACHER, PUPIL, PROFS, "nobody@elsewhere.example", content=automatic)
    assert refused.keys() == {PUPIL, "nobody@elsewhere.example"}
    assert "Les messages de l'exterieur aux eleves ne sont pas acceptes ici." in refused[PUPIL]
    assert "Relay access denied" in refused["nobody@elsewhere.example"]
    await front.until_logged("status=sent (250 2.0.0 Delivered as", "dsn=5.7.1, status=bounced")
    [message] = [one for one in await front.site.inbox(TEACHER) if b"Subject: through the front" in one]
    assert b"with LMTP id " in message
    assert message.count(b"Received:") == 2
