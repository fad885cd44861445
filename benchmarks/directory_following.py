"""An academy of the generator on an LDAP server that is followed: what each kind of change costs, from the beginning of
the look that finds it until lists and accounts have it, in the process of its own that a gateway starts.

`python -m benchmarks.directory_following FILE [--store sqlite|postgresql]`; FILE is the `sdet.ldif` of the generator.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias, get_args

from benchmarks.directory_import import prepared
from benchmarks.stores import Store, database
from directory.following import glance
from mailgate import config
from mailgate.config import Settings
from mailgate.database.batch import batch_transaction
from mailgate.following.child import in_child
from mailgate.following.states import Live, live_sources, state_of
from tests.directory_ldap.conftest import DATA
from tests.support.slapd import PASSWORD, Slapd, Writer, added, replaced

Work: TypeAlias = Callable[[Writer], object]
_PUPILS: Final = "(&(objectClass=ENTEleve)(ENTEleveClasses=*))"
_SCHOOL: Final = "(objectClass=ENTEtablissement)"


def main() -> None:
    """Print a line of figures for each change on each store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--store", choices=get_args(Store))
    options = parser.parse_args()
    stores: Sequence[Store] = [options.store] if options.store else get_args(Store)
    for store in stores:
        with tempfile.TemporaryDirectory() as folder, database(store) as url:
            ldif = options.file.read_text()
            with Slapd(Path(folder), ldif, DATA / "sdet.schema", sync=True) as server:
                asyncio.run(followed(store, server, url))


async def followed(store: Store, server: Slapd, url: str) -> None:
    """Import, then change one thing after the other."""
    await prepared(url)
    settings = settings_for(server, url)
    (live,) = live_sources(settings.directory)
    print(f"{store}: first import: {await look(settings, live)}", flush=True)
    print(f"{store}: a look that finds nothing: {await nothing_new(settings, live)}", flush=True)
    for what, work in changes(server):
        with server.writing() as directory:
            work(directory)
        print(f"{store}: {what}: {await look(settings, live)}", flush=True)


def changes(server: Slapd) -> list[tuple[str, Work]]:
    """What happens to people whose classes differ."""
    with server.writing() as directory:
        here = _some(directory, server.suffix, _PUPILS, "ENTEleveClasses")
        school, _ = _some(directory, server.suffix, _SCHOOL, "ou")[0]
    (first, of_first), (second, of_second) = next(pair for pair in itertools.pairwise(here) if pair[0][1] != pair[1][1])
    (third, _), *_ = [one for one in here if one[0] not in (first, second)]
    to_second, to_first = replaced(ENTEleveClasses=of_second), replaced(ENTEleveClasses=of_first)
    return [
        ("what is not read of a pupil", lambda d: d.modify(first, replaced(homePhone="01 99 00 00 01"))),
        ("a pupil changes class", lambda d: d.modify(first, to_second)),
        ("two pupils do", lambda d: (d.modify(first, to_first), d.modify(second, to_first))),
        ("a class is added", lambda d: d.modify(school, added(ENTStructureClasses="6EME Z$6EME Z 6EME$10010012110"))),
        ("a pupil is deleted", lambda d: d.delete(third)),
    ]


def _some(directory: Writer, base: str, query: str, attribute: str) -> list[tuple[str, str]]:
    directory.search(base, query, attributes=[attribute], paged_size=100)
    found: list[dict[str, Any]] = directory.response
    return [(one["dn"], one["raw_attributes"][attribute][0].decode()) for one in found]


async def nothing_new(settings: Settings, live: Live) -> str:
    """What a gateway does itself."""
    async with batch_transaction(settings.database.url) as connection:
        state = await connection.run_sync(state_of, settings.directory.academy, live.source.name)
    assert state.position is not None
    begun, processor = time.perf_counter(), time.process_time()
    glance(live.source.origin, live.server.to_dict(), state.position)
    return f"{time.perf_counter() - begun:.2f} s (processor: {time.process_time() - processor:.2f} s)"


async def look(settings: Settings, live: Live) -> str:
    """One look in a process of its own."""
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = await in_child(settings, live.source.name)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.perf_counter() - begun
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    how = done.error or ("everything was read" if done.complete else "what changed was read")
    return f"{seconds:.1f} s (processor of the program: {processor:.1f} s); {how}"


def settings_for(server: Slapd, url: str) -> Settings:
    """The settings of a gateway that follows the server."""
    ldap = {"url": server.ldaps, "base": server.suffix, "bind_dn": server.reader, "bind_password": PASSWORD}
    source = {"name": "ent", "format": "sdet", "ldap": {**ldap, "ca": str(server.tls.ca)}}
    return config.decode({"database": {"url": url}, "directory": {"sources": [source]}})


if __name__ == "__main__":
    main()
