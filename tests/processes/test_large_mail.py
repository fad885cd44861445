"""A message of 25 MB costs no memory on its way: submitted, from another server, signed, and to another server."""

from __future__ import annotations

import asyncio
import base64
import os
import smtplib

import pytest

from tests.processes.conftest import Start
from tests.processes.serving import WITHIN, Serving
from tests.processes.test_memory import MIB, Memory
from tests.queue.conftest import addresses
from tests.support.sink import Sink

MOST = 12 * MIB
"""Beside pieces of the message: caches of SQLite and of its statements, which the first one fills."""
FRIEND = "ami@elsewhere.example"


def large(sender: str, size: int) -> bytes:
    """A film, in lines as long as SMTP has them."""
    letters = base64.b64encode(os.urandom(size * 3 // 4))
    lines = b"\r\n".join(letters[at : at + 988] for at in range(0, len(letters), 988))
    header = f"From: {sender}\r\nContent-Type: video/mp4\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return header.encode() + lines + b"\r\n"


def submit(serving: Serving, size: int) -> None:
    with serving.smtp() as client:
        client.sendmail(serving.teacher, [serving.pupil, "parent@example.net"], large(serving.teacher, size))


def relay(serving: Serving, size: int) -> None:
    with smtplib.SMTP(*serving.mx, "relay.elsewhere.example", timeout=WITHIN) as client:
        client.sendmail(FRIEND, [serving.teacher], large(FRIEND, size))


async def test_25_megabytes_in_bounded_memory(start: Start) -> None:
    async with Sink(extensions=("PIPELINING", "8BITMIME", "SIZE 50000000", "DSN")) as sink:
        queue = {"route": "smarthost", "smarthost": f"127.0.0.1:{sink.port}", "smarthost_security": "none"}
        serving = await asyncio.to_thread(
            start, queue=queue, mx={"listen": ["127.0.0.1:0"]}, dns={"servers": ["127.0.0.1:9"], "timeout": 0.2}
        )
        for words in (("create", "ent.example.org"), ("rotate", "ent.example.org", "--force")):
            await asyncio.to_thread(serving.command.good, "dkim", *words)
        grown = {}
        for size in (3 * MIB, 25 * MIB):
            for way in (submit, relay):
                memory = Memory(serving.process.pid)
                with memory.watched():
                    await asyncio.to_thread(way, serving, size)
                    if way is submit:
                        await sink.wait(1 if size < 25 * MIB else 2, WITHIN)
                grown[way.__name__] = memory.grown
        assert grown == pytest.approx({"submit": 0, "relay": 0}, abs=MOST)
        _, taken = sink.taken
        assert addresses(taken.rcpt) == ["parent@example.net"]
        assert b"DKIM-Signature: " in taken.data[:4_096]
        assert len(taken.data) > 25 * MIB
        assert await asyncio.to_thread(serving.stop) == 0
