"""What the school decides: its language and whom to ask, who manages its lists; and what there is already."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Connection, select

from directory import list_delegates
from directory.list_definitions import Author, find
from directory.list_delegates import Role, delegates
from directory.queries import LIST_BY_ADDRESS, LISTS, MEMBERS
from directory.schema import list_
from mailgate import list_archives
from mailgate.cli.setup.plan import Acting, Outcome, Plan, Status, the_school
from mailgate.naming.site import pages_url
from mailgate.policy import cells, schools
from mailgate.policy.audit import operator, record


def look_at_settings(plan: Plan, _: Acting) -> Outcome:
    """What in the settings file would keep people from their mail."""
    settings = plan.settings
    missing = []
    if settings.gateway.hostname == "localhost":
        missing.append("gateway.hostname is localhost: letters and DNS records would lead nowhere")
    if not pages_url(settings):
        missing.append("web.listen is empty: there is no page on which people choose a password, and no letter")
    if not settings.tls.certificate.exists():
        missing.append(f"tls.certificate: there is no file {settings.tls.certificate}")
    facts: dict[str, object] = {"hostname": settings.gateway.hostname, "domain": settings.directory.domain}
    said = [f"Server {settings.gateway.hostname}, people's domain {settings.directory.domain}", *missing]
    return Outcome(Status.WAITS if missing else Status.SHOWN, said, {**facts, "missing": missing})


def look_at_policy(plan: Plan, acting: Acting) -> Outcome | None:
    """Done once the language was set, and is as it is wished."""

    def work(connection: Connection) -> tuple[schools.SchoolSettings, int]:
        school_id, _ = the_school(connection, plan.uai)
        return schools.read(connection, school_id), len(cells.cells_of(connection, school_id))

    kept, changed = acting.read(work)
    if kept.language is None or plan.language not in (None, kept.language) or plan.contact not in (None, kept.contact):
        return None
    return Outcome(Status.BEFORE, *_policy(kept, changed))


def decide_policy(plan: Plan, acting: Acting) -> Outcome:
    """Language and contact; the matrix is the shipped one until `mailgate policy` changes it."""

    def work(connection: Connection) -> tuple[schools.SchoolSettings, int]:
        school_id, _ = the_school(connection, plan.uai)
        kept = schools.read(connection, school_id)
        wished = {"language": plan.language or kept.language or plan.settings.gateway.language, "contact": plan.contact}
        for name, value in wished.items():
            if value is not None and value != getattr(kept, name):
                schools.change(connection, school_id, name, value)
                record(connection, "school set", plan.uai, f"{name}: {value}")
        return schools.read(connection, school_id), len(cells.cells_of(connection, school_id))

    return Outcome(Status.DONE, *_policy(*acting.change(work)))


def _policy(kept: schools.SchoolSettings, changed: int) -> tuple[list[str], dict[str, object]]:
    said = [
        f"Language {kept.language}; letters say to ask: {kept.contact or 'the office'}",
        f"Who may write to whom: the shipped matrix, {changed or 'no'} cells changed (`mailgate policy show`)",
    ]
    return said, {"language": kept.language, "contact": kept.contact, "cells_changed": changed}


def look_at_lists(plan: Plan, acting: Acting) -> Outcome:
    """How many lists of each kind there are, with an example of each."""
    found = defaultdict[str, list[tuple[str, int]]](list)
    for row in acting.read(lambda connection: connection.execute(LISTS).all()):
        if row.uai == plan.uai:
            found[row.kind].append((row.address, row.members))
    said = [
        f"{len(some)} of kind {kind}, such as {max(some, key=lambda one: one[1])[0]} "
        f"({max(number for _, number in some)} members)"
        for kind, some in sorted(found.items())
    ]
    return Outcome(Status.SHOWN, said, {"lists": {kind: len(some) for kind, some in sorted(found.items())}})


def look_at_administrators(plan: Plan, acting: Acting) -> Outcome | None:
    """Done when all who are wished manage the lists of the whole school."""

    def work(connection: Connection) -> tuple[set[str], str, int]:
        _, domain = the_school(connection, plan.uai)
        direction = connection.execute(LIST_BY_ADDRESS, {"address": f"direction@{domain}"}).first()
        heads = connection.execute(MEMBERS, {"list_id": direction.list_id}).all() if direction else []
        return _managers(connection, plan.uai), f"direction@{domain}", len(heads)

    managers, direction, heads = acting.read(work)
    if not set(plan.administrators) <= managers:
        return None
    said = [f"{direction} ({heads} people) approves what waits for the school's lists"]
    said += [f"{one} manages the lists of the whole school" for one in sorted(managers)]
    return Outcome(
        Status.BEFORE if managers else Status.SHOWN, said, {"administrators": sorted(managers), "direction": heads}
    )


def make_administrators(plan: Plan, acting: Acting) -> Outcome:
    """Let people manage each list of the whole school, as `mailgate list delegate add` does. Raises ListError."""

    def work(connection: Connection) -> set[str]:
        author = Author(operator(), plan.now)
        for address in _whole_school(connection, plan.uai):
            one = find(connection, address)
            there = {each.who for each in delegates(connection, one.list_id) if each.role == Role.MANAGE}
            for whom in plan.administrators:
                if whom not in there:
                    who = list_delegates.add(connection, one, whom, Role.MANAGE, author)
                    record(connection, "list delegate add", one.address, f"manage {who}", **author._asdict())
            list_archives.follow(connection, one)
        return _managers(connection, plan.uai)

    managers = sorted(acting.change(work))
    said = [f"{one} manages the lists of the whole school" for one in managers]
    return Outcome(Status.DONE, said, {"administrators": managers})


def _whole_school(connection: Connection, uai: str) -> list[str]:
    """Addresses of the lists of the whole school."""
    school_id, _ = the_school(connection, uai)
    return list(
        connection.scalars(
            select(list_.c.address)
            .where(list_.c.school_id == school_id, list_.c.kind == "school", list_.c.active)
            .order_by(list_.c.address)
        )
    )


def _managers(connection: Connection, uai: str) -> set[str]:
    """Who manages every list of the whole school."""
    found = [
        {each.who for each in delegates(connection, find(connection, address).list_id) if each.role == Role.MANAGE}
        for address in _whole_school(connection, uai)
    ]
    return set.intersection(*found) if found else set()
