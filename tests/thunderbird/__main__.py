"""A teacher's day in Thunderbird: sign in, read, be told, search, write to a class, and work in a shared mailbox."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from tests.end_to_end.gateway import Gateway, Person, compose
from tests.end_to_end.mirrors import run
from tests.thunderbird.profile import make_profile
from tests.thunderbird.program import Thunderbird, until
from tests.thunderbird.screen import Screen

SCHOOL = "clg-frederic-mistral.ent.example.org"
CLASS, TEACHERS, PARENTS = "6ème A", f"6eme-a.profs@{SCHOOL}", f"6eme-a.parents@{SCHOOL}"
TEAM, TEAM_ADDRESS = "Équipe 6ème A", f"equipe-6a@{SCHOOL}"

NOTES = (
    ("Réunion parents-professeurs", "Bonjour,\n\nla réunion est avancée à jeudi, 18 h, salle 204.\n"),
    ("Sortie au musée : autorisations", "Bonjour,\n\nil manque encore trois autorisations.\n"),
    ("Évaluation de mathématiques", "Bonjour,\n\nl’évaluation de fractions est déplacée au lundi.\n\nCordialement\n"),
)


@dataclass(frozen=True, slots=True)
class Day:
    """Who and what the scenes are about."""

    gateway: Gateway
    thunderbird: Thunderbird
    me: Person
    colleague: Person
    parent: Person

    def found(self, person: Person, mailbox: str, subject: str, criterion: str = "ALL") -> str:
        """The UIDs of the messages of this subject that the server finds."""
        with self.gateway.imap(person) as client:
            client.enable("UTF8=ACCEPT")
            client.select(f'"{mailbox}"', readonly=True)
            uids: bytes = client.uid("SEARCH", criterion, "SUBJECT", f'"{subject}"')[1][0]
            return uids.decode()

    def read(self, person: Person, mailbox: str, subject: str) -> bool:
        """Whether the server has a message as read by a person."""
        return bool(self.found(person, mailbox, subject, "SEEN"))


def signs_in(day: Day) -> None:
    day.thunderbird.sign_in(day.me.password)
    until(lambda: 'select "INBOX"' in day.thunderbird.said(), "INBOX was not selected")


def shows_the_folders(day: Day) -> None:
    shared = [f"Shared/{TEAM}", f"Shared/{TEAM}/Sent"]
    expected = {"Inbox", "Drafts", "Sent", "Archives", "Spam", "Trash", "Shared", *shared}
    until(lambda: expected <= set(day.thunderbird.folders()), "folders are missing")


def shows_the_messages(day: Day) -> None:
    until(lambda: set(day.thunderbird.messages()) == {subject for subject, _ in NOTES}, "messages are missing")


def is_told_of_a_message_of_another_program(day: Day) -> None:
    until(lambda: day.thunderbird.said()[-1] == "IDLE", "Thunderbird does not idle")
    note = letter(day.me, day.me.address, "Depuis mon téléphone")
    with day.gateway.imap(day.me) as client:
        assert client.append("INBOX", "", "", note.as_bytes())[0] == "OK"
    until(lambda: "Depuis mon téléphone" in day.thunderbird.messages(), "the message was not pushed")


def is_told_of_a_message_to_a_list(day: Day) -> None:
    day.gateway.send(day.colleague, [TEACHERS], letter(day.colleague, TEACHERS, "Conseil de classe"))
    until(lambda: "Conseil de classe" in day.thunderbird.messages(), "the message to the list was not pushed")


def reads_a_message(day: Day) -> None:
    subject, text = NOTES[2]
    assert text.splitlines()[2] in day.thunderbird.open_message(subject)
    until(lambda: day.read(day.me, "INBOX", subject), "it is not read on the server")


def sees_what_was_read_elsewhere(day: Day) -> None:
    subject, _ = NOTES[0]
    with day.gateway.imap(day.me) as client:
        client.select("INBOX")
        client.uid("STORE", day.found(day.me, "INBOX", subject), "+FLAGS", "(\\Seen)")
    until(lambda: day.thunderbird.messages()[subject], "it is not read in Thunderbird")


def searches_on_the_server(day: Day) -> None:
    assert day.thunderbird.search("Inbox", "Subject", "évaluation") == [NOTES[2][0]]
    assert day.thunderbird.search("Inbox", "Body", "autorisations") == [NOTES[1][0]]
    assert day.thunderbird.search("Inbox", "Body", "nulle part") == []


def works_in_a_shared_mailbox(day: Day) -> None:
    message = letter(day.parent, TEAM_ADDRESS, "Absence de Chloé")
    day.gateway.send(day.parent, [TEAM_ADDRESS], message)
    day.thunderbird.open_folder(f"Shared/{TEAM}")
    assert "Bonjour" in day.thunderbird.open_message("Absence de Chloé")
    until(lambda: day.read(day.me, f"Shared/{TEAM}", "Absence de Chloé"), "it is not read on the server")
    assert not day.read(day.colleague, f"Shared/{TEAM}", "Absence de Chloé")


def writes_to_a_class(day: Day) -> None:
    subject = "Matériel de géométrie"
    text = "Bonjour, pensez à l’équerre."
    day.thunderbird.send(day.me.address, PARENTS, subject, text, day.me.password)
    until(lambda: day.found(day.parent, "INBOX", subject), "the parent has no message")
    until(lambda: day.found(day.me, "Sent", subject), "there is no copy")


def writes_as_the_team(day: Day) -> None:
    subject = "Réponse de l’équipe"
    day.thunderbird.send(TEAM_ADDRESS, day.parent.address, subject, "Bonjour")
    until(lambda: day.found(day.parent, "INBOX", subject), "the parent has no answer")
    assert day.found(day.colleague, f"Shared/{TEAM}/Sent", subject)
    assert not day.found(day.me, "Sent", subject)


def was_refused_nothing(day: Day) -> None:
    assert day.thunderbird.refusals() == []
    for command in ("COMPRESS DEFLATE", "ENABLE UTF8=ACCEPT", "IDLE"):
        assert command in day.thunderbird.said()


SCENES = (
    signs_in,
    shows_the_folders,
    shows_the_messages,
    is_told_of_a_message_of_another_program,
    is_told_of_a_message_to_a_list,
    reads_a_message,
    sees_what_was_read_elsewhere,
    searches_on_the_server,
    works_in_a_shared_mailbox,
    writes_to_a_class,
    writes_as_the_team,
    was_refused_nothing,
)


def main() -> int:
    """Play every scene in order; the folder keeps the wire log and, of a failure, a picture."""
    parser = argparse.ArgumentParser(prog="./run thunderbird", description="Thunderbird against the demo, unseen.")
    parser.add_argument("--folder", type=Path, help="where profile, logs and pictures go; default: a new one in /tmp")
    parser.add_argument("--picture", type=Path, help="where a picture of Thunderbird goes")
    parser.add_argument("--store", help="database URL of the demo; default: SQLite in the folder")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="mailgate-thunderbird-"))
    folder.mkdir(parents=True, exist_ok=True)
    gateway = Gateway(folder / "state", ("--store", options.store) if options.store else ())
    gateway.start()
    try:
        return play(gateway, folder, options.picture)
    finally:
        gateway.stop()


def play(gateway: Gateway, folder: Path, picture: Path | None) -> int:
    """The exit code: 0 when every scene went well."""
    me, colleague, *others = teachers(gateway)
    parent = next(person for person in gateway.by_profile("relative") if CLASS in person.classes)
    prepare(gateway, folder, [colleague, *others])
    make_profile(folder / "profile", gateway, me, name_of(me), TEAM_ADDRESS)
    with Screen() as screen, Thunderbird(folder, screen) as thunderbird:
        day = Day(gateway, thunderbird, me, colleague, parent)
        for scene in SCENES:
            try:
                scene(day)
            except Exception:
                screen.picture(folder / "failure.png")
                print(f"FAILED  {_words(scene.__name__)}; see {folder}/failure.png and wire.moz_log")
                raise
            print(f"ok      {_words(scene.__name__)}", flush=True)
        if picture is not None:
            thunderbird.open_folder("Inbox")
            thunderbird.open_message(NOTES[2][0])
            screen.picture(picture)
    return 0


def teachers(gateway: Gateway) -> list[Person]:
    """Those of the class, in the order of their addresses; without numbered namesakes, who look odd in a picture."""
    found = (person for person in gateway.by_profile("teacher") if CLASS in person.classes)
    return sorted((one for one in found if not _is_numbered(one)), key=lambda one: one.address)


def _is_numbered(person: Person) -> bool:
    return person.address.partition("@")[0][-1].isdigit()


def prepare(gateway: Gateway, folder: Path, senders: list[Person]) -> None:
    """A mailbox for the team, and mail to the teachers of the class."""
    settings = str(folder / "state" / "mailgate.toml")
    command = (sys.executable, "-m", "mailgate", "--config", settings, "shared")
    run(*command, "create", TEAM, "--address", TEAM_ADDRESS)
    run(*command, "grant", TEAM_ADDRESS, TEACHERS)
    now = datetime.now(tz=UTC)
    for number, (sender, (subject, text)) in enumerate(zip(senders, NOTES, strict=False)):
        message = letter(sender, TEACHERS, subject, text)
        message["Date"] = format_datetime(now - timedelta(hours=len(NOTES) - number))
        gateway.send(sender, [TEACHERS], message)


def letter(sender: Person, to: str, subject: str, text: str = "Bonjour,\n\nà bientôt.\n") -> EmailMessage:
    """A message with the name of who writes it."""
    message = compose(sender, to, subject, text)
    message.replace_header("From", f"{name_of(sender)} <{sender.address}>")
    return message


def name_of(person: Person) -> str:
    """As people write it, from their address."""
    return person.address.partition("@")[0].replace(".", " ").title()


def _words(name: str) -> str:
    return name.replace("_", " ")


if __name__ == "__main__":
    sys.exit(main())
