"""`mailgate migrate`: whole accounts from another IMAP server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from mailgate.cli.context import CommandFailed, ExitCode, Json, fail, print_json, print_table, run, settings_of
from mailgate.cli.mail import intakes, octets_bar, show
from mailgate.transfer.copying import Manner, copy_account
from mailgate.transfer.csv_sources import DEFAULT_PORTS, SourcesRejected, parse_sources
from mailgate.transfer.imap_source import Login, Security, Server
from mailgate.transfer.many import Outcome, copy_many
from mailgate.transfer.report import Report, size_text

app = typer.Typer(help="Copy mail from other IMAP servers.", no_args_is_help=True)

PASSWORD_VARIABLE = "MAILGATE_SOURCE_PASSWORD"  # noqa: S105 - a name, not a password
_MEBI = 1024 * 1024

CaFile = Annotated[
    Path | None, typer.Option("--ca-file", exists=True, dir_okay=False, help="Trust these authorities alone (PEM).")
]
Flags = Annotated[
    bool, typer.Option("--flags", help="Bring flags of messages copied before up to date, where the source changed.")
]
Rate = Annotated[float, typer.Option(min=0, help="At most so many MiB a second from each account; 0: no bound.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Count what would be copied, and copy nothing.")]


@app.command(
    epilog="Example: mailgate migrate imap theo.david@ent.example.org --host imap.old.example.org --user tdavid"
)
def imap(  # noqa: PLR0913 - options of a command
    context: typer.Context,
    target: Annotated[str, typer.Argument(help="Any address of the account here.")],
    host: Annotated[str, typer.Option(help="The other server.")],
    user: Annotated[str, typer.Option(help="The name of the account there.")],
    *,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: 993, or 143 without tls.")] = None,
    security: Annotated[Security, typer.Option("--tls", help="none sends the password in clear.")] = Security.TLS,
    ca_file: CaFile = None,
    master: Annotated[str | None, typer.Option(help="Sign in as this user on behalf of --user (SASL PLAIN).")] = None,
    password_file: Annotated[
        Path | None, typer.Option(help=f"Its first line; default: the variable {PASSWORD_VARIABLE}, or a question.")
    ] = None,
    rate: Rate = 0,
    flags: Flags = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Copy a whole account: folders, dates, flags. Run it again to continue, or for what is new: none comes twice."""
    settings = settings_of(context)
    server = Server(host, port or DEFAULT_PORTS[security], security, ca_file)
    login = Login(user, _password(password_file), master)
    manner = _manner(rate, flags=flags, dry_run=dry_run)

    async def work() -> Report:
        async with intakes(settings, [target]) as (database, (intake,)):
            with octets_bar("connecting") as (advance, expect):
                return await copy_account(database, intake, server, login, manner, advance=advance, expect=expect)

    show(run(work()), json=json)


@app.command(epilog="Example: mailgate migrate accounts accounts.csv --parallel 4 --report result.csv")
def accounts(  # noqa: PLR0913 - options of a command
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with the columns host, user, password, target; port, tls, master.")],
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Accounts that are copied at once.")] = 4,
    report: Annotated[Path | None, typer.Option(help="Write how each account ended to this CSV file.")] = None,
    ca_file: CaFile = None,
    rate: Rate = 0,
    *,
    flags: Flags = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Copy the accounts of a CSV file. Run it again to continue: nothing comes twice."""
    settings = settings_of(context)
    try:
        jobs = parse_sources(file.read_bytes(), ca_file=ca_file)
    except SourcesRejected as error:
        fail(f"{file}: {error}")
        raise typer.Exit(ExitCode.REFUSED) from error
    manner = _manner(rate, flags=flags, dry_run=dry_run)

    async def work() -> list[Outcome]:
        async with intakes(settings, [job.target for job in jobs]) as (database, made):
            with octets_bar(f"{len(jobs):,} accounts") as (advance, expect):
                return await copy_many(
                    database,
                    list(zip(jobs, made, strict=True)),
                    manner,
                    parallel=parallel,
                    report_file=report,
                    advance=advance,
                    expect=expect,
                )

    outcomes = run(work())
    if json:
        print_json([{"result": one.result, **_fields(one)} for one in outcomes])
    else:
        _print(outcomes)
    if any(one.result != "complete" for one in outcomes):
        raise typer.Exit(ExitCode.FAILED)


def _manner(rate: float, *, flags: bool, dry_run: bool) -> Manner:
    return Manner(dry_run, flags, int(rate * _MEBI))


def _fields(outcome: Outcome) -> dict[str, object]:
    return {"line": outcome.line, "source": outcome.source, "target": outcome.target, "report": outcome.report}


def _print(outcomes: list[Outcome]) -> None:
    rows = []
    for one in outcomes:
        totals = [f"{one.report.total(name):,}" for name in ("messages", "copied", "present", "refused")]
        rows.append((str(one.line), one.target, one.result, *totals, size_text(one.report.total("octets"))))
    print_table("Line", "Account", "Result", "Messages", "Copied", "Already there", "Refused", "Size", rows=rows)
    for one in outcomes:
        if one.report.error is not None:
            fail(f"line {one.line}: {one.target}: {one.report.error}")
        for remark in one.report.remarks():
            fail(f"line {one.line}: {one.target}: {remark}")


def _password(file: Path | None) -> str:
    """From a file, the environment, or a question: never from the command line, which every user of a machine sees."""
    if file is not None:
        found = file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    else:
        found = os.environ.get(PASSWORD_VARIABLE) or typer.prompt("Password there", hide_input=True, err=True)
    if not found:
        raise CommandFailed("the password is empty")
    return found
