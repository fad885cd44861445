"""`mailgate check`: what is wrong, and how to mend it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import typer
from rich.text import Text
from sqlalchemy import ColumnElement, Connection, Table, func, select

from certs import inspect
from directory import reserved
from directory.list_schema import list_alias
from directory.nomenclature import Profile
from directory.schema import address, cite, list_, person, school
from mailgate import migrations
from mailgate.cli.context import ExitCode, Json, console, print_json, settings_of
from mailgate.config import Settings
from mailgate.database import DatabaseError, open_database
from mailgate.database.batch import batch_engine
from mailgate.filtering.clamav import version
from mailgate.filtering.contract import Unavailable
from mailgate.listeners import parse_place
from mailgate.signing.schema import dkim_key
from mailgate.store.maintenance import check_counters

OK, WARNING, PROBLEM = "ok", "warning", "problem"
_MARKS: Final = {OK: ("✓", "green"), WARNING: ("!", "bold yellow"), PROBLEM: ("✗", "bold red")}
_NAMED: Final = 5
"""Domains that one line names."""
_PATIENCE: Final = 10.0
"""Seconds that a server may take to answer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    state: str
    text: str
    mend: str = ""


def check(context: typer.Context, *, json: Json = False) -> None:
    """Look at settings, certificate, filters, database and directory; exit code 1 when something is wrong.

    Example: mailgate check --json
    """
    settings = settings_of(context)
    findings = [
        *listeners(settings),
        *certificate(settings),
        *asyncio.run(filters(settings)),
        *asyncio.run(database(settings)),
    ]
    if json:
        print_json(findings)
    else:
        for finding in findings:
            console.print(Text.assemble(_MARKS[finding.state], " ", (finding.subject, "bold"), "  ", finding.text))
            if finding.mend:
                console.print(f"    {finding.mend}")
    if any(finding.state == PROBLEM for finding in findings):
        raise typer.Exit(ExitCode.FAILED)


def listeners(settings: Settings) -> Iterator[Finding]:
    """Every listening address can be read."""
    for key, endpoints in settings.listeners().items():
        for text in endpoints:
            try:
                yield Finding(key, OK, str(parse_place(text)))
            except ValueError as error:
                yield Finding(key, PROBLEM, str(error), f"Correct {key} in the settings.")


def certificate(settings: Settings) -> Iterator[Finding]:
    """The certificate is good for the gateway's name, and for how long."""
    status = inspect(settings.tls.certificate, settings.tls.key, [settings.gateway.hostname])
    mend = f"Put a certificate for {settings.gateway.hostname} (gateway.hostname) where [tls] names it, with its key."
    for problem in status.problems:
        yield Finding("certificate", PROBLEM, problem, mend)
    if status.not_after is not None:
        text = f"{', '.join(status.names)}; expires {status.not_after:%Y-%m-%d}, in {status.days_left} days"
        yield Finding("certificate", PROBLEM if status.problems else OK, text)


async def filters(settings: Settings) -> list[Finding]:
    """The servers that messages are shown to answer."""
    clamav, rspamd = settings.filters.clamav, settings.filters.rspamd
    asked: list[tuple[str, Coroutine[None, None, str], str]] = []
    if clamav.server:
        asked.append(("filters.clamav", version(clamav.server), clamav.on_failure))
    if rspamd.url:
        from mailgate.filtering.rspamd import ping  # noqa: PLC0415 - its HTTP client takes long to import

        asked.append(("filters.rspamd", ping(rspamd.url, rspamd.password), rspamd.on_failure))
    return [await _answers(subject, answer, on_failure) for subject, answer, on_failure in asked]


async def _answers(subject: str, answer: Coroutine[None, None, str], on_failure: str) -> Finding:
    meanwhile = "Messages are taken unseen" if on_failure == "accept" else "No message is taken"
    mend = f"{meanwhile} until it answers: start it, or correct [{subject}] in the settings."
    try:
        async with asyncio.timeout(_PATIENCE):
            return Finding(subject, OK, await answer)
    except TimeoutError:
        return Finding(subject, PROBLEM, f"no answer within {_PATIENCE:g} seconds", mend)
    except Unavailable as error:
        return Finding(subject, PROBLEM, str(error), mend)


async def database(settings: Settings) -> list[Finding]:
    """The database answers, has the schema of this program, holds a directory, and its counters are true."""
    try:
        async with batch_engine(settings.database.url) as engine:
            version = await migrations.version(engine)
            if version.current is None:
                return [Finding("database", PROBLEM, "it is empty", "Run `mailgate directory import`.")]
            if not version.ready:
                text = f"it has schema {version.current}, this program needs {version.newest}"
                return [Finding("database", PROBLEM, text, "`mailgate serve` brings it up to date.")]
            async with engine.connect() as connection:
                contents = await connection.run_sync(directory)
                given = await connection.run_sync(addresses)
                signed = await connection.run_sync(signatures, settings)
        wrong = await miscounted(settings)
    except DatabaseError as error:
        return [Finding("database", PROBLEM, str(error), "Correct database.url in the settings, or mend the database.")]
    counters = Finding("mailboxes", OK, "every counter is true")
    if wrong:
        counters = Finding("mailboxes", PROBLEM, f"{wrong} with wrong counters", "Please report it: no mail is lost.")
    return [Finding("database", OK, f"schema {version.current}"), contents, given, *signed, counters]


async def miscounted(settings: Settings) -> int:
    """How many mailboxes say something else than what they hold."""
    opened = await open_database(settings.database.url, pool_size=1)
    try:
        return len(await check_counters(opened))
    finally:
        await opened.close()


def addresses(connection: Connection) -> Finding:
    """Nobody has an address that mail itself or the gateway needs; an earlier version gave them."""
    of_person = (
        select(address.c.address)
        .join(person, person.c.person_id == address.c.person_id)
        .where(
            (reserved.among(address.c.address, reserved.ACTING | reserved.SILENT))
            | (reserved.among(address.c.address) & (person.c.profile != Profile.SHARED))
        )
    )
    columns = (list_.c.address, list_alias.c.address)
    of_list = [select(column).where(reserved.among(column)) for column in columns]
    wrong = sorted(text for rows in (of_person, *of_list) for text in connection.scalars(rows))
    if not wrong:
        return Finding("addresses", OK, "none is one that the gateway needs")
    text = f"the gateway or mail itself needs {', '.join(wrong)}"
    return Finding("addresses", PROBLEM, text, "What is written there reaches nobody else: give them another address.")


def signatures(connection: Connection, settings: Settings) -> list[Finding]:
    """Where mail leaves: every domain has keys that sign, or one above it has."""
    if settings.queue.route == "none":
        return []
    columns = (school.c.domain, cite.c.domain)
    ours = {settings.directory.domain} | {text for one in columns for text in connection.scalars(select(one)) if text}
    keys = connection.execute(select(dkim_key.c.domain, dkim_key.c.signs_at).where(dkim_key.c.retired_at == 0)).all()
    signing, made = {row.domain for row in keys if row.signs_at}, {row.domain for row in keys}
    unsigned = {one for one in ours if not signing & set(_upwards(one))}
    # A key signs for the domains below it too.
    wanted = sorted(one for one in unsigned if not unsigned & set(_upwards(one)[1:]))
    if not wanted:
        return [Finding("signatures", OK, "what leaves is signed (DKIM)")]
    fresh = "and publish the records that it prints: `mailgate dkim rotate` then puts the keys to use."
    return [
        *_unsigned([one for one in wanted if one not in made], "create", fresh),
        *_unsigned([one for one in wanted if one in made], "rotate", "once the records of its keys are published."),
    ]


def _unsigned(domains: Sequence[str], command: str, then: str) -> Iterator[Finding]:
    if domains:
        named, more = domains[:_NAMED], len(domains) - _NAMED
        those = ", ".join(named) + (f" and {more} more" if more > 0 else "")
        text = f"mail from {those} leaves unsigned: other servers may refuse it, or take it for junk"
        commands = ", ".join(f"`mailgate dkim {command} {one}`" for one in named)
        yield Finding("signatures", WARNING, text, f"Run {commands}, {then}")


def _upwards(domain: str) -> list[str]:
    """A domain, and those above it."""
    labels = domain.split(".")
    return [".".join(labels[at:]) for at in range(len(labels))]


def directory(connection: Connection) -> Finding:
    """How much of a directory there is."""

    def count(table: Table, where: ColumnElement[bool]) -> int:
        return connection.scalar(select(func.count()).select_from(table).where(where)) or 0

    schools = count(school, school.c.domain.is_not(None))
    active = person.c.state == "active"
    people = count(person, active & (person.c.profile != Profile.SHARED))
    shared = count(person, active & (person.c.profile == Profile.SHARED))
    lists = count(list_, list_.c.active)
    if not schools:
        return Finding("directory", PROBLEM, "it holds no school", "Run `mailgate directory import`.")
    return Finding(
        "directory", OK, f"{schools} schools, {people:,} people, {shared:,} shared mailboxes, {lists:,} lists"
    )
