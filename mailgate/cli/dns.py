"""`mailgate dns SCHOOL`, and `mailgate dns check`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Annotated

import typer
from rich.text import Text
from sqlalchemy import Connection, select

from directory.schema import school
from mailgate.cli.context import (
    CommandFailed,
    ExitCode,
    Json,
    console,
    in_transaction,
    print_json,
    run,
    settings_of,
)
from mailgate.cli.groups import ShowFirst
from mailgate.config import Settings
from mailgate.naming.published import Seen, State, look
from mailgate.naming.records import Record, records
from mailgate.naming.site import site_of
from mailgate.policy.schools import school_id_of
from mailgate.resolving import resolver_of
from mailgate.signing import keys as dkim_keys

app = typer.Typer(cls=ShowFirst, help="Records to publish in the DNS: SCHOOL, check.", no_args_is_help=True)

School = Annotated[str, typer.Argument(metavar="SCHOOL", help="UAI of the school.")]
MaybeSchool = Annotated[str | None, typer.Argument(metavar="SCHOOL", help="UAI; default: every school.")]

_MARKS = {
    State.OK: ("✓", "green"),
    State.MISSING: ("✗", "bold red"),
    State.DIFFERENT: ("✗", "bold red"),
    State.UNKNOWN: ("?", "yellow"),
}


@app.command(epilog="Example: mailgate dns show 0135678H > zone.txt, or mailgate dns 0135678H")
def show(context: typer.Context, uai: School, *, json: Json = False) -> None:
    """Print the records to publish for a school, its own domain and that of people, as lines of a zone file."""
    wanted = _wanted(settings_of(context), uai)
    if json:
        print_json(wanted)
        return
    for line in zone(wanted):
        console.print(line)


@app.command(epilog="Example: mailgate dns check 0135678H")
def check(context: typer.Context, uai: MaybeSchool = None, *, json: Json = False) -> None:
    """Compare what is published with what should be; exit code 1 when a record is missing or another one is there."""
    settings = settings_of(context)
    seen = run(_look(settings, _wanted(settings, uai)))
    if json:
        print_json(seen)
    else:
        _show(seen)
    if any(one.state is not State.OK for one in seen):
        raise typer.Exit(ExitCode.FAILED)


async def _look(settings: Settings, wanted: Iterable[Record]) -> list[Seen]:
    return await look(resolver_of(settings.dns), wanted)


def _show(seen: Iterable[Seen]) -> None:
    for one in seen:
        record = one.record
        console.print(Text.assemble(_MARKS[one.state], " ", (record.name, "bold"), f"  {record.type}  {one.state}"))
        if one.state is not State.OK:
            console.print(f"    {record.purpose}")
            console.print(f"    publish: {record.zone_line()}")
            for found in one.found:
                console.print(f"    found:   {found}")


def _wanted(settings: Settings, uai: str | None) -> list[Record]:
    return run(in_transaction(settings, lambda connection: wanted_records(connection, settings, uai)))


def wanted_records(connection: Connection, settings: Settings, uai: str | None) -> list[Record]:
    """The records of the school's domain and of people's, each once. Raises SchoolError."""
    keys: dict[str, list[tuple[str, str]]] = {}
    for one in dkim_keys.keys(connection):
        keys.setdefault(one.domain, []).append((one.name, one.record))
    domains = select(school.c.domain).where(school.c.domain.is_not(None)).order_by(school.c.domain)
    if uai is not None:
        domains = domains.where(school.c.school_id == school_id_of(connection, uai))
    own = list(connection.scalars(domains))
    if uai is not None and not own:
        raise CommandFailed(f"{uai} has no domain: the directory knows no pupils of it")
    site = site_of(settings)
    names = [*own, settings.directory.domain]
    return list(dict.fromkeys(one for name in names for one in records(name, site, keys.get(name, ()))))


def zone(wanted: Iterable[Record]) -> Iterator[str]:
    """Lines of a zone file, with what each record is for."""
    for purpose, same in groupby(wanted, key=lambda one: one.purpose):
        yield f"; {purpose}"
        for one in same:
            yield one.zone_line()
