"""An academy of the generator, imported for the first time, once more without a change, and with one record in a
hundred changed: seconds, processor and memory.

`python -m benchmarks.directory_import FOLDER [--store sqlite|postgresql]`; FOLDER is what the generator made, with
`aaf/` in it. Each step is a process of its own, as `mailgate directory import` is.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, get_args

from sqlalchemy import Connection, text

from benchmarks.stores import Store, database
from directory.opening import open_files
from directory.settings import ImportSettings
from directory.source import Format, Source
from mailgate import migrations
from mailgate.database.batch import batch_engine
from mailgate.directory_import import Provisioning
from mailgate.directory_sources import SourcesReport, import_sources

SETTINGS: Final = ImportSettings(
    academy="EXEMPLE", ent_domain="ent.example.org", school_year=2025, today=datetime.date(2025, 10, 1)
)
MEGABYTE: Final = 1024
_EVERY: Final = 100
_GROUP: Final = re.compile(rb'(<attr name="ENTEleveGroupes">)(.*?)(</attr>)')
_MAIL: Final = re.compile(rb'(<attr name="mail">)(.*?)(</attr>)')
_NAME: Final = re.compile(rb'(<attr name="sn">)(.*?)(</attr>)')


def main() -> None:
    """Print a line of figures for each step on each store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--store", choices=get_args(Store))
    parser.add_argument("--step", nargs=2, metavar=("URL", "PATH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(measured(options.step[0], Path(options.step[1]))))
        return
    stores: Sequence[Store] = [options.store] if options.store else get_args(Store)
    with tempfile.TemporaryDirectory() as folder:
        changed, copied = Path(folder) / "changed", Path(folder) / "copied"
        write_changed(options.folder / "aaf", changed, every=_EVERY)
        write_changed(options.folder / "aaf", copied, every=0)
        for store in stores:
            with database(store) as url:
                asyncio.run(prepared(url))
                for what, path in (
                    ("first import", options.folder / "aaf"),
                    ("the same files", options.folder / "aaf"),
                    ("other files that say the same", copied),
                    ("1 % changed", changed),
                ):
                    print(f"{store}: {what}: {step(url, path)}", flush=True)
                print(f"{store}: held: {asyncio.run(held(url))}", flush=True)


def write_changed(source: Path, target: Path, *, every: int) -> None:
    """A copy of a delivery in which one record of people in `every` differs: pupils lose their groups, relatives change
    their mail, staff their name. With 0 nothing differs but the bytes.
    """
    target.mkdir()
    count = 0

    def change(line: bytes, pattern: re.Pattern[bytes], value: bytes) -> bytes:
        return pattern.sub(rb"\g<1>%b\g<3>" % value, line)

    for path in sorted(source.glob("*.xml")):
        category = path.name.rsplit("_", 2)[1]
        pattern, value = {
            "Eleve": (_GROUP, b"<value/>"),
            "PersRelEleve": (_MAIL, b"<value>new@example.org</value>"),
            "PersEducNat": (_NAME, b"<value>Nouveau</value>"),
        }.get(category, (None, b""))
        with path.open("rb") as lines, (target / path.name).open("wb") as out:
            for line in lines:
                if line.startswith(b"<addRequest"):
                    count += 1
                differs = pattern is not None and every and count % every == 0
                out.write(change(line, pattern, value) if differs and pattern is not None else line)
            out.write(b"<!-- written again -->\n")


async def prepared(url: str) -> None:
    """Make the tables."""
    async with batch_engine(url, create=True) as engine:
        await migrations.upgrade(engine)


def step(url: str, path: Path) -> str:
    """One import in a process of its own: its figures."""
    words = [sys.executable, "-m", "benchmarks.directory_import", ".", "--step", url, str(path)]
    found = json.loads(subprocess.run(words, check=True, capture_output=True, env=os.environ).stdout)
    processor = f"processor: {found['processor']:.1f} s, {found['server']:.1f} s in the server"
    return f"{found['seconds']:.1f} s ({processor}), {found['memory']} MB; {found['changes']}"


def measured(url: str, path: Path) -> dict[str, Any]:
    """Import what is at a path."""
    begun = time.perf_counter()
    done, server = asyncio.run(imported(url, path))
    taken = done.taken[0]
    return {
        "seconds": time.perf_counter() - begun,
        "processor": time.process_time(),
        "server": server,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // MEGABYTE,
        "changes": f"{taken.records:,} records, {taken.change.added:,} new, {taken.change.changed:,} changed, "
        f"{taken.change.removed:,} removed; people: {done.directory.added.total():,} added, "
        f"{done.directory.changed.total():,} changed",
    }


async def imported(url: str, path: Path) -> tuple[SourcesReport, float]:
    """One import, in one transaction; the seconds of processor of the database's process, if it has one."""
    now = datetime.datetime.now().astimezone()

    def work(connection: Connection) -> tuple[SourcesReport, float]:
        reading = open_files(Source("aaf", Format.AAF), path, SETTINGS.school_year)
        report = import_sources(connection, [reading], SETTINGS, Provisioning(), now)
        if connection.dialect.name != "postgresql":
            return report, 0.0
        process = connection.scalar(text("SELECT pg_backend_pid()"))
        ticks = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
        return report, sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    async with batch_engine(url) as engine, engine.begin() as connection:
        return await connection.run_sync(work)


async def held(url: str) -> str:
    """What the records that are held take."""
    async with batch_engine(url) as engine, engine.connect() as connection:
        count, bodies = (await connection.execute(text("SELECT count(*), sum(length(body)) FROM held_record"))).one()
        if engine.dialect.name == "postgresql":
            size = (await connection.execute(text("SELECT pg_total_relation_size('held_record')"))).scalar_one()
        else:
            sizes = "SELECT sum(pgsize) FROM dbstat WHERE name = 'held_record'"
            size = (await connection.execute(text(sizes))).scalar_one()
    return f"{count:,} records, {bodies / count:.0f} octets of content each, {size / count:.0f} with tables and indexes"


if __name__ == "__main__":
    main()
