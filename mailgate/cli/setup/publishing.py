"""What others are to know of the school: keys, records, letters."""

from __future__ import annotations

from sqlalchemy import Connection

from certs.dkim import Kind
from mailgate.accounts import activation_making as making
from mailgate.accounts.rolls import CodeState, Roll, rolls
from mailgate.cli.activation import label
from mailgate.cli.dns import wanted_records, zone
from mailgate.cli.setup.plan import Acting, Outcome, Plan, Status, the_school
from mailgate.letters import writing
from mailgate.letters.contents import Sender
from mailgate.naming.site import pages_url
from mailgate.policy.audit import record
from mailgate.signing import keys as dkim_keys
from mailgate.signing.keys import Key


def look_at_keys(plan: Plan, acting: Acting) -> Outcome | None:
    """Done when people's domain has keys, and the school's unless it is below that one."""
    domains, keys = acting.read(lambda connection: _keys(plan, connection))
    if any(domain not in {one.domain for one in keys} for domain in domains):
        return None
    return Outcome(Status.BEFORE, _shown(keys), _as_facts(keys))


def make_keys(plan: Plan, acting: Acting) -> Outcome:
    """The first keys, one of each kind. They sign once `mailgate dkim rotate` has seen their records in the DNS."""

    if plan.dry_run:  # a record of a key that is thrown away is nothing to publish
        return Outcome(Status.DONE, ["A key of each kind would be made."], {"keys": []})

    def work(connection: Connection) -> list[Key]:
        domains, keys = _keys(plan, connection)
        for domain in domains:
            if domain not in {one.domain for one in keys}:
                for one in dkim_keys.make(connection, domain, list(Kind)):
                    record(connection, "dkim create", one.name, one.kind.value)
        return _keys(plan, connection)[1]

    keys = acting.change(work)
    return Outcome(Status.DONE, _shown(keys), _as_facts(keys))


def _keys(plan: Plan, connection: Connection) -> tuple[list[str], list[Key]]:
    """The domains that need keys of their own, and the keys that they have. A domain's key signs for those below it."""
    people = plan.settings.directory.domain
    _, own = the_school(connection, plan.uai)
    domains = [people] if own == people or own.endswith(f".{people}") else [people, own]
    return domains, [one for one in dkim_keys.keys(connection) if one.domain in domains and not one.retired_at]


def _shown(keys: list[Key]) -> list[str]:
    domains = sorted({one.domain for one in keys})
    then = [f"Once the records below are published: mailgate dkim rotate {domain}" for domain in domains]
    return [*(f"{one.name} ({one.kind}, {one.state})" for one in keys), *then]


def _as_facts(keys: list[Key]) -> dict[str, object]:
    return {"keys": [{"name": one.name, "kind": one.kind, "state": one.state} for one in keys]}


def look_at_records(plan: Plan, acting: Acting) -> Outcome:
    """The records to publish."""
    found = acting.read(lambda connection: wanted_records(connection, plan.settings, plan.uai))
    said = [*zone(found), f"Once they are published: mailgate dns check {plan.uai}"]
    return Outcome(Status.SHOWN, said, {"records": found})


def look_at_letters(plan: Plan, acting: Acting) -> Outcome | None:
    """Done once somebody of the school alone has had a code: a second run would end the codes that were handed out."""
    found = acting.read(lambda connection: rolls(connection, plan.uai, None, plan.now))
    people = {one.account_id: one for roll in found for one in roll.members}.values()
    activated = sum(one.activated for one in people)
    waiting = sum(not one.activated and one.code is CodeState.WAITING for one in people)
    facts: dict[str, object] = {"people": len(people), "activated": activated, "waiting": waiting}
    if any(one.code is not CodeState.NONE and not one.elsewhere for one in people):
        said = f"{activated} of {len(people)} people have chosen a password, {waiting} have a code that waits"
        return Outcome(Status.BEFORE, [f"{said}; new ones: mailgate letters {plan.uai} --out FOLDER"], facts)
    if not pages_url(plan.settings):
        return Outcome(Status.WAITS, ["Set web.listen in the settings first."], facts)
    if plan.letters is None:
        return Outcome(Status.WAITS, [f"To write them: mailgate letters {plan.uai} --out FOLDER"], facts)
    return None


def write_letters(plan: Plan, acting: Acting) -> Outcome:
    """A file for each class, and one for the staff."""
    assert plan.letters is not None  # noqa: S101 - look_at_letters has seen to it

    def read(connection: Connection) -> tuple[list[Roll], Sender]:
        found = rolls(connection, plan.uai, None, plan.now)
        return found, writing.sender_of(connection, plan.settings, found[0])

    found, sender = acting.read(read)
    days = plan.settings.accounts.activation_days
    made = writing.drawn(found, sender, plan.letters, plan.form, now=plan.now, days=days, for_show=plan.dry_run)
    if not plan.dry_run:
        with writing.placing(made, plan.letters) as fresh:
            acting.change(lambda connection: making.keep(connection, fresh, "letters"))
    files = [one for one, _ in made.files]
    said = [f"{label(one.roll)}: {one.letters} letters, {one.path}" for one in files]
    if not plan.dry_run:
        said.append("Print on one side of the paper only: each page is for somebody else. Then delete the files.")
    return Outcome(
        Status.DONE, said, {"files": [str(one.path) for one in files], "letters": sum(one.letters for one in files)}
    )
