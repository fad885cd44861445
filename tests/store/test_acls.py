"""SETACL, GETACL, LISTRIGHTS, DELETEACL over the directory: who may share with whom (RFC 4314)."""

from __future__ import annotations

import asyncio

import pytest

from directory import schema as directory
from imap.backend import Account, AclChange, AclEntry, Grantable, MailboxRef
from imap.errors import BadCommand, MailboxNotFound, NotPermitted
from imap.rights import Rights, parse_rights
from mailgate.database import Database
from mailgate.store import MailStore
from mailgate.store.schema import metadata
from tests.store.shares import OFFICE, a_list, grant, office, person, put
from tests.support.templates import Fill, tables_of

SET, MORE, LESS = AclChange.REPLACE, AclChange.ADD, AclChange.REMOVE
HERE, ELSEWHERE, CITE = 100, 200, 300
ALICE, BOB, EVE, PUPIL, PARENT = (f"{name}@example.org" for name in ("alice", "bob", "eve", "pupil", "parent"))


TABLES = tables_of(metadata, directory.metadata)


@pytest.fixture
def database_content() -> Fill:
    """A fresh database has the tables of the store and of the directory."""
    return TABLES


@pytest.fixture(autouse=True)
async def school(database: Database, store: MailStore) -> None:
    """Alice and bob teach here, eve elsewhere; a pupil and a parent."""
    await put(database, directory.cite, cite_id=CITE, slug="cite", name="Cité", domain=None)
    for school_id, cite_id in ((HERE, None), (ELSEWHERE, CITE)):
        await put(
            database, directory.school, school_id=school_id, source="", academy="", uai=str(school_id), siren="",
            name="", kind="COLLEGE", domain=f"{school_id}.example.org", cite_id=cite_id, school_year=2026, active=True,
        )  # fmt: skip
    people = ((1, ALICE, "teacher"), (2, BOB, "school_life"), (3, EVE, "teacher"), (4, PUPIL, "pupil"))
    for number, address, profile in (*people, (5, PARENT, "relative")):
        await person(database, number, address, profile)
        await put(database, directory.attachment, person_id=number, school_id=ELSEWHERE if address == EVE else HERE)


async def test_a_list_is_kept_as_given(alice: Account, bob: Account) -> None:
    assert await alice.acl("Drafts") == [AclEntry(ALICE, Rights.ALL)]
    await alice.set_acl("Drafts", BOB.upper(), SET, parse_rights("lrs"))
    await alice.set_acl("Drafts", BOB, MORE, parse_rights("w"))
    await alice.set_acl("Drafts", BOB, LESS, parse_rights("s"))
    await alice.set_acl("Drafts", "-" + BOB, SET, parse_rights("x"))
    assert await alice.acl("Drafts") == [
        AclEntry(ALICE, Rights.ALL),
        AclEntry("-" + BOB, parse_rights("x")),
        AclEntry(BOB, parse_rights("lrw")),
    ]
    assert await bob.my_rights(f"Other Users/{ALICE}/Drafts") == parse_rights("lrw")
    await alice.delete_acl("Drafts", BOB)
    await alice.delete_acl("Drafts", "nobody@example.org")
    await alice.set_acl("Drafts", "-" + BOB, SET, Rights.NONE)
    assert await alice.acl("Drafts") == [AclEntry(ALICE, Rights.ALL)]
    with pytest.raises(MailboxNotFound):
        await bob.my_rights(f"Other Users/{ALICE}/Drafts")


@pytest.mark.parametrize("whom", [EVE, PUPIL, PARENT, ALICE, "anyone", "nobody@example.org", "eleves.9@example.org"])
async def test_with_whom_nothing_is_shared(database: Database, alice: Account, whom: str) -> None:
    await a_list(database, 9, [4], audience="eleves")
    with pytest.raises(NotPermitted, match="cannot be shared"):
        await alice.set_acl("Drafts", whom, SET, parse_rights("l"))
    always = Rights.ALL if whom == ALICE else Rights.NONE
    assert await alice.list_rights("Drafts", whom) == Grantable(always, Rights.NONE)


@pytest.mark.parametrize("number", [4, 5])
async def test_pupils_and_relatives_share_nothing(store: MailStore, number: int) -> None:
    account = store.account(number, "x")
    with pytest.raises(NotPermitted):
        await account.set_acl("Drafts", ALICE, SET, parse_rights("l"))
    assert (await account.list_rights("Drafts", ALICE)).optional is Rights.NONE


async def test_a_list_of_staff_of_the_same_school(database: Database, alice: Account, bob: Account) -> None:
    for list_id, school_id, kind in ((7, HERE, "school"), (8, ELSEWHERE, "school"), (9, CITE, "cite")):
        await put(
            database, directory.list_, list_id=list_id, address=f"profs.{list_id}@example.org", kind=kind,
            audience="profs", target_id=school_id, school_id=None if kind == "cite" else school_id, ref="", label="",
            active=True,
        )  # fmt: skip
    await put(database, directory.list_member, list_id=7, person_id=2)
    told = asyncio.Event()
    end = bob.watch(2, lambda hint: told.set() if hint.mailbox_ids is not None and hint.mailboxes_changed else None)
    await alice.set_acl("Drafts", "profs.7@example.org", SET, parse_rights("lr"))
    await asyncio.wait_for(told.wait(), 10)
    end()
    assert await bob.my_rights(f"Other Users/{ALICE}/Drafts") == parse_rights("lr")
    for other in (8, 9):
        with pytest.raises(NotPermitted):
            await alice.set_acl("Drafts", f"profs.{other}@example.org", SET, parse_rights("lr"))


async def test_rights_of_who_became_unwelcome_can_be_taken_back(database: Database, alice: Account) -> None:
    drafts = (await alice.mailbox("Drafts")).ref
    await grant(database, drafts, 4, "lrs")
    await alice.set_acl("Drafts", PUPIL, LESS, parse_rights("s"))
    assert AclEntry(PUPIL, parse_rights("lr")) in await alice.acl("Drafts")
    await alice.delete_acl("Drafts", PUPIL)
    assert len(await alice.acl("Drafts")) == 1


async def test_who_administers_a_shared_mailbox_shares_it(database: Database, alice: Account, bob: Account) -> None:
    await office(database, {1: "lra"})
    await alice.set_acl("Shared/Office", BOB, SET, parse_rights("lr"))
    assert await bob.my_rights("Shared/Office") == parse_rights("lr")
    assert [entry.identifier for entry in await alice.acl("Shared/Office")] == [ALICE, BOB]
    with pytest.raises(NotPermitted):
        await bob.acl("Shared/Office")
    await alice.delete_acl("Shared/Office", ALICE)
    with pytest.raises(MailboxNotFound):
        await alice.acl("Shared/Office")
    await grant(database, MailboxRef(OFFICE, 2), 2, "i")
    with pytest.raises(MailboxNotFound):
        await bob.list_rights("Shared/Office/Sent", ALICE)


@pytest.mark.parametrize("identifier", ["-", "a b", "\u0000", "x" * 300])
async def test_malformed_identifiers(alice: Account, identifier: str) -> None:
    with pytest.raises(BadCommand):
        await alice.set_acl("Drafts", identifier, SET, parse_rights("l"))
