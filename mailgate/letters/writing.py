"""Letters written: codes made, drawn and put into files, all of them or none."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from certs.files import PRIVATE
from directory.names import slug
from mailgate.accounts import activation_making as making
from mailgate.accounts.rolls import Roll
from mailgate.config import Settings
from mailgate.i18n import Language
from mailgate.letters.contents import Sender, document
from mailgate.letters.drawing import draw
from mailgate.letters.formats import Format
from mailgate.naming.site import pages_url, site_of
from mailgate.policy import schools
from mailgate.web.activation import PATH

_FOLDER_MODE: Final = 0o700
_HIDDEN: Final = ".letters."
_STAFF: Final[dict[Language, str]] = {"fr": "personnels", "en": "staff"}
_NO_CLASS: Final[dict[Language, str]] = {"fr": "sans-classe", "en": "no-class"}


class NoPageError(Exception):
    """The settings name no page on which a code could be used."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file of letters."""

    path: Path
    roll: Roll
    letters: int


@dataclass(frozen=True, slots=True)
class Run:
    """Letters that are drawn, with codes that are not good yet."""

    fresh: making.Fresh
    files: Sequence[tuple[Written, bytes]]
    activated: int
    """How many have a password, and get no letter."""


def sender_of(connection: Connection, settings: Settings, roll: Roll) -> Sender:
    """What letters of a school say of it. Raises NoPageError."""
    base = pages_url(settings)
    if not base:
        raise NoPageError("no page is served on which codes could be used: set web.listen in the settings")
    school = schools.read(connection, roll.school_id)
    language = school.language or settings.gateway.language
    zone = settings.gateway.zone()
    return Sender(site_of(settings), base + PATH, zone, language, school.contact, settings.web.help)


def drawn(
    rolls: Sequence[Roll],
    sender: Sender,
    folder: Path,
    form: Format,
    *,
    now: int,
    days: int,
    again: bool = False,
    for_show: bool = False,
) -> Run:
    """A file for each roll in which somebody gets a code. Nothing is written; `for_show`, nothing is drawn either."""
    people = [one for roll in rolls for one in roll.members]
    fresh = making.prepare(people, now=now, days=days, again=again, for_show=for_show)
    files: list[tuple[Written, bytes]] = []
    for roll in rolls:
        made = document(roll, fresh.codes, fresh.expires_at, sender, now)
        if made.letters:
            path = folder / f"{_name(roll, sender.language)}.{form}"
            files.append((Written(path, roll, len(made.letters)), b"" if for_show else draw(made, form)))
    return Run(fresh, files, len({one.account_id for one in people}) - len(fresh.people))


@contextlib.contextmanager
def placing(run: Run, folder: Path) -> Iterator[making.Fresh]:
    """Within it the codes are to be kept; at its end the files are in place, for their owner alone.

    They are written before, so that a disk that is full changes nothing, and put in place after: whoever sees a letter
    sees one that is good. After an error there is no file; hidden ones that a killed run has left, with codes that
    nobody was given, are deleted by the next. One run at a time is at work in a folder; others wait.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
    with contextlib.ExitStack() as waiting:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        waiting.callback(os.close, handle)
        fcntl.flock(handle, fcntl.LOCK_EX)
        for left in folder.glob(f"{_HIDDEN}*"):
            left.unlink()
        ready = [(waiting.enter_context(_waiting(folder, content)), written.path) for written, content in run.files]
        yield run.fresh
        for temporary, path in ready:
            temporary.replace(path)


@contextlib.contextmanager
def _waiting(folder: Path, content: bytes) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(prefix=_HIDDEN, dir=folder)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), PRIVATE)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _name(roll: Roll, language: Language) -> str:
    """Of the file of a roll, without its ending."""
    return f"{roll.uai}-{slug(roll.name) or (_STAFF if roll.staff else _NO_CLASS)[language]}"
