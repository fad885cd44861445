"""`mailgate queue` beside a gateway that sends."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from directory.schema import attachment
from mailgate.cli.context import ExitCode
from mailgate.policy.audit import audit
from mailgate.queue.wishes import outside_wish
from mailgate.store.collector import collect
from tests.cli.command import Command, describe
from tests.queue.conftest import PEOPLE, Desk
from tests.queue.family import OTHER_SCHOOL, SCHOOL, batch
from tests.support.sink import Sink


@pytest.fixture
def command(tmp_path: Path, queue_url: str) -> Command:
    made = Command(tmp_path)
    made.use(describe({"database": {"url": queue_url}}))
    return made


async def run(command: Command, *words: str) -> Any:  # noqa: ANN401 - what a command says
    return (await asyncio.to_thread(command.good, "queue", *words, "--json")).json


async def test_what_waits_is_listed_page_by_page(desk: Desk, command: Command) -> None:
    for number in range(5):
        desk.now += 1
        await desk.put(f"p{number}@d{number % 2}.example")
    first = await run(command, "list", "--limit", "3")
    assert [one["recipient"] for one in first["entries"]] == ["p0@d0.example", "p1@d1.example", "p2@d0.example"]
    second = await run(command, "list", "--limit", "3", "--after", first["after"])
    assert [one["recipient"] for one in second["entries"]] == ["p3@d1.example", "p4@d0.example"]
    assert second["after"] is None
    filters = [("--domain", "D1.example"), ("--sender", PEOPLE[2]), ("--answer", "4.7.1"), ("--state", "held")]
    found = [len((await run(command, "list", *words))["entries"]) for words in filters]
    assert found == [2, 0, 0, 0]
    assert len((await run(command, "list", "--sender", PEOPLE[1], "--older-than", "1"))["entries"]) == 5
    counted = await run(command, "stats")
    assert counted["recipients"] == {"waiting": 5, "held": 0, "sent": 0, "failed": 0, "deleted": 0}
    assert [(one["domain"], one["waiting"]) for one in counted["destinations"]] == [
        ("d0.example", 3),
        ("d1.example", 2),
    ]


async def test_hold_release_retry_and_delete(desk: Desk, command: Command) -> None:
    await desk.put("parent@example.net")
    [entry] = (await run(command, "list"))["entries"]
    assert await run(command, "hold", entry["id"]) == {"changed": 1, "sending": 0}
    async with Sink(lambda verb, _: "451 4.7.1 later" if verb == "RCPT" else None) as sink:
        worker = await desk.worker(desk.smarthost(sink.port))
        assert await desk.rows("state", "attempts") == [("held", 0)]
        desk.now = 4_000_000_000
        assert await run(command, "release", "--domain", "example.net") == {"changed": 1, "sending": 0}
        worker.look()
        await desk.until("attempts", "state", is_=[(1, "waiting")])
        assert await run(command, "retry", "--answer", "4.7.1 LATER") == {"changed": 1, "sending": 0}
        worker.look()
        await desk.until("attempts", is_=[(2,)])
        assert await run(command, "flush", "example.net") == {"changed": 1, "sending": 0}
        worker.look()
        await desk.until("attempts", is_=[(3,)])
    assert await run(command, "delete", "--all", "--dry-run") == {"changed": 1, "sending": 0}
    assert await run(command, "delete", entry["id"]) == {"changed": 1, "sending": 0}
    [shown] = await run(command, "show", entry["id"])
    assert (shown["state"], shown["answer"]) == ("deleted", "451 4.7.1 later")
    assert await collect(desk.database, now=4_000_000_000_000) == 1
    assert await desk.inbox() == []


async def test_what_is_being_sent_is_left_alone(desk: Desk, command: Command) -> None:
    gate = asyncio.Event()
    reached = asyncio.Event()

    async def script(verb: str, _: str) -> str | None:
        if verb == "MAIL":
            reached.set()
            await gate.wait()
        return None

    desk.now = 4_000_000_000  # leases are looked at by the clock of the command
    async with Sink(script) as sink:
        await desk.worker(desk.smarthost(sink.port))
        await desk.put("parent@example.net")
        await reached.wait()
        [entry] = (await run(command, "list"))["entries"]
        assert entry["sending"]
        said = await asyncio.to_thread(command.good, "queue", "hold", "--all")
        assert "1 entries, 1 of them being sent" in said.out
        assert await run(command, "delete", entry["id"]) == {"changed": 1, "sending": 1}
        refused = await asyncio.to_thread(command.refused, ExitCode.FAILED, "queue", "delete", entry["id"])
        assert "nothing of message" in refused
        gate.set()
        await sink.wait(1)
        await desk.until("state", is_=[("sent",)])


async def test_after_a_restore_nothing_leaves_twice(desk: Desk, command: Command) -> None:
    """What waits in a backup may have left since."""
    await desk.put("parent@example.net")
    outcome = await asyncio.to_thread(command.good, "restored")
    assert "1 entries of the queue are held" in outcome.out
    assert await desk.rows("state") == [("held",)]
    assert (await asyncio.to_thread(command.good, "restored", "--json")).json["held"] == 0
    assert await run(command, "release", "--all") == {"changed": 1, "sending": 0}


async def test_what_people_of_a_school_sent_is_told_apart_and_what_is_done_is_in_the_audit(
    family: Desk, command: Command, queue_url: str
) -> None:
    def belong(connection: Connection) -> None:
        connection.execute(insert(attachment).values(person_id=1, school_id=SCHOOL))

    def forget(connection: Connection) -> None:
        connection.execute(delete(attachment))
        connection.execute(delete(audit))

    await family.put("parent@example.net")
    await batch(queue_url, forget, belong)
    ours, others = f"00000{SCHOOL}A", f"00000{OTHER_SCHOOL}A"
    found = [len((await run(command, "list", "--school", uai))["entries"]) for uai in (ours, others)]
    assert found == [1, 0]
    assert await run(command, "hold", "--school", others) == {"changed": 0, "sending": 0}
    assert await run(command, "hold", "--school", ours, "--dry-run") == {"changed": 1, "sending": 0}
    for action, named in (
        ("hold", ["--school", ours]), ("release", ["--all"]), ("retry", ["--domain", "example.net"]),
        ("flush", ["example.net"]), ("delete", ["--sender", PEOPLE[1]]),
    ):  # fmt: skip
        assert await run(command, action, *named) == {"changed": 1, "sending": 0}
    rows: list[tuple[str, str, str]] = []
    query = select(audit.c.action, audit.c.subject, audit.c.detail).order_by(audit.c.at, audit.c.audit_id)
    await batch(queue_url, lambda connection: rows.extend(tuple(row) for row in connection.execute(query)), forget)
    assert sorted(rows) == sorted([
        ("queue hold", f"school {others}", "0 entries"), ("queue hold", f"school {ours}", "1 entries"),
        ("queue release", "everything", "1 entries"), ("queue retry", "domain example.net", "1 entries"),
        ("queue retry", "example.net", "1 entries"), ("queue delete", f"sender {PEOPLE[1]}", "1 entries"),
    ])  # fmt: skip


async def test_what_is_refused(desk: Desk, command: Command) -> None:
    def refused(*words: str) -> str:
        return command.refused(ExitCode.FAILED, "queue", *words)

    def look() -> list[str]:
        return [
            refused("delete"), refused("delete", "--all", "12"), refused("show", "12"), refused("hold", "12"),
            refused("show", "x"), refused("list", "--after", "x"), refused("list", "--school", "0000000X"),
        ]  # fmt: skip

    words = ["say which", "say which", "no message 12", "nothing of message 12", "is no number", "go on", "no school"]
    assert [word in text for word, text in zip(words, await asyncio.to_thread(look), strict=True)] == [True] * 7


async def test_where_a_relative_has_copies_is_chosen_shown_and_resumed(
    family: Desk, command: Command, queue_url: str
) -> None:
    async def outside(*words: str) -> Any:  # noqa: ANN401 - what a command says
        return (await asyncio.to_thread(command.good, "person", "outside", PEOPLE[2], *words, "--json")).json

    assert (await outside())["to"] is None
    chosen = await outside("--to", "home@example.net", "--as", "copy")
    assert (chosen["to"], chosen["mode"], chosen["suspended_at"]) == ("home@example.net", "copy", 0)
    await batch(queue_url, lambda connection: connection.execute(update(outside_wish).values(suspended_at=86_400)))
    shown = await asyncio.to_thread(command.good, "person", "outside", PEOPLE[2])
    assert "suspended since 1970-01-02" in " ".join(shown.out.split())
    assert (await outside("--resume"))["suspended_at"] == 0
    assert (await outside("--as", "notification"))["mode"] == "notification"
    ours = ("person", "outside", PEOPLE[2], "--to", "x@ent.example.org")
    assert "of ours" in await asyncio.to_thread(command.refused, ExitCode.FAILED, *ours)
    assert (await outside("--none"))["to"] is None
