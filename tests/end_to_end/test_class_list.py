"""A teacher writes to the parents of a class: every one of them has it, once, pushed, and sees no other parent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.directory.academy import expected
from tests.end_to_end.gateway import Gateway, Person, compose, subjects
from tests.support.aioimap import connected

PARENTS = "6eme-a.parents@clg-frederic-mistral.ent.example.org"


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    return expected()


def teacher_of(gateway: Gateway, class_name: str) -> Person:
    return next(person for person in gateway.by_profile("teacher") if class_name in person.classes)


def test_people_and_lists_are_those_of_the_academy(gateway: Gateway, truth: dict[str, Any]) -> None:
    assert {number: person.address for number, person in gateway.people.items()} == {
        account["id"]: account["address"] for account in truth["accounts"]
    }
    assert sorted(gateway.lists) == sorted(truth["lists"])


def test_every_parent_has_it_once_and_nobody_else(gateway: Gateway, truth: dict[str, Any]) -> None:
    teacher = teacher_of(gateway, "6ème A")
    gateway.send(teacher, [PARENTS], compose(teacher, PARENTS, "Sortie au musée"))
    members = set(truth["lists"][PARENTS]["members"])
    for source_id in members:
        with gateway.imap(gateway.people[source_id]) as inbox:
            assert subjects(inbox).count("Sortie au musée") == 1
    pupil = next(person for person in gateway.by_profile("pupil") if "6ème A" in person.classes)
    with gateway.imap(pupil) as inbox:
        assert "Sortie au musée" not in subjects(inbox)


def test_one_copy_however_many_lists_lead_to_a_person(gateway: Gateway, truth: dict[str, Any]) -> None:
    teacher = teacher_of(gateway, "6ème A")
    lists = [
        PARENTS,
        "niveau-6e.parents@clg-frederic-mistral.ent.example.org",
        "parents@clg-frederic-mistral.ent.example.org",
    ]
    parent = gateway.people[truth["lists"][PARENTS]["members"][0]]
    gateway.send(teacher, [*lists, parent.address], compose(teacher, lists[0], "Une seule fois"))
    with gateway.imap(parent) as inbox:
        assert subjects(inbox).count("Une seule fois") == 1


def test_no_parent_sees_another_parents_address(gateway: Gateway, truth: dict[str, Any]) -> None:
    teacher = teacher_of(gateway, "6ème A")
    members = [gateway.people[source_id] for source_id in truth["lists"][PARENTS]["members"]]
    gateway.send(teacher, [PARENTS], compose(teacher, PARENTS, "Discret"))
    reader, *others = members
    with gateway.imap(reader) as inbox:
        inbox.select("INBOX")
        _, found = inbox.uid("SEARCH", "SUBJECT", "Discret")
        _, data = inbox.uid("FETCH", found[0].decode(), "(BODY.PEEK[])")
    whole = data[0][1].decode()
    assert [other.address for other in others if other.address in whole] == []


async def test_the_message_is_pushed_to_an_idle_client(gateway: Gateway, truth: dict[str, Any]) -> None:
    teacher = teacher_of(gateway, "6ème A")
    parent = gateway.people[truth["lists"][PARENTS]["members"][1]]
    async with connected(gateway.imaps, gateway.tls()) as client:
        await client.login(parent.address, parent.password)
        await client.select("INBOX")
        idle = await client.idle_start(timeout=60)
        sending = asyncio.to_thread(gateway.send, teacher, [PARENTS], compose(teacher, PARENTS, "En direct"))
        pushed, _ = await asyncio.gather(client.wait_server_push(timeout=30), sending)
        assert any(line.endswith(b"EXISTS") for line in pushed)
        client.idle_done()
        async with asyncio.timeout(10):
            await idle
        await client.logout()
