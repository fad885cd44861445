"""Types of attachments that schools do not let through, over real SMTP at both doors, on both stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailgate import config
from mailgate.policy.attachment_types import DEFAULT, AttachmentTypes, TypeWordError, parse
from mailgate.policy.matrix import Verdict
from tests.filtering.attached import HEAD, archive, named
from tests.filtering.gate import COLLEAGUE, COLLEGE, DOMAIN, PUPIL, TEACHER, Gate, gate, person
from tests.incoming.conftest import note

REFUSED = "550 5.7.1 Les messages a {to} ne peuvent pas avoir de piece jointe de type {type}, meme dans une archive."
REFUSED_IN_ENGLISH = "550 5.7.1 Messages to {to} may not have attachments of the type {type}, not even in an archive."
YOURS = "550 5.7.1 Vos messages ne peuvent pas avoir de piece jointe de type {type}, meme dans une archive."


@pytest.fixture
async def door(academy_url: str, tmp_path: Path) -> AsyncIterator[Gate]:
    """Checks as they are without a word in the settings."""
    async with gate(academy_url, tmp_path, config.Filters()) as made:
        yield made


async def test_what_runs_when_it_is_opened_is_refused_from_outside_and_from_inside(door: Gate) -> None:
    for content in (named("facture.pdf.exe"), named("photos.zip", archive("photo.jpg", "photo.scr"))):
        wanted = ".exe" if b"exe" in content else ".scr"
        assert await door.send(TEACHER, content=content) == REFUSED.format(to=TEACHER, type=wanted)
        mine = content.replace(b"Un ami <ami@elsewhere.example>", TEACHER.encode())
        assert await door.submit(TEACHER, COLLEAGUE, mine) == YOURS.format(type=wanted)
    assert (await door.send(TEACHER, content=named("photos.zip", archive("photo.jpg")))).startswith("250 ")
    large = named("photos.zip", archive("photo.jpg", octets=bytes(range(256)) * 20_000))
    assert (
        await door.submit(TEACHER, COLLEAGUE, large.replace(b"ami@elsewhere.example", TEACHER.encode()))
    ).startswith("250 ")
    assert await door.mailbox(TEACHER, "INBOX", "Fichier")
    other = HEAD % b"Fichier" + b"Content-Type: application/x-msdownload\r\n\r\nMZ\r\n"
    assert await door.send(TEACHER, content=other) == REFUSED.format(to=TEACHER, type="application/x-msdownload")


async def test_a_school_has_its_own_types_and_its_own_language(door: Gate) -> None:
    await door.school(COLLEGE, "attachments", "default -exe mp3 video/*")
    await door.school(COLLEGE, "language", "en")
    other = person("teacher").address
    assert (await door.send(TEACHER, content=named("setup.exe"))).startswith("250 ")
    for name, wanted in (("a.mp3", ".mp3"), ("a.scr", ".scr")):
        assert await door.send(TEACHER, other, content=named(name)) == REFUSED_IN_ENGLISH.format(
            to=TEACHER, type=wanted
        )
    film = named("a.b").replace(b"application/octet-stream", b"VIDEO/MP4")
    assert await door.send(TEACHER, content=film) == REFUSED_IN_ENGLISH.format(to=TEACHER, type="video/*")
    await door.school(COLLEGE, "attachments", "")
    assert (await door.send(TEACHER, content=named("a.scr"))).startswith("250 ")


async def test_the_school_of_a_list_counts_and_an_office_is_of_its_school(door: Gate) -> None:
    await door.cell(COLLEGE, "class.parents", Verdict.ALLOW)
    parents = f"6eme-a.parents@{DOMAIN}"
    assert await door.send(parents, content=named("a.scr")) == REFUSED.format(to=parents, type=".scr")
    await door.school(COLLEGE, "attachments", "")
    assert (await door.send(parents, content=named("a.scr"))).startswith("250 ")
    office = f"secretariat@{DOMAIN}"
    assert (await door.send(office, content=named("a.scr"))).startswith("250 ")


async def test_what_goes_outside_is_held_to_the_rules_of_the_writers_school(door: Gate) -> None:
    mine = named("a.scr", sender=TEACHER)
    assert await door.submit(TEACHER, "ami@elsewhere.example", mine) == YOURS.format(type=".scr")
    await door.school(COLLEGE, "attachments", "")
    assert (await door.submit(TEACHER, "ami@elsewhere.example", mine)).startswith("250 ")


async def test_a_message_that_nobody_can_look_through_is_refused(door: Gate) -> None:
    content = HEAD % b"x" + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 10_001
    text = (
        "550 5.7.1 Ce message a trop de parties ou de fichiers pour etre verifie. Merci d'en envoyer moins a la fois."
    )
    assert await door.send(TEACHER, content=content) == text
    await door.school(COLLEGE, "attachments", "")
    assert (await door.send(TEACHER, content=content)).startswith("250 ")


async def test_nothing_is_refused_where_nothing_is_forbidden(academy_url: str, tmp_path: Path) -> None:
    none = config.Filters(attachments=config.AttachmentFilter(forbidden=()))
    async with gate(academy_url, tmp_path, none) as door:
        assert (await door.send(TEACHER, content=named("a.scr"))).startswith("250 ")
        await door.school(COLLEGE, "attachments", "default scr")
        assert await door.send(TEACHER, content=named("a.scr")) == REFUSED.format(to=TEACHER, type=".scr")
        assert (await door.send(TEACHER, content=named("a.exe"))).startswith("250 ")


async def test_archives_and_trusted_networks_may_be_left_alone(academy_url: str, tmp_path: Path) -> None:
    lax = config.Filters(attachments=config.AttachmentFilter(archives=False, skip_trusted=True))
    mx = config.Mx(listen=("127.0.0.1:0",), trusted=("127.0.0.0/8",))
    async with gate(academy_url, tmp_path, lax, mx=mx) as door:
        assert (await door.send(TEACHER, content=named("a.scr"))).startswith("250 ")
        zipped = named("a.zip", archive("a.scr"), sender=TEACHER)
        assert (await door.submit(TEACHER, COLLEAGUE, zipped)).startswith("250 ")
        assert await door.submit(TEACHER, COLLEAGUE, named("a.scr", sender=TEACHER)) == YOURS.format(type=".scr")


async def test_the_matrix_still_comes_first(door: Gate) -> None:
    assert (await door.rcpt(PUPIL))[0].startswith("550 5.7.1 ")
    assert (await door.send(TEACHER, content=note("Rien"))).startswith("250 ")


def test_words_name_types() -> None:
    assert parse(["default"]) == DEFAULT
    assert parse([]) == AttachmentTypes()
    assert parse([".EXE", "Video/*", "-exe", "docm"]) == AttachmentTypes(frozenset({"docm"}), frozenset({"video/*"}))
    own = parse(["mp3", "default", "-b"], AttachmentTypes(frozenset({"a", "b"})))
    assert own.extensions == {"mp3", "a"}
    assert {"exe", "scr", "js", "vbs", "lnk", "iso"} <= DEFAULT.extensions
    for word in ("", "a b", "text/plain", "multipart/mixed", "text/*", "*/*", "a/b/c", "é", "x" * 33, "--a", "exe,scr"):
        with pytest.raises(TypeWordError):
            parse([word])
    with pytest.raises(TypeWordError):
        parse(["a"] * 1_001)
