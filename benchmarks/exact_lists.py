"""Every list of a whole set against its expected file: after the import; with additions and exclusions in lists of
whole classes, groups and levels, and lists by rule and of lists over pairs; once more after the import is done again.

Run from the root of the tree, on the folder that the generator of the pilot set made (``aaf/`` and ``expected.json``):
``python -m benchmarks.exact_lists FOLDER [--only sqlite]``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final, TypeAlias, get_args

from sqlalchemy import Connection, select

from benchmarks.stores import Store, database
from directory import list_adjustments, list_definitions
from directory.list_adjustments import Person
from directory.list_definitions import Author, find
from directory.list_membership import OneList, follow
from directory.readers.aaf import read_aaf
from directory.schema import address, list_, list_member, person
from directory.settings import ImportSettings
from directory.source import Format, Source
from mailgate import migrations
from mailgate.database.batch import batch_engine
from mailgate.directory_import import Provisioning, import_and_provision

Lists: TypeAlias = Mapping[str, set[str]]
"""Record numbers by address."""

SETTINGS: Final = ImportSettings(
    academy="EXEMPLE", ent_domain="ent.example.org", school_year=2025, today=date(2025, 10, 1), force=True
)
AUTHOR: Final = Author("benchmark", 0)
WHOLE: Final = ".tous"
"""How addresses of the lists of everybody in a class, a group, a level end."""
MEGABYTE: Final = 1024


def main() -> None:
    """Check each store; exit code 1 when a list is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=get_args(Store))
    options = parser.parse_args()
    truth = json.loads((options.folder / "expected.json").read_text(encoding="utf-8"))["lists"]
    wanted = {name: {str(one) for one in found["members"]} for name, found in truth.items() if found["members"]}
    stores: Sequence[Store] = [options.only] if options.only else get_args(Store)
    wrong = 0
    for store in stores:
        with database(store) as url:
            wrong += asyncio.run(checked(url, options.folder / "aaf", wanted))
    sys.exit(bool(wrong))


async def checked(url: str, folder: Path, wanted: Lists) -> int:
    """All steps on one store; the number of lists that were wrong in any."""
    wrong = 0
    async with batch_engine(url, create=True) as engine:
        await migrations.upgrade(engine)

        async def step(what: str, work: object, against: Lists) -> None:
            nonlocal wrong
            begun = time.perf_counter()
            async with engine.begin() as connection:
                await connection.run_sync(work)  # type: ignore[arg-type]
                found = await connection.run_sync(lists)
            bad = differing(found, against)
            wrong += len(bad)
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // MEGABYTE
            seconds = time.perf_counter() - begun
            count = sum(map(len, found.values()))
            print(f"{url.partition(':')[0]}: {what}: {len(found):,} lists of {count:,} members, {len(bad)} wrong, "
                  f"{seconds:.1f} s, {memory} MB so far")  # fmt: skip
            for name in bad[:5]:
                print(f"  {name}: {sorted(found.get(name, set()) ^ against.get(name, set()))[:10]}")

        await step("imported", lambda connection: taken_in(connection, folder), wanted)
        changed = plan(wanted)
        await step("changed by hand", lambda connection: change(connection, wanted), changed)
        await step("imported again", lambda connection: taken_in(connection, folder), changed)
    return wrong


def taken_in(connection: Connection, folder: Path) -> None:
    """Import the whole set."""
    import_and_provision(connection, [(Source("aaf", Format.AAF), read_aaf(folder))], SETTINGS, Provisioning())


def differing(found: Lists, wanted: Lists) -> list[str]:
    """The lists that have not the members that they should, or should not be there."""
    return [name for name in sorted({*found, *wanted}) if found.get(name) != wanted.get(name)]


def adjusted(wanted: Lists) -> Iterator[tuple[str, str, str]]:
    """Each list that no other is made of, with whom it loses and whom it gains: the first of its own, and the first of
    the next that it lacks.
    """
    names = [name for name in sorted(wanted) if name.partition("@")[0].endswith(WHOLE)]
    for name, other in zip(names, [*names[1:], names[0]], strict=True):
        gained = min(wanted[other] - wanted[name], default="")
        if gained and len(wanted[name]) > 1:
            yield name, min(wanted[name]), gained


def pairs(wanted: Lists) -> Iterator[tuple[str, str, str]]:
    """Two lists of one domain, and how the lists made of them begin: every twentieth."""
    by_domain = defaultdict[str, list[str]](list)
    for name in sorted(wanted):
        by_domain[name.partition("@")[2]].append(name)
    for domain, names in by_domain.items():
        for number, (one, other) in enumerate(zip(names[::20], names[1::20], strict=False)):
            yield one, other, f"{number}@{domain}"


def plan(wanted: Lists) -> Lists:
    """What `change` makes of the lists."""
    made = {name: set(members) for name, members in wanted.items()}
    for name, lost, gained in adjusted(wanted):
        made[name] = (made[name] - {lost}) | {gained}
    for one, other, end in pairs(wanted):
        made[f"union-{end}"] = made[one] | made[other]
        made[f"common-{end}"] = made[one] & made[other]
        made[f"without-{end}"] = made[one] - made[other]
        made[f"nested-{end}"] = made[one] | made[f"union-{end}"]
    return {name: members for name, members in made.items() if members}


def change(connection: Connection, wanted: Lists) -> None:
    """Add to and exclude from lists, and make lists of lists."""
    people = {one.source_id: one for one in connection.execute(select(person))}
    addresses = {
        row.person_id: row.address for row in connection.execute(select(address).where(address.c.is_primary.is_(True)))
    }

    def known(number: str) -> Person:
        return list_adjustments.find_person(connection, addresses[people[number].person_id])

    touched: list[int] = []
    for name, lost, gained in adjusted(wanted):
        one = find(connection, name)
        list_adjustments.exclude(connection, one, [known(lost)], AUTHOR)
        list_adjustments.add(connection, one, [known(gained)], AUTHOR)
        touched.append(one.list_id)
    follow(connection, touched, names=False)
    for first, second, end in pairs(wanted):
        rules = {"union": "{0} | {1}", "common": "{0} & {1}", "without": "{0} - {1}"}
        made: dict[str, OneList] = {}
        for kind, rule in rules.items():
            text = rule.format(first, second)
            made[kind] = list_definitions.create(connection, f"{kind}-{end}", kind, AUTHOR, rule=text)
        nested = list_definitions.create(connection, f"nested-{end}", "nested", AUTHOR)
        list_definitions.nest(connection, nested, find(connection, first), AUTHOR)
        list_definitions.nest(connection, nested, made["union"], AUTHOR)
        follow(connection, [*(one.list_id for one in made.values()), nested.list_id], names=False)


def lists(connection: Connection) -> Lists:
    """Every list that has members."""
    found = defaultdict[str, set[str]](set)
    for name, number in connection.execute(
        select(list_.c.address, person.c.source_id)
        .join(list_member, list_member.c.list_id == list_.c.list_id)
        .join(person, person.c.person_id == list_member.c.person_id)
    ):
        found[name].add(str(number))
    return found


if __name__ == "__main__":
    main()
