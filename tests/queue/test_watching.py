"""`mailgate queue … --watch`: to scripts one document after the other, to people a screen that is drawn anew."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import sys
from pathlib import Path

from tests.cli.command import Command, describe
from tests.queue.conftest import Desk

WITHIN = 120.0


def words(tmp_path: Path, url: str, *command: str) -> list[str]:
    made = Command(tmp_path)
    made.use(describe({"database": {"url": url}}))
    return [sys.executable, "-m", "mailgate", "--config", str(made.config), "queue", *command, "--watch"]


async def test_a_script_reads_one_document_after_the_other(desk: Desk, queue_url: str, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *words(tmp_path, queue_url, "stats", "--json"), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(WITHIN):
        assert json.loads(await process.stdout.readline())["recipients"]["waiting"] == 0
        await desk.put("parent@example.net")
        while json.loads(await process.stdout.readline())["recipients"]["waiting"] == 0:
            pass
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0


async def test_people_see_the_screen_change(desk: Desk, queue_url: str, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *words(tmp_path, queue_url, "list"), stdout=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "160"}
    )
    os.close(theirs)
    seen = b""
    async with asyncio.timeout(WITHIN):
        while b"Answer" not in seen:
            seen += await asyncio.to_thread(os.read, ours, 65_536)
        await desk.put("parent@example.net")
        while b"parent@example.net" not in seen:
            seen += await asyncio.to_thread(os.read, ours, 65_536)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    os.close(ours)
