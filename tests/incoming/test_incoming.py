"""Mail from outside over real SMTP, on both stores: who gets it, in whose name it may not come, and how it looks."""

from __future__ import annotations

import asyncio
import time
from email import message_from_bytes
from email.policy import default
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from mailgate import shared_mailboxes
from mailgate.database import open_database
from mailgate.delivery import incoming
from mailgate.delivery.notices import Notices
from mailgate.moderation.deciding import Decider, Moderation
from mailgate.moderation.links import Service
from mailgate.moderation.schema import held_message
from mailgate.policy import schools
from mailgate.policy.matrix import Verdict
from mailgate.policy.schools import school_id_of
from mailgate.policy.stops import Wanted, add, lift
from mailgate.queue.schema import queued_message, queued_recipient
from mailgate.store import MailStore
from mailgate.store.messages import joined, read_chunks
from tests.cli.command import Command, describe
from tests.incoming.conftest import SENDER, Site, note
from tests.policy.academy import Account, accounts, lists

COLLEGE = "0131001T"
DOMAIN = "clg-frederic-mistral.ent.example.org"
SCHOOL_CLOSED = (
    "550 5.7.1 Les messages de l'exterieur {to} ne sont pas acceptes ici. L'etablissement peut vous en dire plus."
)
SIGN_IN = "550 5.7.1 Pour ecrire depuis une adresse de l'etablissement, il faut s'identifier avant l'envoi."


def person(profile: str) -> Account:
    """The first of a profile at the collège alone."""
    people = sorted(accounts().values(), key=lambda one: one.number)
    return next(one for one in people if one.profile == profile and one.schools == {COLLEGE})


TEACHER, PUPIL = person("teacher").address, person("pupil").address


async def test_the_matrix_decides_who_receives_from_outside(site: Site) -> None:
    """Staff and offices do, pupils and relatives do not; no list does."""
    people = {one.profile: one.address for one in accounts().values()}
    open_to = {"teacher", "management", "school_life", "administrative"}
    answers = dict(zip(people, await site.rcpt(*people.values()), strict=True))
    assert {profile for profile, text in answers.items() if text.startswith("250 2.1.5")} == open_to
    assert all(text.startswith("550 5.7.1 ") for profile, text in answers.items() if profile not in open_to)
    assert answers["pupil"] == SCHOOL_CLOSED.format(to="aux eleves")
    assert (await site.rcpt(f"secretariat@{DOMAIN}"))[0].startswith("250 2.1.5")
    by_kind = {(one["kind"], one["audience"]): name for name, one in lists().items()}
    assert len(by_kind) > 10
    refused = {text for chunk in _chunks(list(by_kind.values())) for text in await site.rcpt(*chunk)}
    assert refused == {SCHOOL_CLOSED.format(to="a cette liste")}


def _chunks(names: list[str], size: int = 15) -> list[list[str]]:
    return [names[at : at + size] for at in range(0, len(names), size)]


async def test_a_school_opens_and_closes_by_its_own_cells_in_its_own_language(site: Site) -> None:
    await site.cell(COLLEGE, "pupil", Verdict.ALLOW)
    await site.cell(COLLEGE, "teacher", Verdict.REFUSE)
    await site.cell(COLLEGE, "class.parents", Verdict.ALLOW)
    await site.batch(lambda connection: schools.change(connection, school_id_of(connection, COLLEGE), "language", "en"))
    pupil, teacher, parents = await site.rcpt(PUPIL, TEACHER, f"6eme-a.parents@{DOMAIN}")
    assert pupil.startswith("250")
    assert teacher == "550 5.7.1 Messages from outside to teachers are not accepted here. The school can tell you more."
    assert parents.startswith("250")


async def test_a_message_is_in_the_mailbox_when_the_answer_comes(site: Site) -> None:
    content = note(
        "Sortie", extra="Authentication-Results: mx.ent.example.org; dkim=pass\r\nReturn-Path: <x@y.example>\r\n"
    )
    answer = await site.send(TEACHER, TEACHER.upper(), content=content)
    assert answer.startswith("250 2.0.0 Delivered as ")
    [message] = [one for one in await site.inbox(TEACHER) if b"Sortie" in one]
    lines = message.split(b"\r\n")
    assert lines[0] == b"Return-Path: <ami@elsewhere.example>"
    assert lines[1] == b"Received: from relay.elsewhere.example ([127.0.0.1])"
    assert lines[2].startswith(b"\tby mx.ent.example.org with ESMTP id ")
    assert lines[4:] == note("Sortie").split(b"\r\n")


async def test_the_trace_names_the_client_of_a_proxy(site: Site) -> None:
    wire = await site.connect(b"PROXY TCP6 2001:db8::7 2001:db8::1 56324 25\r\n")
    await wire.ask("MAIL FROM:<>")
    assert (await wire.ask(f"RCPT TO:<{TEACHER}>")).startswith("250 ")
    assert (await wire.data(note("behind a proxy") + b".\r\n")).startswith("250 ")
    [message] = [one for one in await site.inbox(TEACHER) if b"Subject: behind a proxy" in one]
    assert b"Received: from relay.elsewhere.example ([IPv6:2001:db8::7])" in message


async def test_the_null_reverse_path_is_taken(site: Site) -> None:
    assert (await site.send(TEACHER, content=note("Absence"), sender="")).startswith("250")
    assert [one for one in await site.inbox(TEACHER) if one.startswith(b"Return-Path: <>\r\n")]


@pytest.mark.parametrize(
    ("recipient", "answer"),
    [
        ("someone@elsewhere.example", "550 5.7.1"),
        ("@ent.example.org:someone@elsewhere.example", "550 5.7.1"),
        ("@ent.example.org,@b.example:someone@elsewhere.example", "550 5.7.1"),
        ("someone%elsewhere.example@ent.example.org", "550 5.1.1"),
        ("elsewhere.example!someone@ent.example.org", "550 5.1.1"),
        ('"someone@elsewhere.example"@ent.example.org', "550 5.1.1"),
        ('"elsewhere.example!someone"@ent.example.org', "550 5.1.1"),
        ('"someone%elsewhere.example"@ent.example.org', "550 5.1.1"),
        ("someone@[127.0.0.1]", "550 5.7.1"),
        ("someone@[IPv6:::1]", "550 5.7.1"),
        ("someone%elsewhere.example@[127.0.0.1]", "550 5.7.1"),
        ("someone%b.example%elsewhere.example@ent.example.org", "550 5.1.1"),
        ("@ent.example.org:someone%elsewhere.example@ent.example.org", "550 5.1.1"),
        ("ent.example.org!elsewhere.example!someone@ent.example.org", "550 5.1.1"),
        ("ent.example.org!someone@elsewhere.example", "550 5.7.1"),
        ('"someone\\@elsewhere.example"@ent.example.org', "550 5.1.1"),
        ('"<someone@elsewhere.example>"@ent.example.org', "550 5.1.1"),
        ("someone=40elsewhere.example@ent.example.org", "550 5.1.1"),
        ("someone+40elsewhere.example@ent.example.org", "550 5.1.1"),
        ("=?utf-8?q?someone=40elsewhere.example?=@ent.example.org", "550 5.1.1"),
        ("someone=elsewhere.example@ent.example.org", "550 5.1.1"),
        ("SRS0=hash=tt=elsewhere.example=someone@ent.example.org", "550 5.1.1"),
        ("someone@ELSEWHERE.EXAMPLE", "550 5.7.1"),
        ("someone@elsewhere.example.", "501 5.1.3"),
        ("someone@elsewhere.example,ent.example.org", "501 5.1.3"),
        ("someone@elsewhere.example ent.example.org", "501 5.1.3"),
        ("someone@xn--ent-0ra.example.org", "550 5.7.1"),
        ("someone@\uff45nt.example.org", "553 5.6.7"),
        ("postmaster@elsewhere.example", "550 5.7.1"),
        ("abuse@[127.0.0.1]", "550 5.7.1"),
        ("someone@elsewhere.example@ent.example.org", "501 5.1.3"),
        ("someone@ent.example.org@elsewhere.example", "501 5.1.3"),
        ("someone@", "501 5.1.3"),
        ("someone", "501 5.1.3"),
        ("someone@ent.example.org.elsewhere.example", "550 5.7.1"),
        ("someone@evilent.example.org", "550 5.7.1"),
        ("nobody.here@ent.example.org", "550 5.1.1"),
        (f"6eme-z.parents@{DOMAIN}", "550 5.1.1"),
        (f"help+6eme-a.parents@{DOMAIN}", "550 5.1.1"),
        ("recall@ent.example.org", "550 5.1.1"),
    ],
)
async def test_nothing_is_relayed_in_any_form(site: Site, recipient: str, answer: str) -> None:
    assert (await site.rcpt(recipient))[0].startswith(answer)


async def test_a_source_route_to_one_of_ours_is_ignored(site: Site) -> None:
    """RFC 5321 appendix C."""
    assert (await site.rcpt(f"@elsewhere.example:{TEACHER}"))[0].startswith("250")


@pytest.mark.parametrize("name", [TEACHER, TEACHER.upper(), f"anyone@{DOMAIN}", "nobody@x.ent.example.org"])
async def test_nobody_outside_writes_in_the_name_of_somebody_here(site: Site, name: str) -> None:
    wire = await site.connect()
    assert await wire.ask(f"MAIL FROM:<{name}>") == SIGN_IN
    assert await site.send(TEACHER, content=note("Faux", sender=name)) == SIGN_IN
    assert await site.send(TEACHER, content=note("Faux", extra=f"Sender: {name}\r\n")) == SIGN_IN
    several = note("Faux").replace(b"\r\nSubject", f",\r\n {name}\r\nSubject".encode())
    assert await site.send(TEACHER, content=several) == SIGN_IN
    assert not [one for one in await site.inbox(TEACHER) if b"Faux" in one]


@pytest.mark.parametrize(
    "author",
    ["head@ent.example.\N{FULLWIDTH LATIN SMALL LETTER O}rg", '"a b"@ent.example.org', "h(x)@(y)ent.example.org"],
)
async def test_our_domain_is_known_however_it_is_written(site: Site, author: str) -> None:
    assert await site.send(TEACHER, content=f"From: {author}\r\nSubject: Faux\r\n\r\n".encode()) == SIGN_IN


async def test_a_message_with_two_authors_fields_or_none_is_refused(site: Site) -> None:
    for header in (b"Subject: x\r\n", b"From: a@x.example\r\nFrom: b@x.example\r\n"):
        assert (await site.send(TEACHER, content=header + b"\r\nx\r\n")).startswith("554 5.6.0")


async def test_postmaster_is_reached_where_there_is_one_whatever_the_matrix_says(site: Site) -> None:
    """RFC 5321 section 4.5.1: by the word alone, and in every domain of ours."""
    offices = ("postmaster", f"PostMaster@{DOMAIN}", "abuse@ent.example.org")
    assert {text[:9] for text in await site.rcpt(*offices)} == {"550 5.1.1"}
    for name in ("postmaster", "abuse"):
        await site.batch(partial(shared_mailboxes.create, name=name, wanted=f"{name}@ent.example.org", quota=0))
    await site.cell(COLLEGE, "shared", Verdict.REFUSE)
    assert {text[:9] for text in await site.rcpt(*offices)} == {"250 2.1.5"}
    assert (await site.send("postmaster", content=note("Question"))).startswith("250")


async def test_a_list_delivers_what_it_takes_once_with_its_fields(site: Site) -> None:
    await site.cell(COLLEGE, "school.profs", Verdict.ALLOW)
    answer = await site.send(TEACHER, f"profs@{DOMAIN}", content=note("Stage"))
    assert answer.startswith("250 2.0.0 Delivered")
    other = next(one for one in lists()[f"profs@{DOMAIN}"]["members"] if accounts()[one].address != TEACHER)
    [own] = [one for one in await site.inbox(TEACHER) if b"Stage" in one]
    [posted] = [one for one in await site.inbox(accounts()[other].address) if b"Stage" in one]
    assert b"List-Id:" not in own
    assert f"List-Post: <mailto:profs@{DOMAIN}>".encode() in posted
    assert (await site.send(f"profs@{DOMAIN}", content=posted.partition(b"\r\n")[2])).startswith("554 5.4.6")
    automatic = note("Absence", extra="Auto-Submitted: auto-replied\r\n")
    assert (await site.send(f"profs@{DOMAIN}", content=automatic)).startswith("550 5.7.1")


async def test_what_is_to_be_approved_waits(site: Site) -> None:
    await site.cell(COLLEGE, "pupil", Verdict.MODERATE)
    wire = await site.connect()
    await wire.ask(f"MAIL FROM:<{SENDER}>")
    assert (await wire.ask(f"RCPT TO:<{PUPIL}>")).startswith("250 2.1.5 ")
    assert (await wire.data(note("Attente") + b".\r\n")).startswith("250 2.0.0 Accepted as ")
    assert not [one for one in await site.inbox(PUPIL) if b"Attente" in one]
    head = person("management").address
    assert [one for one in await site.inbox(head) if b"Attente" in one]
    [held_id] = await site.batch(lambda connection: connection.scalars(select(held_message.c.held_id)).all())
    await refuse(site, held_id)
    [queued] = await site.batch(
        lambda connection: connection.execute(
            select(queued_message.c.mail_from, queued_recipient.c.address, queued_message.c.content_id).join(
                queued_recipient, queued_recipient.c.queue_id == queued_message.c.queue_id
            )
        ).all()
    )
    assert tuple(queued)[:2] == ("", SENDER)
    told = message_from_bytes(await _content(site, queued.content_id), policy=default)
    assert told.get_content_type() == "multipart/report"
    status = next(part for part in told.walk() if part.get_content_type() == "message/delivery-status")
    assert f"Final-Recipient: rfc822; {PUPIL}" in status.as_string()
    assert "Action: failed" in status.as_string()


async def _content(site: Site, content_id: bytes) -> bytes:
    database = await open_database(site.url)
    found = joined(await database.read(lambda tx: read_chunks(tx, [content_id])))
    await database.close()
    return found[content_id]


async def refuse(site: Site, held_id: int) -> None:
    """As a moderator does."""
    database = await open_database(site.url)
    service = Service("ent.example.org", "mx.ent.example.org", "")
    desk = Moderation(database, MailStore(database), service, notices=Notices(database, site.settings))
    await desk.refuse(held_id, Decider("Le principal", "principal"), "Pas maintenant.")
    await database.close()


async def test_a_message_from_outside_is_found_and_purged(site: Site, tmp_path: Path) -> None:
    answer = await site.send(TEACHER, content=note("Hameçon", extra="Message-ID: <bait@x.example>\r\n"))
    command = Command(tmp_path)
    command.use(describe({"database": {"url": site.url}}))
    told = await asyncio.to_thread(command.good, "purge", "<bait@x.example>", "--yes", "--json")
    assert TEACHER in told.out
    assert not [one for one in await site.inbox(TEACHER) if b"bait@x.example" in one]
    sent = await asyncio.to_thread(command.good, "sent", "show", answer.rpartition(" ")[2])
    assert SENDER in sent.out


async def test_explain_says_who_receives_from_outside(site: Site, tmp_path: Path) -> None:
    command = Command(tmp_path)
    command.use(describe({"database": {"url": site.url}}))
    told = await asyncio.to_thread(command.good, "policy", "explain", SENDER, TEACHER)
    assert told.out.strip() == ("outside may write to teacher wherever they are, by the shipped matrix (scope anyone).")
    told = await asyncio.to_thread(command.good, "policy", "explain", SENDER, PUPIL)
    assert "outside may not write to pupil" in told.out
    for neither in ("nobody.here@ent.example.org", "outside.too@elsewhere.example"):
        assert (await asyncio.to_thread(command, "policy", "explain", SENDER, neither)).code != 0


@pytest.mark.parametrize("verdict", [Verdict.REFUSE, Verdict.MODERATE])
async def test_a_session_that_is_kept_open_is_looked_at_again(
    site: Site, monkeypatch: pytest.MonkeyPatch, verdict: Verdict
) -> None:
    monkeypatch.setattr(incoming, "FRESH", -1.0)
    wire = await site.connect()
    await wire.ask(f"MAIL FROM:<{SENDER}>")
    assert (await wire.ask(f"RCPT TO:<{TEACHER}>")).startswith("250")
    await site.cell(COLLEGE, "teacher", verdict)
    assert (await wire.data(note("Retard") + b".\r\n")).startswith("550 5.7.1 ")
    assert not [one for one in await site.inbox(TEACHER) if b"Retard" in one]


@pytest.mark.parametrize("wanted", [{}, {"school": COLLEGE}])
async def test_a_stop_holds_what_comes_in_and_lets_it_come_later(site: Site, wanted: dict[str, str]) -> None:
    ends = int(time.time()) + 3600
    begun = await site.connect()
    await begun.ask(f"MAIL FROM:<{SENDER}>")
    assert (await begun.ask(f"RCPT TO:<{TEACHER}>")).startswith("250")
    stop = Wanted(verdict=Verdict.REFUSE, ends_at=ends, reason_fr="Incident en cours.", **wanted)
    await site.batch(lambda connection: add(connection, stop))
    assert await site.rcpt(TEACHER) == ["451 4.7.1 Incident en cours."]
    assert await begun.data(note("Arrêt") + b".\r\n") == "451 4.7.1 Incident en cours."
    await site.batch(lambda connection: lift(connection, None))
    assert (await site.rcpt(TEACHER))[0].startswith("250")


async def test_a_stop_of_a_list_holds_what_comes_for_it_alone(site: Site) -> None:
    await site.cell(COLLEGE, "school.profs", Verdict.ALLOW)
    wanted = Wanted(verdict=Verdict.REFUSE, ends_at=int(time.time()) + 3600, list_=f"profs@{DOMAIN}")
    await site.batch(lambda connection: add(connection, wanted))
    there, stopped = await site.rcpt(TEACHER, f"profs@{DOMAIN}")
    assert there.startswith("250")
    assert stopped == "451 4.7.1 La messagerie est suspendue pour le moment. Merci de reessayer plus tard."
