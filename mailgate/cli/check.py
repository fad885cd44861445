"""`mailgate check`: what is wrong, and how to mend it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import typer
from sqlalchemy import ColumnElement, Connection, Table, func, select

from certs import inspect
from directory.schema import list_, person, school
from mailgate import migrations
from mailgate.cli.context import ExitCode, Json, console, print_json, settings_of
from mailgate.config import Settings
from mailgate.database import open_database
from mailgate.database.errors import DatabaseError
from mailgate.database.open import async_engine
from mailgate.listeners import parse_endpoint
from mailgate.store.maintenance import check_counters

OK, PROBLEM = "ok", "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    state: str
    text: str


def check(context: typer.Context, *, json: Json = False) -> None:
    """Look at the settings, the database, the certificate and the directory; exit code 1 when something is wrong.

    Example: mailgate check --json
    """
    settings = settings_of(context)
    findings = [*listeners(settings), *certificate(settings), *asyncio.run(database(settings))]
    if json:
        print_json(findings)
    else:
        for finding in findings:
            mark = "[green]✓[/]" if finding.state == OK else "[bold red]✗[/]"
            console.print(f"{mark} [bold]{finding.subject}[/]  {finding.text}")
    if any(finding.state == PROBLEM for finding in findings):
        raise typer.Exit(ExitCode.FAILED)


def listeners(settings: Settings) -> Iterator[Finding]:
    """Every listening address can be read."""
    for key, endpoints in (
        ("imap.listen", settings.imap.listen),
        ("imap.listen_starttls", settings.imap.listen_starttls),
        ("smtp.listen", settings.smtp.listen),
        ("smtp.listen_starttls", settings.smtp.listen_starttls),
    ):
        for text in endpoints:
            try:
                yield Finding(key, OK, str(parse_endpoint(text)))
            except ValueError as error:
                yield Finding(key, PROBLEM, str(error))


def certificate(settings: Settings) -> Iterator[Finding]:
    """The certificate is good for the gateway's name, and for how long."""
    status = inspect(settings.tls.certificate, settings.tls.key, [settings.gateway.hostname])
    for problem in status.problems:
        yield Finding("certificate", PROBLEM, problem)
    if status.not_after is not None:
        text = f"{', '.join(status.names)}; expires {status.not_after:%Y-%m-%d}, in {status.days_left} days"
        yield Finding("certificate", PROBLEM if status.problems else OK, text)


async def database(settings: Settings) -> list[Finding]:
    """The database answers, has the schema of this program, holds a directory, and its counters are true."""
    try:
        engine = async_engine(settings.database.url)
    except DatabaseError as error:
        return [Finding("database.url", PROBLEM, str(error))]
    try:
        version = await migrations.version(engine)
        if not version.ready:
            mend = "`mailgate directory import` makes the schema, and `mailgate serve` brings it up to date"
            return [Finding("database", PROBLEM, f"schema {version.current}, {version.newest} is needed: {mend}")]
        async with engine.connect() as connection:
            contents = await connection.run_sync(directory)
    except Exception as error:  # whatever the driver raises is what the operator must see
        return [Finding("database", PROBLEM, f"does not answer: {error}")]
    finally:
        await engine.dispose()
    wrong = await miscounted(settings)
    counters = Finding("mailboxes", PROBLEM if wrong else OK, f"{wrong} with wrong counters")
    return [Finding("database", OK, f"schema {version.current}"), contents, counters]


async def miscounted(settings: Settings) -> int:
    """How many mailboxes say something else than what they hold."""
    opened = await open_database(settings.database.url, pool_size=1)
    try:
        return len(await check_counters(opened))
    finally:
        await opened.close()


def directory(connection: Connection) -> Finding:
    """How much of a directory there is."""

    def count(table: Table, where: ColumnElement[bool]) -> int:
        return connection.scalar(select(func.count()).select_from(table).where(where)) or 0

    schools = count(school, school.c.domain.is_not(None))
    people = count(person, person.c.state == "active")
    lists = count(list_, list_.c.active)
    if not schools:
        return Finding("directory", PROBLEM, "holds no school: run `mailgate directory import`")
    return Finding("directory", OK, f"{schools} schools, {people:,} people, {lists:,} lists")
