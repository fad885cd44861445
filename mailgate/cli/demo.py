"""`mailgate demo`: a gateway on a demo academy, ready to be tried."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from mailgate import logs
from mailgate.app import Sockets
from mailgate.cli.context import Json, console, print_json, print_table
from mailgate.cli.progress import bar
from mailgate.demo import Demo, DemoPerson, prepare
from mailgate.serve import serve

SHOWN = {"teacher": 3, "management": 1, "relative": 3, "pupil": 3}
"""How many people of each profile the table shows; all of them stand in the state folder."""


class Ports(StrEnum):
    """Which ports a demo listens on."""

    FIXED = "fixed"
    AUTO = "auto"


def demo(
    state: Annotated[Path, typer.Option(help="Folder for everything that the demo writes.")] = Path("state"),
    ports: Annotated[Ports, typer.Option(help="fixed: 10993 and 10465; auto: any that are free.")] = Ports.FIXED,
    store: Annotated[str | None, typer.Option(help="Database URL; default: SQLite in the state folder.")] = None,
    directory: Annotated[Path | None, typer.Option(help="Another AAF complete delivery.")] = None,
    *,
    json: Json = False,
) -> None:
    """Start a gateway with a demo academy on this machine alone, until SIGTERM or Ctrl-C.

    Example: mailgate demo --state /tmp/demo --ports auto --json
    """
    with bar() as progress:
        ready = prepare(state, store=store, directory=directory, free_ports=ports is Ports.AUTO, progress=progress)
    logs.configure(ready.settings.log.format, ready.settings.log.level)
    announce = announce_json if json else announce_text
    raise typer.Exit(serve(ready.settings, lambda sockets: announce(ready, sockets)))


def announce_json(demo: Demo, sockets: Sockets) -> None:
    """One line for scripts, once every listener answers."""
    (imap_host, imap_port), (smtp_host, smtp_port) = sockets.imap[0].getsockname(), sockets.smtp[0].getsockname()
    print_json(
        {
            "imaps": {"host": imap_host, "port": imap_port},
            "smtps": {"host": smtp_host, "port": smtp_port},
            "ca": str(demo.certificates.ca),
            "people": demo.academy.people,
            "lists": demo.academy.lists,
        }
    )


def announce_text(demo: Demo, sockets: Sockets) -> None:
    """For a person: who can sign in, and what to enter into a mail program."""
    imaps, smtps = sockets.imap[0].getsockname()[1], sockets.smtp[0].getsockname()[1]
    chosen = examples(demo.academy.people)
    state = demo.settings.tls.certificate.parent.parent
    console.print(Text.assemble("\n", ("mailgate is ready.", "bold"), " Sign in as one of these people:\n"))
    print_table(
        "Address",
        "Password",
        "Profile",
        "Classes",
        rows=[(one.address, one.password, one.profile, ", ".join(one.classes[:3])) for one in chosen],
    )
    console.print(
        f"""
All {len(demo.academy.people):,} people and their passwords: {state / "academy.json"}

Settings for Thunderbird, Outlook or a phone
  Incoming   IMAP   localhost   port {imaps}   SSL/TLS   normal password
  Outgoing   SMTP   localhost   port {smtps}   SSL/TLS   normal password
  User name  the whole address
  Trust      {demo.certificates.ca}

Write as a teacher to a class's parents, for instance {example_list(demo.academy.lists)}
Other commands: {Path(sys.argv[0])} --config {state / "mailgate.toml"} list show
Stop with Ctrl-C.
"""
    )


def examples(people: tuple[DemoPerson, ...]) -> list[DemoPerson]:
    """A few people of each profile, those of the youngest classes first: they share one."""
    chosen: list[DemoPerson] = []
    for profile, count in SHOWN.items():
        of_profile = [one for one in people if one.profile == profile]
        chosen += sorted(of_profile, key=lambda one: not any(map(_is_first_year, one.classes)))[:count]
    return chosen


def example_list(lists: tuple[str, ...]) -> str:
    """A list of the parents of one class, of the youngest if there is one."""
    of_classes = [text for text in lists if ".parents@" in text and not text.startswith(("niveau", "groupe"))]
    return min(of_classes or lists, key=lambda text: (not _is_first_year(text), text), default="(no list)")


def _is_first_year(class_name: str) -> bool:
    return class_name.startswith("6")
