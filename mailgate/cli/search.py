"""`mailgate search`: the index of texts."""

from __future__ import annotations

import msgspec
import typer

from mailgate.cli.context import Json, console, database, print_json, run, settings_of
from mailgate.cli.progress import bar
from mailgate.config import Settings
from mailgate.store.search.indexer import BATCH, Indexer, IndexStatus, index_status, start_afresh

app = typer.Typer(help="The index of texts that SEARCH uses.", no_args_is_help=True)


@app.command(epilog="Example: mailgate search status --json")
def status(context: typer.Context, *, json: Json = False) -> None:
    """Show how many contents are in the index, and how many wait for it: these are found too, but by reading them."""
    _tell(run(_status(settings_of(context))), json=json)


@app.command(epilog="Example: mailgate search reindex")
def reindex(context: typer.Context, *, json: Json = False) -> None:
    """Empty the index and build it anew. The gateway may serve meanwhile: searches then read messages."""
    _tell(run(_reindex(settings_of(context))), json=json)


async def _status(settings: Settings) -> IndexStatus:
    async with database(settings) as opened:
        return await index_status(opened)


async def _reindex(settings: Settings) -> IndexStatus:
    async with database(settings) as opened:
        total = await start_afresh(opened)
        indexer = Indexer(opened)
        done = 0
        with bar() as report:
            while taken := await indexer.index_batch(BATCH[opened.engine]):
                done += taken
                report(f"Indexed of {total:,}", done)
        return await index_status(opened)


def _tell(found: IndexStatus, *, json: bool) -> None:
    if json:
        print_json(found)
        return
    for name, value in msgspec.to_builtins(found).items():
        console.print(f"{name:8} {value:,}")
