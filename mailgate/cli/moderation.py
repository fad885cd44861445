"""`mailgate moderation`: messages that wait, and decisions about them in a school's place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

import typer

from mailgate.cli.context import (
    CommandFailed,
    Json,
    console,
    database,
    print_json,
    print_table,
    run,
    settings_of,
)
from mailgate.config import Settings
from mailgate.database import Database
from mailgate.delivery.notices import Notices
from mailgate.moderation import held as table
from mailgate.moderation.deciding import (
    DecidedError,
    Decider,
    Moderation,
    NoSuchMessageError,
    UndeliverableError,
)
from mailgate.moderation.held import HeldMessage
from mailgate.moderation.links import service_of
from mailgate.moderation.moderators import Moderator
from mailgate.moderation.wording import Writer
from mailgate.policy.audit import operator
from mailgate.store import MailStore

app = typer.Typer(help="Messages that wait for a decision, or for their time.", no_args_is_help=True)

T = TypeVar("T")
MAX_NUMBER: Final = 2**63 - 1

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="As `mailgate moderation list` gives it.")]


@app.command("list", epilog="Example: mailgate moderation list --json")
def list_(context: typer.Context, *, json: Json = False) -> None:
    """List the messages that nobody has decided about, the oldest first."""

    async def work(settings: Settings) -> list[HeldMessage]:
        async with database(settings) as opened:
            return await opened.read(table.waiting)

    found = run(work(settings_of(context)))
    if json:
        print_json([_record(held) for held in found])
        return
    print_table(
        "Number", "State", "From", "To", "Reaches", "Until", "Subject",
        rows=[
            (_number(one), one.state, one.writer, one.target, str(one.reach), _time(one.expires_at), one.subject)
            for one in found
        ],
    )  # fmt: skip


@app.command(epilog="Example: mailgate moderation show 2f61c0a9d3b5e871")
def show(context: typer.Context, number: Number, *, json: Json = False) -> None:
    """Show one message: who may decide about it, what became of it. Its text is not shown."""

    async def work(settings: Settings) -> tuple[HeldMessage, list[Moderator]]:
        async with database(settings) as opened:
            held = await _desk(settings, opened).find(_parsed(number))
            return held, await opened.read(lambda tx: table.moderators_in(tx, held.held_id))

    held, moderators = _told(work(settings_of(context)), number)
    if json:
        print_json({**_record(held), "moderators": [one.address for one in moderators]})
        return
    rows = [*Writer("en").facts(held), *(("May decide", one.address) for one in moderators)]
    print_table("What", "Value", rows=[*rows, ("State", Writer("en").became(held))])


@app.command(epilog="Example: mailgate moderation approve 2f61c0a9d3b5e871")
def approve(context: typer.Context, number: Number, *, json: Json = False) -> None:
    """Deliver a message now."""
    _decide(context, number, lambda desk, held_id, by: desk.approve(held_id, by), json=json)


@app.command(epilog='Example: mailgate moderation refuse 2f61c0a9d3b5e871 --words "Please write to the office."')
def refuse(
    context: typer.Context,
    number: Number,
    words: Annotated[str, typer.Option(help="What its writer is told besides.")] = "",
    *,
    json: Json = False,
) -> None:
    """Do not deliver a message, and tell its writer."""
    _decide(context, number, lambda desk, held_id, by: desk.refuse(held_id, by, words), json=json)


@app.command(epilog="Example: mailgate moderation cancel 2f61c0a9d3b5e871")
def cancel(context: typer.Context, number: Number, *, json: Json = False) -> None:
    """Take a message back for its writer, who is not told."""
    _decide(context, number, lambda desk, held_id, by: desk.cancel(held_id, by), json=json)


def _decide(
    context: typer.Context,
    number: str,
    decision: Callable[[Moderation, int, Decider], Awaitable[HeldMessage]],
    *,
    json: bool,
) -> None:
    async def work(settings: Settings) -> HeldMessage:
        translate = Writer(settings.gateway.language).translate
        by = Decider(translate(_("An administrator")), operator())
        async with database(settings) as opened:
            return await decision(_desk(settings, opened), _parsed(number), by)

    held = _told(work(settings_of(context)), number)
    if json:
        print_json(_record(held))
    else:
        console.print(Writer("en").became(held))


def _desk(settings: Settings, opened: Database) -> Moderation:
    return Moderation(opened, MailStore(opened), service_of(settings), notices=Notices(opened, settings))


def _told(work: Coroutine[Any, Any, T], number: str) -> T:
    """Run it; what cannot be done is one line for an administrator."""
    try:
        return run(work)
    except NoSuchMessageError:
        raise CommandFailed(f"no held message has the number {number}; `mailgate moderation list` lists them") from None
    except DecidedError as error:
        raise CommandFailed(Writer("en").became(error.held)) from None
    except UndeliverableError as error:
        raise CommandFailed(f"{error}; the message stays where it is") from None


def _parsed(number: str) -> int:
    """Raises NoSuchMessageError for what is no number."""
    try:
        return int(number, 16) & MAX_NUMBER
    except ValueError:
        raise NoSuchMessageError(number) from None


def _number(held: HeldMessage) -> str:
    return f"{held.held_id:x}"


def _time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _record(held: HeldMessage) -> dict[str, object]:
    """For scripts; times are seconds since the epoch, UTC."""
    shown = ("writer", "kind", "target", "subject", "size", "reach", "reason", "created_at", "expires_at")
    decided = ("decided_at", "decided_by", "words")
    named = {name: getattr(held, name) for name in (*shown, *decided)}
    return {"number": _number(held), "state": held.state, **named}


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
