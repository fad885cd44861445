"""Whom a list reaches, and who may post to it: what its people want to know before they write to it.

Batch work over a plain connection: some statements for a list, whatever the number of its members.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import BigInteger, Connection, Row, and_, bindparam, exists, func, or_, select

from directory.list_adjustments import adjustments
from directory.list_definitions import find
from directory.list_settings import ListSettings, Posting, settings_of_list
from directory.nomenclature import LEGAL_GUARDIAN, Profile
from directory.schema import address, class_member, guardian, list_member, person
from mailgate.accounts.schema import app_password, chosen_password
from mailgate.delivery.kinship import families
from mailgate.policy.cells import cells_of
from mailgate.policy.matrix import WRITERS, Scope, Verdict, default_cells, list_key
from mailgate.store.schema import account, mailbox


class Lack(StrEnum):
    """Why a member may not read what the list posts."""

    SUSPENDED = "suspended"
    """The account is closed: nothing is delivered to it."""
    NO_PASSWORD = "no password"  # noqa: S105 - a word, not a secret
    """None was ever made: nobody can have signed in."""
    NEVER_SIGNED_IN = "never signed in"
    """There are app passwords, and none was ever used."""
    FULL = "full"
    """The mailbox has reached its limit; lists deliver to it all the same."""
    NO_CHILD = "no child in class"
    """A relative none of whose children is in a class any more."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member with what is amiss."""

    name: str
    address: str
    profile: str
    lacks: tuple[Lack, ...]


@dataclass(frozen=True, slots=True)
class MayPost:
    """Who may post, and how: a profile in a scope, or what the list says of itself."""

    who: str
    scope: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Reach:
    """What `mailgate list check` tells."""

    address: str
    label: str
    closed: bool
    members: tuple[Member, ...]
    families: int
    """Of the pupils among the members and of the relatives' children; brothers and sisters are one."""
    excluded: int
    may_post: tuple[MayPost, ...]
    settings: ListSettings

    def lacking(self, lack: Lack) -> int:
        """How many members have this."""
        return sum(lack in member.lacks for member in self.members)

    @property
    def reached(self) -> int:
        """How many mailboxes get a message."""
        return len(self.members) - self.lacking(Lack.SUSPENDED)


_of_list = list_member.c.list_id == bindparam("list_id", type_=BigInteger)
_size = (
    select(func.sum(mailbox.c.size)).where(mailbox.c.account_id == account.c.account_id).scalar_subquery()
)  # of one account's few mailboxes, by their key
_any_password = exists().where(app_password.c.account_id == person.c.person_id)
_used_password = exists().where(
    app_password.c.account_id == person.c.person_id, app_password.c.last_used_at.is_not(None)
)
_chosen = exists().where(chosen_password.c.account_id == person.c.person_id)
_child_in_class = exists().where(
    guardian.c.person_id == person.c.person_id,
    guardian.c.legal == LEGAL_GUARDIAN,
    guardian.c.pupil_id == class_member.c.person_id,
)
_MEMBERS: Final = (
    select(
        person.c.display,
        address.c.address,
        person.c.profile,
        account.c.state,
        or_(_chosen, _any_password).label("password"),
        or_(_chosen, _used_password).label("signed_in"),
        and_(account.c.quota_limit > 0, func.coalesce(_size, 0) >= account.c.quota_limit).label("is_full"),
        _child_in_class.label("child"),
    )
    .select_from(list_member)
    .join(person, person.c.person_id == list_member.c.person_id)
    .join(address, and_(address.c.person_id == person.c.person_id, address.c.is_primary.is_(True)))
    .outerjoin(account, account.c.account_id == person.c.person_id)
    .where(_of_list)
    .order_by(person.c.sn, person.c.given, person.c.person_id)
)
_FAMILY_TIES: Final = (
    select(guardian.c.pupil_id, guardian.c.person_id)
    .where(
        guardian.c.legal == LEGAL_GUARDIAN,
        or_(
            guardian.c.person_id.in_(select(list_member.c.person_id).where(_of_list)),
            guardian.c.pupil_id.in_(select(list_member.c.person_id).where(_of_list)),
        ),
    )
)  # fmt: skip


def check(connection: Connection, text: str) -> Reach:
    """Look at the list of this address. Raises ListError when there is none."""
    one = find(connection, text)
    settings = settings_of_list(connection, one.list_id)
    rows = connection.execute(_MEMBERS, {"list_id": one.list_id}).all()
    ties = [(row[0], row[1]) for row in connection.execute(_FAMILY_TIES, {"list_id": one.list_id})]
    return Reach(
        one.address,
        one.label,
        one.closed_at is not None,
        tuple(Member(row.display, row.address, row.profile, tuple(_lacks(row))) for row in rows),
        len(set(families(ties).values())),
        sum(each.excluded for each in adjustments(connection, one.list_id)),
        tuple(
            _may_post(
                connection,
                one.school_id,
                list_key(one.kind, one.audience, of_cite=one.school_id is None),
                settings.posting,
            )
        ),
        settings,
    )


def _lacks(row: Row[tuple[str, str, str, str | None, bool, bool, bool, bool]]) -> Iterable[Lack]:
    if row.state != "active":
        yield Lack.SUSPENDED
    if not row.password:
        yield Lack.NO_PASSWORD
    elif not row.signed_in:
        yield Lack.NEVER_SIGNED_IN
    if row.is_full:
        yield Lack.FULL
    if row.profile == Profile.RELATIVE and not row.child:
        yield Lack.NO_CHILD


def _may_post(connection: Connection, school_id: int | None, key: str, posting: Posting) -> Iterable[MayPost]:
    if posting is not Posting.POLICY:
        yield MayPost(posting.value, "", Verdict.ALLOW)
        return
    cells = {**default_cells(), **(cells_of(connection, school_id) if school_id is not None else {})}
    for writer in WRITERS:
        for scope in Scope:
            verdict = cells.get((writer, key, scope), Verdict.REFUSE)
            if verdict is not Verdict.REFUSE:
                yield MayPost(writer, scope.value, verdict)
