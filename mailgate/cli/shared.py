"""`mailgate shared`: mailboxes of an office or a team, and who may read, write and send from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

import typer
from sqlalchemy import Connection

from imap.rights import Rights, letters
from mailgate import shared_mailboxes
from mailgate.cli.context import (
    CommandFailed,
    DryRun,
    Json,
    apply,
    console,
    in_transaction,
    print_json,
    print_table,
    run,
    settings_of,
)
from mailgate.shared_mailboxes import PRESETS, SharedMailbox

T = TypeVar("T")

app = typer.Typer(help="Shared mailboxes: of an office, a team.", no_args_is_help=True)

Mailbox = Annotated[str, typer.Argument(metavar="MAILBOX", help="Its name or its address.")]
Whom = Annotated[str, typer.Argument(metavar="WHOM", help="Address of a person or of a list.")]


@app.command(epilog="Example: mailgate shared create Infirmerie --address infirmerie@clg-mistral.ent.example.org")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What people see below Shared/.")],
    address: Annotated[str, typer.Option(help="Its address, which nobody ever had.")],
    school: Annotated[str | None, typer.Option(help="UAI of its school.")] = None,
    *,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make a shared mailbox, open to nobody yet: `grant` opens it."""
    quota = settings_of(context).accounts.quota

    def work(connection: Connection) -> str:
        try:
            shared_mailboxes.create(connection, name, address, quota=quota, uai=school)
        except ValueError as error:
            raise CommandFailed(str(error)) from error
        return address.strip().lower()

    made = _do(context, work, dry_run=dry_run, upgrade=True)
    _say({"name": name.strip(), "address": made, "dry_run": dry_run}, f"{name.strip()} <{made}>", json=json)


@app.command(epilog="Example: mailgate shared grant Infirmerie direction@clg-mistral.ent.example.org --rights read")
def grant(
    context: typer.Context,
    mailbox: Mailbox,
    whom: Whom,
    rights: Annotated[
        str, typer.Option(help=f"One of {', '.join(PRESETS)}, or letters of RFC 4314; 0 is send as.")
    ] = "send",
    *,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Let a person, or the present and future members of a list, use a shared mailbox."""
    _change(context, mailbox, whom, shared_mailboxes.rights_of(rights), dry_run=dry_run, json=json)


@app.command(epilog="Example: mailgate shared revoke Infirmerie theo.david@ent.example.org")
def revoke(
    context: typer.Context, mailbox: Mailbox, whom: Whom, *, dry_run: DryRun = False, json: Json = False
) -> None:
    """Take all rights back; sessions that have the mailbox open lose it at once, on SQLite within a second."""
    _change(context, mailbox, whom, Rights.NONE, dry_run=dry_run, json=json)


@app.command("list", epilog="Example: mailgate shared list --json")
def list_(context: typer.Context, *, json: Json = False) -> None:
    """List the shared mailboxes."""
    found = run(in_transaction(settings_of(context), shared_mailboxes.everything))
    if json:
        print_json([_described(one) for one in found])
    else:
        print_table("Name", "Address", "Messages", rows=[(one.name, one.address, str(one.messages)) for one in found])


@app.command(epilog="Example: mailgate shared show 'Infirmerie collège Mistral'")
def show(context: typer.Context, mailbox: Mailbox, *, json: Json = False) -> None:
    """Show a shared mailbox and who may use it."""

    def work(connection: Connection) -> tuple[SharedMailbox, list[shared_mailboxes.Grant]]:
        found = shared_mailboxes.find(connection, mailbox)
        return found, shared_mailboxes.grants(connection, found.account_id)

    found, granted = run(in_transaction(settings_of(context), work))
    shown = [(("-" if one.negative else "") + one.who, one.kind, one.rights) for one in granted]
    if json:
        people = [{"who": who, "kind": kind, "rights": rights} for who, kind, rights in shown]
        print_json({**_described(found), "grants": people})
        return
    console.print(f"{found.name} <{found.address}>: {found.messages} messages, {found.size} octets")
    print_table("Who", "Kind", "Rights", rows=shown)


@app.command(epilog="Example: mailgate shared delete 'Infirmerie collège Mistral' --dry-run")
def delete(
    context: typer.Context,
    mailbox: Mailbox,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Delete a shared mailbox with all its mail. Its address is never given again."""
    settings = settings_of(context)
    found = run(in_transaction(settings, lambda connection: shared_mailboxes.find(connection, mailbox)))
    if not (yes or dry_run):
        typer.confirm(f"Delete {found.name} with {found.messages} messages?", abort=True, err=True)
    _do(context, lambda connection: shared_mailboxes.remove(connection, found.account_id), dry_run=dry_run)
    done = "would be deleted" if dry_run else "is deleted"
    _say(_described(found) | {"dry_run": dry_run}, f"{found.name} {done}: {found.messages} messages.", json=json)


def _change(context: typer.Context, mailbox: str, whom: str, rights: Rights, *, dry_run: bool, json: bool) -> None:
    def work(connection: Connection) -> SharedMailbox:
        found = shared_mailboxes.find(connection, mailbox)
        shared_mailboxes.grant(connection, found.account_id, shared_mailboxes.grantee(connection, whom), rights)
        return found

    found = _do(context, work, dry_run=dry_run)
    who, text = whom.strip().lower(), letters(rights)
    said = f"{who} {'would have' if dry_run else 'has'} {text or 'no rights'} on {found.name}."
    _say({"name": found.name, "who": who, "rights": text, "dry_run": dry_run}, said, json=json)


def _do(context: typer.Context, work: Callable[[Connection], T], *, dry_run: bool, upgrade: bool = False) -> T:
    settings = settings_of(context)
    return apply(settings, work, dry_run=dry_run, upgrade=upgrade)


def _described(one: SharedMailbox) -> dict[str, object]:
    return {
        "name": one.name,
        "address": one.address,
        "kind": one.kind or "made",
        "messages": one.messages,
        "size": one.size,
    }


def _say(value: dict[str, object], text: str, *, json: bool) -> None:
    if json:
        print_json(value)
    else:
        console.print(text)
