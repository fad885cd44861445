"""What a list posted, in a mailbox that its members and its delegates read, and nobody else."""

from __future__ import annotations

import imaplib
import json
import re

import pytest

from tests.end_to_end.gateway import Gateway, Person, compose, subjects
from tests.end_to_end.test_list_posting import SCHOOL, Cast

CHOIR = f"chorale@{SCHOOL}"
KEPT = f"Shared/{CHOIR}"


@pytest.fixture(scope="module")
def cast(gateway: Gateway) -> Cast:
    """A list that keeps its messages."""
    found = Cast(gateway)
    gateway.command("list", "create", CHOIR, "Chorale")
    gateway.command("list", "members", "add", CHOIR, found.member.address)
    gateway.command("list", "delegate", "add", CHOIR, found.manager.address)
    gateway.command("list", "settings", "set", CHOIR, "archive=on")
    return found


def kept(gateway: Gateway, who: Person, name: str = KEPT) -> list[str] | None:
    """What somebody reads in an archive; None for whom there is none."""
    with gateway.imap(who) as client:
        listed = client.list('""', f'"{name}"')[1] != [None]
        answer, messages = client.select(f'"{name}"', readonly=True)
        assert (answer == "OK") is listed
        if not listed:
            return None
        return [] if messages == [b"0"] else subjects(client, f'"{name}"')


def post(gateway: Gateway, who: Person, subject: str, *to: str) -> str:
    """Write to the list; give the Message-ID."""
    message = compose(who, ", ".join(to or (CHOIR,)), subject)
    gateway.send(who, list(to or (CHOIR,)), message)
    return str(message["Message-ID"])


def test_members_and_delegates_read_what_was_posted_and_nobody_else(gateway: Gateway, cast: Cast) -> None:
    post(gateway, cast.teacher, "Concert")
    assert kept(gateway, cast.member) == kept(gateway, cast.manager) == ["Concert"]
    assert kept(gateway, cast.teacher) is None
    assert kept(gateway, cast.stranger) is None
    gateway.command("list", "members", "add", CHOIR, cast.stranger.address)
    assert kept(gateway, cast.stranger) == ["Concert"]
    gateway.command("list", "members", "remove", CHOIR, cast.stranger.address)
    assert kept(gateway, cast.stranger) is None
    gateway.command("list", "delegate", "add", CHOIR, cast.teacher.address, "--role", "moderate")
    assert kept(gateway, cast.teacher) == ["Concert"]
    gateway.command("list", "delegate", "remove", CHOIR, cast.teacher.address, "--role", "moderate")
    assert kept(gateway, cast.teacher) is None
    with gateway.imap(cast.member) as client:
        client.select("INBOX", readonly=True)
        uid = client.uid("SEARCH", "SUBJECT", "Concert")[1][0].split()[-1].decode()
        field = client.uid("FETCH", uid, "(BODY.PEEK[HEADER.FIELDS (LIST-ARCHIVE)])")[1][0][1].decode().strip()
    assert re.fullmatch(rf"List-Archive:\s<imap://localhost:{gateway.imaps[1]}/{re.escape(KEPT)}>", field), field


def test_readers_change_nothing_and_nothing_is_put_there(gateway: Gateway, cast: Cast) -> None:
    for who in (cast.member, cast.manager):
        with gateway.imap(who) as client:
            assert client.append(f'"{KEPT}"', "", "", b"Subject: x\r\n\r\nx\r\n")[0] == "NO"
            assert client.setacl(f'"{KEPT}"', who.address, "lrswited")[0] == "NO"
            assert client.create(f'"{KEPT}/Sub"')[0] == "NO"
            with pytest.raises(imaplib.IMAP4.readonly):
                client.select(f'"{KEPT}"')
            client.select(f'"{KEPT}"', readonly=True)
    assert kept(gateway, cast.member) == ["Concert"]


def test_the_list_keeps_a_message_whose_members_were_all_named(gateway: Gateway, cast: Cast) -> None:
    post(gateway, cast.manager, "À tous deux", CHOIR, cast.teacher.address)
    whole = f"6eme-a.eleves@{SCHOOL}"
    post(gateway, cast.manager, "Deux listes", whole, CHOIR)
    assert kept(gateway, cast.member) == ["Concert", "À tous deux", "Deux listes"]
    with gateway.imap(cast.member) as client:
        assert subjects(client).count("Deux listes") == 1


def test_what_is_purged_or_taken_back_leaves_the_archive(gateway: Gateway, cast: Cast) -> None:
    purged = post(gateway, cast.teacher, "Erreur")
    taken = post(gateway, cast.teacher, "Trop tôt")
    assert kept(gateway, cast.member) == ["Concert", "À tous deux", "Deux listes", "Erreur", "Trop tôt"]
    told = json.loads(gateway.command("purge", purged, "--reason", "erreur", "--yes", "--json"))
    assert f"archive of {CHOIR}" in json.dumps(told)
    request = compose(cast.teacher, "recall@ent.example.org", "Re: Trop tôt")
    request["In-Reply-To"] = taken
    gateway.send(cast.teacher, ["recall@ent.example.org"], request)
    assert kept(gateway, cast.member) == ["Concert", "À tous deux", "Deux listes"]


def test_a_list_that_stops_keeping_shows_what_it_kept(gateway: Gateway, cast: Cast) -> None:
    gateway.command("list", "settings", "set", CHOIR, "archive=off")
    post(gateway, cast.teacher, "Sans archive")
    assert kept(gateway, cast.member) == ["Concert", "À tous deux", "Deux listes"]
    gateway.command("list", "settings", "set", CHOIR, "archive=on")
    post(gateway, cast.teacher, "Avec archive")
    assert kept(gateway, cast.member) == ["Concert", "À tous deux", "Deux listes", "Avec archive"]


def test_what_waits_for_approval_is_not_kept_before_and_shows_no_parent_to_another(
    gateway: Gateway, cast: Cast
) -> None:
    parents = f"6eme-a.parents@{SCHOOL}"
    gateway.command("list", "settings", "set", parents, "archive=on")
    writer, reader = [one for one in gateway.by_profile("relative") if "6ème A" in one.classes][-2:]
    name = f"Shared/{parents}"
    post(gateway, writer, "Covoiturage", parents)
    assert kept(gateway, reader, name) == []
    (held,) = [one for one in json.loads(gateway.command("moderation", "list", "--json")) if one["target"] == parents]
    gateway.command("moderation", "approve", held["number"])
    assert kept(gateway, reader, name) == ["Covoiturage"]
    with gateway.imap(reader) as client:
        client.select(f'"{name}"', readonly=True)
        _, data = client.fetch("1", "(BODY.PEEK[])")
    octets = b"".join(part[1] for part in data if isinstance(part, tuple)).decode()
    assert writer.address in octets
    others = {one.address for one in gateway.by_profile("relative")} - {writer.address}
    assert not [one for one in others if one in octets]
    assert kept(gateway, cast.member, name) is None
    gateway.command("list", "settings", "set", parents, "archive=default")
