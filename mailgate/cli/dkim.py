"""`mailgate dkim`: the keys with which mail that leaves is signed."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Annotated

import typer
from sqlalchemy import Connection

from certs.dkim import Kind
from mailgate.cli.context import (
    CommandFailed,
    DryRun,
    ExitCode,
    Json,
    apply,
    console,
    in_transaction,
    print_json,
    print_table,
    run,
    settings_of,
)
from mailgate.config import Settings
from mailgate.naming.records import Record, Topic
from mailgate.policy.audit import record
from mailgate.resolving import resolver_of
from mailgate.signing import keys as dkim_keys
from mailgate.signing.keys import KEPT_DAYS, Key, State, Turn
from mailgate.signing.published import Seen, look

app = typer.Typer(help="Signatures of mail that leaves: the keys of each domain (DKIM).", no_args_is_help=True)

Domain = Annotated[str, typer.Argument(help="A domain of this installation: people's, or a school's.")]
MaybeDomain = Annotated[str | None, typer.Argument(help="Default: every domain that has keys.")]


@app.command(epilog="Example: mailgate dkim create clg-mistral.ent.example.org")
def create(
    context: typer.Context,
    domain: Domain,
    *,
    kind: Annotated[list[Kind] | None, typer.Option(help="Default: one of each.")] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make the first keys of a domain, and say what to publish. They sign once `rotate` has seen them in the DNS."""
    settings = settings_of(context)
    name = _ours(settings, domain)

    def work(connection: Connection) -> list[Key]:
        made = dkim_keys.make(connection, name, kind or list(Kind))
        _note(connection, "dkim create", made)
        return made

    made = apply(settings, work, dry_run=dry_run)
    if json:
        print_json([_seen(one) for one in made])
        return
    _publish(made)
    console.print(f"Then: mailgate dkim rotate {name}")


@app.command("list", epilog="Example: mailgate dkim list")
def list_(context: typer.Context, domain: MaybeDomain = None, *, json: Json = False) -> None:
    """List keys, and where each stands: made, published, signing, retired."""
    settings = settings_of(context)
    found = _keys(settings, domain)
    if json:
        print_json([_seen(one) for one in found])
        return
    rows = [
        (one.domain, one.selector, one.kind.value, one.state.value, _day(settings, _since(one)),
         _day(settings, one.seen_at)) for one in found
    ]  # fmt: skip
    print_table("Domain", "Selector", "Kind", "State", "Since", "Seen in the DNS", rows=rows)


@app.command(epilog="Example: mailgate dkim show clg-mistral.ent.example.org")
def show(context: typer.Context, domain: MaybeDomain = None, *, json: Json = False) -> None:
    """Show the records to publish, as a zone file has them. Private keys are never shown."""
    found = _keys(settings_of(context), domain)
    if json:
        print_json([_seen(one) for one in found])
        return
    _publish(found)


@app.command(epilog="Example: mailgate dkim check")
def check(context: typer.Context, domain: MaybeDomain = None, *, json: Json = False) -> None:
    """Look whether the world sees the records; exit code 1 when one is missing, or another is there."""
    settings = settings_of(context)
    found = _keys(settings, domain)
    seen = _look(settings, found)
    if json:
        print_json([_seen(one) | {"dns": state} for one, state in zip(found, seen, strict=True)])
    else:
        rows = [(one.name, one.state.value, state.value) for one, state in zip(found, seen, strict=True)]
        print_table("Record", "State", "In the DNS", rows=rows)
    if any(state is not Seen.PUBLISHED for state in seen):
        raise typer.Exit(ExitCode.FAILED)


@app.command(epilog="Example: mailgate dkim rotate clg-mistral.ent.example.org")
def rotate(
    context: typer.Context,
    domain: Domain,
    *,
    keep_days: Annotated[
        int, typer.Option(min=0, max=365, help="A retired key is removed after so many days.")
    ] = KEPT_DAYS,
    force: Annotated[
        bool, typer.Option("--force", help="Sign with new keys though their records are not seen in the DNS.")
    ] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make the next step: new keys are made, then sign once they are in the DNS; old ones are removed some days later.

    Run it again when the record it names is published, and once more after the days it names.
    """
    settings = settings_of(context)
    name = _ours(settings, domain)
    waiting = [one for one in _keys(settings, name) if not one.signs_at]
    seen = {
        one.selector
        for one, state in zip(waiting, _look(settings, waiting, note=not dry_run), strict=True)
        if state is Seen.PUBLISHED
    }

    def work(connection: Connection) -> Turn:
        turn = dkim_keys.rotate(connection, name, seen, force=force, kept_days=keep_days)
        forced = [one for one in turn.begun if one.selector not in seen]
        _note(connection, "dkim create", turn.made)
        _note(connection, "dkim sign", turn.begun, "forced" if forced else "")
        _note(connection, "dkim retire", turn.retired)
        _note(connection, "dkim remove", turn.removed)
        return turn

    turn = apply(settings, work, dry_run=dry_run)
    if json:
        steps = {step: [_seen(one) for one in getattr(turn, step)] for step in ("made", "begun", "retired", "removed")}
        print_json(steps | {"until": turn.until})
        return
    _say(settings, name, turn)


@app.command(epilog="Example: mailgate dkim remove clg-mistral.ent.example.org r20261122a1f3")
def remove(
    context: typer.Context,
    domain: Domain,
    selector: Annotated[str, typer.Argument(help="As `mailgate dkim list` shows it.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Also a key that signs: one that somebody stole.")] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Forget a key at once and for ever; then take its record out of the DNS."""
    settings = settings_of(context)
    name = _ours(settings, domain)

    def work(connection: Connection) -> Key:
        gone = dkim_keys.remove(connection, name, selector, force=force)
        _note(connection, "dkim remove", [gone])
        return gone

    gone = apply(settings, work, dry_run=dry_run)
    if json:
        print_json(_seen(gone))
        return
    console.print(f"Removed. Take out of the DNS: {gone.name}")


def _ours(settings: Settings, domain: str) -> str:
    name = domain.strip().lower().rstrip(".")
    if not settings.directory.holds(f"@{name}"):
        raise CommandFailed(
            f"{domain} is no domain of this installation: directory.domain, one below it, or a school's"
        )
    return name


def _keys(settings: Settings, domain: str | None) -> list[Key]:
    name = None if domain is None else _ours(settings, domain)
    return run(in_transaction(settings, lambda connection: dkim_keys.keys(connection, name)))


def _look(settings: Settings, found: Sequence[Key], *, note: bool = True) -> list[Seen]:
    """What is in the DNS; what was seen there is noted with the keys."""
    if not found:
        return []

    async def work() -> list[Seen]:
        return await look(resolver_of(settings.dns), found)

    seen = run(work())
    there = [one for one, state in zip(found, seen, strict=True) if state is Seen.PUBLISHED]
    apply(settings, lambda connection: dkim_keys.see(connection, there), dry_run=not note)
    return seen


def _note(connection: Connection, action: str, done: Sequence[Key], detail: str = "") -> None:
    for one in done:
        record(connection, action, one.name, f"{one.kind} {detail}".strip())


def _seen(one: Key) -> dict[str, object]:
    return {
        "domain": one.domain, "selector": one.selector, "kind": one.kind, "state": one.state, "name": one.name,
        "record": one.record, "made_at": one.made_at, "seen_at": one.seen_at, "signs_at": one.signs_at,
        "retired_at": one.retired_at,
    }  # fmt: skip


def _publish(found: Sequence[Key]) -> None:
    for one in found:
        console.print(Record(Topic.DKIM, one.name, "TXT", one.record, "").zone_line())


def _since(one: Key) -> int:
    return {State.SIGNING: one.signs_at, State.RETIRED: one.retired_at}.get(one.state, one.made_at)


def _day(settings: Settings, at: int) -> str:
    return datetime.datetime.fromtimestamp(at, settings.gateway.zone()).strftime("%Y-%m-%d %H:%M") if at else ""


def _say(settings: Settings, domain: str, turn: Turn) -> None:
    for one in turn.begun:
        console.print(f"Signs now: {one.name}")
    for one in turn.retired:
        console.print(f"Retired, leave its record in the DNS: {one.name}")
    for one in turn.removed:
        console.print(f"Removed, take its record out of the DNS: {one.name}")
    if turn.made:
        console.print("Publish:")
        _publish(turn.made)
        console.print(f"Then: mailgate dkim rotate {domain}")
    if turn.until:
        console.print(f"Nothing to do before {_day(settings, turn.until)}: retired keys stay published until then.")
