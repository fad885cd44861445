"""What is decided about parents, with the mail accounts that follow from it: one transaction each, which is the
caller's, with its audit row.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import Connection, exists, or_, select

from directory import exclusions, merging
from directory.exclusions import FamilyError
from directory.family import follow_families, pupils_of
from directory.list_definitions import Author
from directory.report import ListChange
from mailgate.accounts.schema import app_password, chosen_password
from mailgate.policy.audit import record
from mailgate.queue.wishes import follow_merges
from mailgate.retention import leavers
from mailgate.store.provisioning import create_accounts, set_state
from mailgate.store.schema import account


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a decision led to: a sentence, whose accounts were closed and opened again, how lists changed."""

    said: str
    closed: Sequence[int] = ()
    opened: Sequence[int] = ()
    lists: Sequence[ListChange] = field(default=())


def exclude(connection: Connection, whom: str, target: str, author: Author, reason: str) -> Outcome:
    """Exclude a guardian for a pupil (by address) or in a school (by UAI). Raises FamilyError, ListError."""
    who, for_whom = exclusions.find_parent(connection, whom), exclusions.find_target(connection, target)
    exclusions.exclude(connection, who, for_whom, author, reason)
    record(connection, "person exclude", who.address, f"{for_whom.name}: {reason}", **author._asdict())
    lists = follow_families(connection, [who.person_id], exclusions.concerned(connection, who, for_whom))
    closed, opened = follow_exclusions(connection)
    return Outcome(f"{who.address} is excluded for {for_whom.name}.", closed, opened, lists)


def lift(connection: Connection, whom: str, target: str, author: Author) -> Outcome:
    """Take an exclusion back. Raises FamilyError."""
    who, for_whom = exclusions.find_parent(connection, whom), exclusions.find_target(connection, target)
    was_closed = exclusions.lift(connection, who, for_whom)
    record(connection, "person include", who.address, for_whom.name, **author._asdict())
    lists = follow_families(connection, [who.person_id], exclusions.concerned(connection, who, for_whom))
    closed, opened = follow_exclusions(connection)
    if was_closed and who.person_id not in {*closed, *opened}:
        set_state(connection, [who.person_id], "active")
        opened = [*opened, who.person_id]
    return Outcome(f"{who.address} is no more excluded for {for_whom.name}.", closed, opened, lists)


def follow_exclusions(connection: Connection) -> tuple[list[int], list[int]]:
    """Close the accounts of who has no pupil left by exclusions, and open those that have one again."""
    closed, opened = exclusions.to_close(connection)
    set_state(connection, closed, "suspended")
    set_state(connection, opened, "active")
    return closed, opened


def merge(
    connection: Connection, keep: str, drop: str, author: Author, today: date, *, reason: str = "", force: bool = False
) -> Outcome:
    """Let one person stand for another too: the dropped account is suspended and keeps its mail.

    Raises:
        FamilyError: they cannot be one person, or somebody signs in to the dropped account and not `force`.
    """
    kept, dropped = exclusions.find_parent(connection, keep), exclusions.find_parent(connection, drop)
    if not force and dropped.person_id != kept.person_id and _signs_in(connection, dropped.person_id):
        other = "both accounts have" if _signs_in(connection, kept.person_id) else f"{dropped.address} has"
        raise FamilyError(f"{other} a password, and that of {dropped.address} would open nothing: --force does it")
    people = [kept.person_id, dropped.person_id]
    pupils = pupils_of(connection, people)
    suspends = connection.scalar(select(account.c.state).where(account.c.account_id == dropped.person_id)) == "active"
    merging.merge(connection, kept, dropped, author, today, reason=reason, suspends=suspends)
    record(connection, "person merge", kept.address, _with(dropped.address, reason), **author._asdict())
    set_state(connection, [dropped.person_id], "suspended")
    lists = follow_families(connection, people, pupils)
    follow_merges(connection, people)
    leavers.give_back(connection)
    closed, opened = follow_exclusions(connection)
    said = f"{dropped.address} is {kept.display} <{kept.address}> from now on."
    return Outcome(said, [*closed, dropped.person_id], opened, lists)


def split(connection: Connection, text: str, author: Author, today: date, *, quota: int) -> Outcome:
    """Undo a merge, by an address of the dropped person or by the number of a record. Raises FamilyError."""
    undone = merging.split(connection, text, author, today)
    record(connection, "person split", undone.address, f"person {undone.kept_id}", **author._asdict())
    people = [undone.kept_id, undone.other_id]
    if undone.new:
        create_accounts(connection, [undone.other_id], quota_limit=quota)
    elif undone.opens:
        create_accounts(connection, [undone.other_id], quota_limit=quota)  # it may have been purged
        set_state(connection, [undone.other_id], "active")
    elif undone.closed:
        leavers.part(connection, undone.other_id, int(time.time()))
    lists = follow_families(connection, people, pupils_of(connection, people))
    follow_merges(connection, people)
    leavers.give_back(connection)
    closed, opened = follow_exclusions(connection)
    return Outcome(
        f"{undone.address} is a person of its own.",
        closed,
        [*opened, *([undone.other_id] if undone.opens else [])],
        lists,
    )


def _signs_in(connection: Connection, person_id: int) -> bool:
    used = app_password.c
    has = or_(
        exists().where(used.account_id == person_id, used.revoked_at.is_(None)),
        exists().where(chosen_password.c.account_id == person_id),
    )
    return bool(connection.scalar(select(has)))


def _with(first: str, second: str) -> str:
    return f"{first}: {second}" if second else first
