"""`mailgate queue`: mail that leaves."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

import typer
from sqlalchemy import Connection

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
from mailgate.cli.watching import Watch, shown
from mailgate.config import Gateway
from mailgate.policy.audit import record
from mailgate.queue import listing, steering
from mailgate.queue.listing import EntryView, Filter, Stats
from mailgate.queue.outcome import OPEN, State
from mailgate.queue.schema import AT_ONCE
from mailgate.queue.steering import Acted

app = typer.Typer(help="Mail that leaves: what waits, why, and what is to become of it.", no_args_is_help=True)

_HOUR = 3_600
T = TypeVar("T")

Number = Annotated[str | None, typer.Argument(metavar="ID", help="A message, as `mailgate queue list` shows it.")]
School = Annotated[str | None, typer.Option(help="UAI: sent by people of this school.")]
Sender = Annotated[str | None, typer.Option(help="Address of who sent it.")]
Domain = Annotated[str | None, typer.Option(help="To addresses of this domain.")]
Hours = Annotated[float | None, typer.Option("--older-than", metavar="HOURS", help="In the queue for so long.")]
Answer = Annotated[str | None, typer.Option(help="A part of the last answer, as 4.7.1.")]


@app.command("list", epilog="Example: mailgate queue list --domain example.net --answer 4.7.1 --older-than 2")
def list_(  # noqa: PLR0913 - the options of the command
    context: typer.Context,
    *,
    state: Annotated[list[State] | None, typer.Option(help="Default: waiting and held.")] = None,
    school: School = None,
    sender: Sender = None,
    domain: Domain = None,
    older_than: Hours = None,
    answer: Answer = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Entries of one page.")] = 50,
    after: Annotated[str | None, typer.Option(help="Go on after a page: what its last line says.")] = None,
    watch: Watch = False,
    json: Json = False,
) -> None:
    """List entries, one for each recipient, the oldest first."""
    settings = settings_of(context)
    states = tuple(sorted(set(state or OPEN)))

    def page() -> None:
        wanted = _filter(None, school, sender, domain, older_than, answer, states)
        found = _read(context, lambda connection: listing.entries(connection, wanted, limit=limit, after=after))
        following = found[-1].cursor if len(found) == limit else None
        if json:
            print_json({"entries": found, "after": following})
            return
        _show(found, settings.gateway)
        if following:
            console.print(f"More: --after {following}")

    shown(page, watch=watch, json=json)


@app.command(epilog="Example: mailgate queue show 2f61c0a9d3b5e871")
def show(context: typer.Context, number: Annotated[str, typer.Argument(metavar="ID")], *, json: Json = False) -> None:
    """Show a message: its recipients, what was answered, when it is tried again. Its text is not shown."""
    found = _read(context, lambda connection: listing.message(connection, number))
    if json:
        print_json(found)
        return
    gateway, first = settings_of(context).gateway, found[0]
    facts = [
        ("From", first.sender or "<>"),
        ("Octets", str(first.size)),
        ("Put in", _time(first.created_at, gateway)),
        ("Given up", _time(first.expires_at, gateway)),
        ("Sent as", first.dispatch or ""),
    ]
    print_table("Fact", "Value", rows=facts)
    _show(found, gateway)


@app.command(epilog="Example: mailgate queue stats --json")
def stats(context: typer.Context, *, watch: Watch = False, json: Json = False) -> None:
    """Count entries by state, and show the domains that most waits for."""
    gateway = settings_of(context).gateway

    def numbers() -> None:
        found = _read(context, listing.stats)
        if json:
            print_json(found)
        else:
            _show_numbers(found, gateway)

    shown(numbers, watch=watch, json=json)


def _show_numbers(found: Stats, gateway: Gateway) -> None:
    rows = [(state, str(count)) for state, count in found.recipients.items()]
    rows += [("may have gone twice", str(found.doubtful)), ("oldest", _time(found.oldest or 0, gateway))]
    print_table("Recipients", "Number", rows=rows)
    print_table(
        "Domain", "Waiting", "Oldest", "Failures", "Next", "Answer",
        rows=[
            (one.domain, str(one.waiting), _time(one.oldest, gateway), str(one.failures), _time(one.retry_at, gateway),
             one.answer)
            for one in found.destinations
        ],
    )  # fmt: skip


@app.command(epilog="Example: mailgate queue flush example.net")
def flush(
    context: typer.Context, domain: Annotated[str, typer.Argument()], *, dry_run: DryRun = False, json: Json = False
) -> None:
    """Try everything for a domain now."""
    _act(context, "retry", Filter(domain=domain), domain, dry_run=dry_run, json=json)


def _command(action: str, help_: str) -> None:
    @app.command(action, help=help_, epilog=f"Example: mailgate queue {action} 2f61c0a9d3b5e871")
    def command(  # noqa: PLR0913 - the options of the command
        context: typer.Context,
        number: Number = None,
        *,
        every: Annotated[bool, typer.Option("--all", help="Everything.")] = False,
        school: School = None,
        sender: Sender = None,
        domain: Domain = None,
        older_than: Hours = None,
        answer: Answer = None,
        dry_run: DryRun = False,
        json: Json = False,
    ) -> None:
        if every == any((number, school, sender, domain, older_than, answer)):
            raise CommandFailed("say which: the ID of a message, options of `mailgate queue list`, or --all")
        wanted = _filter(number, school, sender, domain, older_than, answer, ())
        named = {"school": school, "sender": sender, "domain": domain, "older than": older_than, "answer": answer}
        subject = number or ", ".join(f"{name} {value}" for name, value in named.items() if value) or "everything"
        _act(context, action, wanted, subject, dry_run=dry_run, json=json)


_command("retry", "Try it now, whatever the schedule says.")
_command("hold", "Keep it from being sent until it is released; it does not expire meanwhile.")
_command("release", "Send what was held.")
_command("delete", "Take it out of the queue; nobody is told.")


def _filter(
    number: str | None,
    school: str | None,
    sender: str | None,
    domain: str | None,
    older_than: float | None,
    answer: str | None,
    states: tuple[State, ...],
) -> Filter:
    before = None if older_than is None else int(time.time() - older_than * _HOUR)
    return Filter(
        states=states, school=school, sender=sender, domain=domain, before=before, answer=answer, message=number
    )


def _read(context: typer.Context, work: Callable[[Connection], T]) -> T:
    return run(in_transaction(settings_of(context), work))


def _act(
    context: typer.Context, action: str, wanted: Filter, subject: str, *, dry_run: bool, json: bool
) -> None:  # fmt: skip
    def work(connection: Connection) -> Acted:
        done = steering.act(connection, action, wanted)
        record(connection, f"queue {action}", subject, f"{done.changed} entries")
        return done

    done = apply(settings_of(context), work, dry_run=dry_run)
    if json:
        print_json(done._asdict())
    else:
        under_way = f", {done.sending} of them being sent: for what that attempt does not end" if done.sending else ""
        console.print(f"{done.changed} entries{under_way}")


def _show(found: Sequence[EntryView], gateway: Gateway) -> None:
    print_table(
        "Id", "State", "From", "To", "Since", "Next", "Tries", "Answer",
        rows=[
            (one.id, "sending" if one.sending else one.state.value, one.sender or "<>", one.recipient,
             _time(one.created_at, gateway), _next(one, gateway), str(one.attempts), one.answer)
            for one in found
        ],
    )  # fmt: skip


def _next(one: EntryView, gateway: Gateway) -> str:
    return "now" if one.state is State.WAITING and one.due_at == AT_ONCE else _time(one.due_at, gateway)


def _time(at: int, gateway: Gateway) -> str:
    return datetime.datetime.fromtimestamp(at, gateway.zone()).strftime("%Y-%m-%d %H:%M") if at else ""
