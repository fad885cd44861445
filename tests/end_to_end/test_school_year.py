"""The school year turns over while people are signed in: mailboxes, flags and addresses stay; last year's lists end."""

from __future__ import annotations

import imaplib
import json
import re
from collections import Counter
from pathlib import Path

from tests.cli.test_directory import unpack
from tests.directory.academy import NEXT_YEAR
from tests.end_to_end.gateway import Gateway, Person, compose, subjects
from tests.end_to_end.test_list_archive import kept, post

COLLEGE = "clg-frederic-mistral.ent.example.org"
GONE, STAYS = f"5eme-a.eleves@{COLLEGE}", f"5eme-b.eleves@{COLLEGE}"


def next_year(folder: Path) -> Path:
    """The delivery of the next year, in which no class is called 5ème A any more."""
    unpack(NEXT_YEAR, folder)
    for file in folder.iterdir():
        content = file.read_bytes()
        for spelt in ("utf-8", "iso-8859-15"):
            content = content.replace("5ème A".encode(spelt), "5ème Zola".encode(spelt))
        file.write_bytes(content)
    return folder


def state(client: imaplib.IMAP4_SSL) -> tuple[object, list[bytes]]:
    """UIDVALIDITY, and UIDs with flags, of INBOX as an open session sees it."""
    assert client.noop()[0] == "OK"
    validity = client.status("INBOX", "(UIDVALIDITY UIDNEXT)")[1]
    flags = [re.sub(rb"^\d+ ", b"", part) for part in client.uid("FETCH", "1:*", "(FLAGS)")[1] if part]
    return validity, flags


def rcpt(gateway: Gateway, writer: Person, to: str) -> tuple[int, str]:
    with gateway.smtp(writer) as client:
        assert client.mail(writer.address)[0] == 250
        code, text = client.rcpt(to)
        return code, text.decode()


def test_the_year_turns_over_while_people_are_signed_in(mortal_gateway: Gateway, tmp_path: Path) -> None:
    gateway = mortal_gateway
    run = gateway.command
    year = json.loads(run("year", "show", "--json"))["current"] + 1
    pupil = next(one for one in gateway.by_profile("pupil") if "5ème A" in one.classes)
    teacher = next(one for one in gateway.by_profile("teacher") if {"5ème A", "5ème B"} & {*one.classes})
    for name in (GONE, STAYS):
        run("list", "settings", "set", name, "archive=on", "posting=staff")
    post(gateway, teacher, "Avant", GONE, STAYS)
    run("directory", "import", str(next_year(tmp_path / "next")), "--year", str(year))
    shown = json.loads(run("year", "preview", str(year), "--json"))
    moved = Counter(one["joined"][0] for one in shown["class_changes"] if one["left"] == ["5ème A (0131001T)"])
    ((successor, _),) = moved.most_common(1)
    with gateway.imap(pupil) as client:
        client.select("INBOX")
        client.uid("STORE", "1:*", "+FLAGS", "(\\Flagged)")
        before = state(client)
        run("year", "switch", str(year))
        assert state(client) == before
        assert subjects(client) == ["Avant"]
        gateway.send(teacher, [pupil.address], compose(teacher, pupil.address, "Après"))
        assert subjects(client) == ["Avant", "Après"]
    slug = successor.partition(" (")[0].replace("ème", "eme").replace(" ", "-").lower()
    code, text = rcpt(gateway, teacher, GONE)
    assert (code, text) == (
        550,
        f"5.1.6 Cette liste est celle de l'annee scolaire {year - 1}-{year} : ecrivez a {slug}.eleves@{COLLEGE}.",
    )
    assert kept(gateway, pupil, GONE) == ["Avant"]
    assert kept(gateway, teacher, f"{slug}.eleves@{COLLEGE}") is None
    were = json.loads(run("list", "show", GONE, "--year", str(year - 1), "--json"))
    assert pupil.address in {one["address"] for one in were}
    run("year", "undo")
    assert rcpt(gateway, teacher, GONE)[0] == 250
    with gateway.imap(pupil) as client:
        assert subjects(client) == ["Avant", "Après"]
