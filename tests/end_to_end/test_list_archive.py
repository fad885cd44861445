"""What a list posted, in a mailbox that its members and its delegates read, and nobody else."""

from __future__ import annotations

import imaplib
import itertools
import json
import re

import pytest

from tests.end_to_end.gateway import Gateway, Person, compose, subjects
from tests.end_to_end.test_list_posting import SCHOOL, Cast

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def cast(gateway: Gateway) -> Cast:
    return Cast(gateway)


@pytest.fixture
def choir(gateway: Gateway, cast: Cast) -> str:
    """A list of each test's own that keeps its messages."""
    address = f"chorale-{next(_NUMBERS)}@{SCHOOL}"
    gateway.command("list", "create", address, "Chorale")
    gateway.command("list", "members", "add", address, cast.member.address)
    gateway.command("list", "delegate", "add", address, cast.manager.address)
    gateway.command("list", "settings", "set", address, "archive=on")
    return address


def kept(gateway: Gateway, who: Person, address: str) -> list[str] | None:
    """What somebody reads in the archive of a list; None for whom there is none."""
    name = f"Shared/{address}"
    with gateway.imap(who) as client:
        listed = client.list('""', f'"{name}"')[1] != [None]
        answer, messages = client.select(f'"{name}"', readonly=True)
        assert (answer == "OK") is listed
        if not listed:
            return None
        return [] if messages == [b"0"] else subjects(client, f'"{name}"')


def post(gateway: Gateway, who: Person, subject: str, *to: str) -> str:
    """Write to lists and people; give the Message-ID."""
    message = compose(who, ", ".join(to), subject)
    gateway.send(who, list(to), message)
    return str(message["Message-ID"])


def test_members_and_delegates_read_what_was_posted_and_nobody_else(gateway: Gateway, cast: Cast, choir: str) -> None:
    post(gateway, cast.teacher, "Concert", choir)
    assert kept(gateway, cast.member, choir) == kept(gateway, cast.manager, choir) == ["Concert"]
    assert kept(gateway, cast.teacher, choir) is None
    assert kept(gateway, cast.stranger, choir) is None
    gateway.command("list", "members", "add", choir, cast.stranger.address)
    assert kept(gateway, cast.stranger, choir) == ["Concert"]
    gateway.command("list", "members", "remove", choir, cast.stranger.address)
    assert kept(gateway, cast.stranger, choir) is None
    gateway.command("list", "delegate", "add", choir, cast.teacher.address, "--role", "moderate")
    assert kept(gateway, cast.teacher, choir) == ["Concert"]
    gateway.command("list", "delegate", "remove", choir, cast.teacher.address, "--role", "moderate")
    assert kept(gateway, cast.teacher, choir) is None
    with gateway.imap(cast.member) as client:
        client.select("INBOX", readonly=True)
        uid = client.uid("SEARCH", "SUBJECT", "Concert")[1][0].split()[-1].decode()
        field = client.uid("FETCH", uid, "(BODY.PEEK[HEADER.FIELDS (LIST-ARCHIVE)])")[1][0][1].decode().strip()
    url = f"imap://localhost:{gateway.imaps[1]}/Shared/{choir}"
    assert re.fullmatch(rf"List-Archive:\s<{re.escape(url)}>", field), field


def test_readers_change_nothing_and_nothing_is_put_there(gateway: Gateway, cast: Cast, choir: str) -> None:
    post(gateway, cast.teacher, "Répétition", choir)
    name = f'"Shared/{choir}"'
    for who in (cast.member, cast.manager):
        with gateway.imap(who) as client:
            assert client.append(name, "", "", b"Subject: x\r\n\r\nx\r\n")[0] == "NO"
            assert client.setacl(name, who.address, "lrswited")[0] == "NO"
            assert client.create(f'"Shared/{choir}/Sub"')[0] == "NO"
            with pytest.raises(imaplib.IMAP4.readonly):
                client.select(name)
            client.select(name, readonly=True)
    assert kept(gateway, cast.member, choir) == ["Répétition"]


def test_the_list_keeps_a_message_whose_members_were_all_named(gateway: Gateway, cast: Cast, choir: str) -> None:
    gateway.command("list", "members", "remove", choir, cast.member.address)
    gateway.command("list", "members", "add", choir, cast.teacher.address)
    post(gateway, cast.manager, f"À tous deux {choir}", choir, cast.teacher.address)
    other = f"6eme-a.profs@{SCHOOL}"
    post(gateway, cast.manager, f"Deux listes {choir}", other, choir)
    assert kept(gateway, cast.teacher, choir) == [f"À tous deux {choir}", f"Deux listes {choir}"]
    with gateway.imap(cast.teacher) as client:
        found = subjects(client)
    assert found.count(f"À tous deux {choir}") == found.count(f"Deux listes {choir}") == 1


def test_what_is_purged_or_taken_back_leaves_the_archive(gateway: Gateway, cast: Cast, choir: str) -> None:
    purged = post(gateway, cast.teacher, "Erreur", choir)
    taken = post(gateway, cast.teacher, "Trop tôt", choir)
    post(gateway, cast.teacher, "Juste", choir)
    assert kept(gateway, cast.member, choir) == ["Erreur", "Trop tôt", "Juste"]
    told = json.loads(gateway.command("purge", purged, "--reason", "erreur", "--yes", "--json"))
    assert f"archive of {choir}" in json.dumps(told)
    request = compose(cast.teacher, "recall@ent.example.org", "Re: Trop tôt")
    request["In-Reply-To"] = taken
    gateway.send(cast.teacher, ["recall@ent.example.org"], request)
    assert kept(gateway, cast.member, choir) == ["Juste"]


def test_a_list_that_stops_keeping_shows_what_it_kept(gateway: Gateway, cast: Cast, choir: str) -> None:
    post(gateway, cast.teacher, "Avant", choir)
    gateway.command("list", "settings", "set", choir, "archive=off")
    post(gateway, cast.teacher, "Sans archive", choir)
    assert kept(gateway, cast.member, choir) == ["Avant"]
    gateway.command("list", "settings", "set", choir, "archive=on")
    post(gateway, cast.teacher, "Après", choir)
    assert kept(gateway, cast.member, choir) == ["Avant", "Après"]


def test_what_waits_for_approval_is_not_kept_before_and_shows_no_parent_to_another(
    gateway: Gateway, cast: Cast
) -> None:
    parents = f"6eme-a.parents@{SCHOOL}"
    gateway.command("list", "settings", "set", parents, "archive=on")
    writer, reader = [one for one in gateway.by_profile("relative") if "6ème A" in one.classes][-2:]
    post(gateway, writer, "Covoiturage", parents)
    assert kept(gateway, reader, parents) == []
    waiting = json.loads(gateway.command("moderation", "list", "--json"))
    (held,) = [one for one in waiting if one["subject"] == "Covoiturage"]
    gateway.command("moderation", "approve", held["number"])
    assert kept(gateway, reader, parents) == ["Covoiturage"]
    with gateway.imap(reader) as client:
        client.select(f'"Shared/{parents}"', readonly=True)
        _, data = client.fetch("1", "(BODY.PEEK[])")
    octets = b"".join(part[1] for part in data if isinstance(part, tuple)).decode()
    assert writer.address in octets
    others = {one.address for one in gateway.by_profile("relative")} - {writer.address}
    assert not [one for one in others if one in octets]
    assert kept(gateway, cast.member, parents) is None
    gateway.command("list", "settings", "set", parents, "archive=default")
