"""Shared mailboxes: accounts that are nobody's own, with an address, and rights for people and for lists.

They are made by an administrator, or from the directory at import: for each school its office and its school life, for
each class its team, where the directory has people for them. The rights are those of the list of these people, so that
they follow every import. Everything here is batch work over a plain connection.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import Connection, and_, delete, exists, func, insert, literal, select, update

from directory.addresses import TakenAddressError
from directory.list_membership import adjusting, follow
from directory.local import add_person
from directory.merged import current, stands_for
from directory.nomenclature import Profile
from directory.queries import MEMBER_IDS
from directory.report import ImportReport, Kind
from directory.schema import LEFT, Id, address, class_, list_, person, school
from directory.schools import in_words
from imap.backend import HIERARCHY_DELIMITER
from imap.rights import Rights, letters, parse_rights
from mailgate.config import Shared
from mailgate.database.postgresql_connection import CHANNEL
from mailgate.store.access import LIST, PERSON
from mailgate.store.feed import MAILBOX_LIST, payloads
from mailgate.store.provisioning import INBOX_ID, create_accounts, set_state
from mailgate.store.released import let_go
from mailgate.store.schema import (
    acl,
    annotation,
    entry,
    mailbox,
    reader,
    seen_by,
    shared_account,
    subscription,
    tombstone,
)

MAX_NAME: Final = 100
READ: Final = "lrs"
WRITE: Final = READ + "wikxte"
PRESETS: Final = {"read": READ, "write": WRITE, "send": WRITE + "0", "manage": WRITE + "0a"}
"""Rights by the words of the command line."""


class SharedMailboxError(Exception):
    """A shared mailbox, or rights on one, that cannot be made."""


class Grant(NamedTuple):
    """Who has which rights on all mailboxes of a shared account; `negative` takes them away."""

    who: str
    kind: str
    negative: bool
    rights: str


@dataclass(frozen=True, slots=True)
class SharedMailbox:
    """A shared account as an administrator sees it."""

    account_id: int
    name: str
    address: str
    kind: str
    messages: int
    size: int


def rights_of(text: str) -> Rights:
    """Rights from a word of `PRESETS` or from letters of RFC 4314. Raises SharedMailboxError."""
    try:
        return parse_rights(PRESETS.get(text, text))
    except ValueError as error:
        words = ", ".join(PRESETS)
        raise SharedMailboxError(f"{text!r} is neither one of {words} nor letters of rights") from error


def create(
    connection: Connection,
    name: str,
    wanted: str,
    *,
    quota: int,
    uai: str | None = None,
    kind: str = "",
    target_id: int = 0,
) -> int:
    """Make a shared account with its mailboxes, open to nobody yet; give its number.

    Raises SharedMailboxError for a name that is malformed or in use, TakenAddressError, ValueError for an address or a
    school that cannot be.
    """
    name = check_name(name)
    if connection.scalar(select(shared_account.c.account_id).where(shared_account.c.name == name)):
        raise SharedMailboxError(f"there is a shared mailbox {name!r} already")
    account_id = add_person(connection, given="", sn=name, address=wanted, profile=Profile.SHARED, school=uai)
    create_accounts(connection, [account_id], quota_limit=quota)
    connection.execute(insert(shared_account).values(account_id=account_id, name=name, kind=kind, target_id=target_id))
    return account_id


def check_name(name: str) -> str:
    """The name in NFC. Raises SharedMailboxError when no mailbox can have it."""
    normal = unicodedata.normalize("NFC", name.strip())
    if not normal or len(normal) > MAX_NAME:
        raise SharedMailboxError(f"a name has 1 to {MAX_NAME} characters")
    if HIERARCHY_DELIMITER in normal or any(unicodedata.category(letter) in {"Cc", "Zl", "Zp"} for letter in normal):
        raise SharedMailboxError("a name holds no slash and no control character")
    return normal


def find(connection: Connection, wanted: str) -> SharedMailbox:
    """A shared mailbox by its name or its address. Raises SharedMailboxError."""
    folded = wanted.strip().lower()
    for one in everything(connection):
        if one.name == unicodedata.normalize("NFC", wanted.strip()) or one.address == folded:
            return one
    raise SharedMailboxError(f"there is no shared mailbox {wanted}; `mailgate shared list` lists them")


def everything(connection: Connection) -> list[SharedMailbox]:
    """All shared mailboxes, by name."""
    held = (
        select(
            mailbox.c.account_id, func.sum(mailbox.c.messages).label("messages"), func.sum(mailbox.c.size).label("size")
        )
        .group_by(mailbox.c.account_id)
        .subquery("held")
    )
    rows = connection.execute(
        select(
            shared_account.c.account_id,
            shared_account.c.name,
            address.c.address,
            shared_account.c.kind,
            func.coalesce(held.c.messages, 0),
            func.coalesce(held.c.size, 0),
        )
        .join(address, and_(address.c.person_id == shared_account.c.account_id, address.c.is_primary))
        .outerjoin(held, held.c.account_id == shared_account.c.account_id)
        .order_by(shared_account.c.name)
    )
    return [SharedMailbox(*row[:4], int(row[4]), int(row[5])) for row in rows]


def grants(connection: Connection, account_id: int) -> list[Grant]:
    """Who has which rights on the account's INBOX, which stands for all."""
    of_person = and_(acl.c.grantee == PERSON, address.c.person_id == current(acl.c.grantee_id), address.c.is_primary)
    of_list = and_(acl.c.grantee == LIST, list_.c.list_id == acl.c.grantee_id)
    rows = connection.execute(
        select(func.coalesce(address.c.address, list_.c.address), acl.c.grantee, acl.c.negative, acl.c.rights)
        .select_from(acl.outerjoin(address, of_person).outerjoin(list_, of_list))
        .where(acl.c.account_id == account_id, acl.c.mailbox_id == INBOX_ID)
    )
    return sorted({Grant(who or "?", kind, bool(negative), rights) for who, kind, negative, rights in rows})


def grantee(connection: Connection, wanted: str) -> tuple[str, int]:
    """The kind and number of a person or a list, by address. Raises SharedMailboxError."""
    folded = wanted.strip().lower()
    found = connection.scalar(
        select(address.c.person_id)
        .join(person, person.c.person_id == address.c.person_id)
        .where(address.c.address == folded, person.c.profile != Profile.SHARED)
    )
    if found is not None:
        return PERSON, found
    found = connection.scalar(select(list_.c.list_id).where(list_.c.address == folded))
    if found is None:
        raise SharedMailboxError(f"there is no person and no list {wanted}")
    return LIST, found


def grant(connection: Connection, account_id: int, whom: tuple[str, int], rights: Rights) -> None:
    """Give a person, or the members of a list, these rights on all mailboxes of the account, in place of those before.

    What they have on single mailboxes by SETACL is replaced too; no rights at all take them off every list.
    """
    kind, grantee_id = whom
    connection.execute(
        delete(acl).where(
            acl.c.account_id == account_id,
            acl.c.grantee == kind,
            stands_for(literal(grantee_id, Id), acl.c.grantee_id),
        )
    )
    if rights:
        ids = connection.scalars(select(mailbox.c.mailbox_id).where(mailbox.c.account_id == account_id)).all()
        row = {"account_id": account_id, "grantee": kind, "grantee_id": grantee_id, "negative": 0}
        connection.execute(insert(acl), [{**row, "mailbox_id": one, "rights": letters(rights)} for one in ids])
    people = [grantee_id] if kind == PERSON else connection.scalars(MEMBER_IDS, {"list_id": grantee_id})
    announce_lists(connection, account_id, *people)


def remove(connection: Connection, account_id: int) -> None:
    """Delete a shared account with its mail. Its address is never given again."""
    connection.execute(let_go(entry.c.account_id == account_id), {"now": int(time.time())})
    for table in (entry, tombstone, annotation, acl, seen_by, reader, subscription, mailbox, shared_account):
        connection.execute(delete(table).where(table.c.account_id == account_id))
    connection.execute(update(person).where(person.c.person_id == account_id).values(state=LEFT))
    set_state(connection, [account_id], "suspended")
    follow(connection, adjusting(connection, account_id), names=False)
    announce_lists(connection, account_id)


def announce_lists(connection: Connection, *accounts: int) -> None:
    """Let running gateways look at these accounts' lists of mailboxes again. On SQLite a gateway notices by itself,
    within a second, that another process has written.
    """
    if connection.dialect.name == "postgresql":
        for payload in payloads((account_id, MAILBOX_LIST) for account_id in accounts):
            connection.execute(select(func.pg_notify(CHANNEL, payload)))


class _Wanted(NamedTuple):
    """A shared mailbox that the directory calls for."""

    kind: str
    target_id: int
    name: str
    address: str
    list_id: int
    uai: str


def follow_directory(connection: Connection, settings: Shared, *, quota: int, report: ImportReport) -> int:
    """Make the shared mailboxes that the directory has people for and that are not there yet; give their number.

    What an administrator changed in rights stays. An address that is taken is reported.
    """
    made = 0
    for wanted in list(_missing(connection, settings)):
        name = wanted.name
        if connection.scalar(select(shared_account.c.account_id).where(shared_account.c.name == name)):
            name = f"{name} {wanted.uai}"
        try:
            account_id = create(
                connection,
                name,
                wanted.address,
                quota=quota,
                uai=wanted.uai,
                kind=wanted.kind,
                target_id=wanted.target_id,
            )
        except (TakenAddressError, SharedMailboxError) as error:
            report.found(Kind.TAKEN_ADDRESS, wanted.address, str(error), "the shared mailbox does not exist")
            continue
        grant(connection, account_id, (LIST, wanted.list_id), rights_of("send"))
        made += 1
    return made


class _Found(NamedTuple):
    """A list with members, what it is for, and its school."""

    list_id: int
    target_id: int
    class_name: str | None
    class_slug: str | None
    uai: str
    school_kind: str
    school_name: str
    domain: str


def _missing(connection: Connection, settings: Shared) -> Iterator[_Wanted]:
    if settings.office:
        yield from _of_schools(connection, "office", "administration", "Secrétariat", "secretariat")
    if settings.school_life:
        yield from _of_schools(connection, "school-life", "vie-scolaire", "Vie scolaire", "bureau-vie-scolaire")
    if settings.class_teams:
        for row in _lists(connection, "class-team", "class", "profs"):
            yield _wanted("class-team", row, f"Équipe {row.class_name}", f"{row.class_slug}.equipe")


def _of_schools(connection: Connection, kind: str, audience: str, title: str, local: str) -> Iterator[_Wanted]:
    for row in _lists(connection, kind, "school", audience):
        yield _wanted(kind, row, title, local)


def _wanted(kind: str, row: _Found, title: str, local: str) -> _Wanted:
    """With the school in words: Secrétariat collège Frédéric-Mistral."""
    name = f"{title} {in_words(row.school_kind, row.school_name)}".replace(HIERARCHY_DELIMITER, "-")
    return _Wanted(kind, row.target_id, name, f"{local}@{row.domain}", row.list_id, row.uai)


def _lists(connection: Connection, kind: str, of: str, audience: str) -> list[_Found]:
    """The lists with members that a shared mailbox of this kind is for, and that have none yet."""
    there = exists().where(shared_account.c.kind == kind, shared_account.c.target_id == list_.c.target_id)
    rows = connection.execute(
        select(list_.c.list_id, list_.c.target_id, class_.c.name, class_.c.slug)
        .add_columns(school.c.uai, school.c.kind, school.c.name, school.c.domain)
        .select_from(
            list_.join(school, school.c.school_id == list_.c.school_id).outerjoin(
                class_, class_.c.class_id == list_.c.target_id
            )
        )
        .where(list_.c.kind == of, list_.c.audience == audience, list_.c.active, school.c.domain.is_not(None), ~there)
        .order_by(school.c.uai, list_.c.address)
    )
    return [_Found(*row) for row in rows]
