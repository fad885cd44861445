"""A stop tells idle clients, lets messages under way finish, and loses none that was accepted."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests.smtp.conftest import MESSAGE, Running


async def test_idle_clients_get_421_and_nobody_is_accepted(running: Running) -> None:
    greeted, signed = await running.connect(), await running.signed_in()
    plain = await running.connect(starttls=True)
    await greeted.reply()
    await plain.reply()
    await signed.begin()
    await running.server.stop(grace=5)
    for wire in (greeted, signed, plain):
        assert (await wire.rest()).startswith("421 4.3.2")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", running.tls_port)


async def test_a_message_being_received_is_delivered(running: Running) -> None:
    wire = await running.signed_in()
    await wire.begin()
    await wire.ask("DATA")
    await wire.send(MESSAGE)
    stopping = asyncio.create_task(running.server.stop(grace=5))
    await asyncio.sleep(0)
    await wire.send(b".\r\n")
    assert (await wire.reply()).startswith("250 2.0.0")
    assert (await wire.rest()).startswith("421 4.3.2")
    await stopping
    assert running.school.bodies == [MESSAGE]


async def test_a_message_being_delivered_gets_its_250(running: Running) -> None:
    running.school.proceed.clear()
    wire = await running.signed_in()
    await wire.begin()
    await wire.ask("DATA")
    await wire.send(MESSAGE + b".\r\nNOOP\r\n")
    await running.school.delivering.wait()
    stopping = asyncio.create_task(running.server.stop(grace=5))
    await asyncio.sleep(0)
    running.school.proceed.set()
    assert (await wire.reply()).startswith("250 2.0.0")
    assert (await wire.rest()).startswith("421 4.3.2")
    await stopping
    assert running.school.bodies == [MESSAGE]


async def test_after_the_grace_a_message_still_coming_is_given_up(running: Running) -> None:
    wire = await running.signed_in()
    await wire.begin()
    await wire.ask("DATA")
    await wire.send(MESSAGE)
    await running.server.stop(grace=0.05)
    assert running.server.connections == 0
    assert running.school.delivered == []
    with contextlib.suppress(ConnectionResetError):
        assert await wire.rest() == ""


async def test_a_sign_in_under_way_is_told(running: Running) -> None:
    wire = await running.connect()
    await wire.reply()
    await wire.ask("EHLO pc")
    await wire.ask("AUTH LOGIN")
    await running.server.stop(grace=5)
    assert (await wire.rest()).startswith("421 4.3.2")
