"""The list of mailboxes: what is there from the start, CREATE, DELETE, RENAME, subscriptions."""

from __future__ import annotations

import pytest

from imap.backend import Account, Hint
from imap.errors import (
    CommandRefused,
    InvalidMailboxName,
    MailboxExists,
    MailboxHasChildren,
    MailboxIsPermanent,
    MailboxNotFound,
)
from mailgate.store import MailStore
from mailgate.store import mailboxes as mailbox_list
from tests.store.messages import INBOX, Hints, message, new_message, status, whole


async def names(account: Account) -> list[str]:
    return [mailbox.name for mailbox in await account.mailboxes()]


async def test_every_account_has_its_special_mailboxes(alice: Account) -> None:
    found = {(box.ref.mailbox_id, box.name, box.special_use) for box in await alice.mailboxes()}
    assert found == {
        (1, "INBOX", None),
        (2, "Sent", "\\Sent"),
        (3, "Drafts", "\\Drafts"),
        (4, "Trash", "\\Trash"),
        (5, "Junk", "\\Junk"),
        (6, "Archive", "\\Archive"),
    }
    assert set(await alice.subscriptions()) == {"INBOX", "Sent", "Drafts", "Trash", "Junk", "Archive"}
    assert len({box.uidvalidity for box in await alice.mailboxes()}) == 6


async def test_inbox_comes_first_and_the_others_by_name(alice: Account) -> None:
    await alice.create("AAA")
    assert (await names(alice))[:3] == ["INBOX", "AAA", "Archive"]


async def test_making_an_account_again_changes_nothing(store: MailStore, alice: Account) -> None:
    await store.deliver(message(), [1])
    await alice.unsubscribe("Junk")
    before = await alice.mailboxes()
    await store.create_accounts([(1, 5), (500, 7)])
    assert await alice.mailboxes() == before
    assert "Junk" not in await alice.subscriptions()
    assert (await alice.quota()).limit == 0
    assert (await store.account(500, "").quota()).limit == 7


async def test_create_makes_and_subscribes_the_missing_levels(alice: Account) -> None:
    made = await alice.create("École/6e A/Sorties")
    assert (made.name, made.messages, made.uidnext) == ("École/6e A/Sorties", 0, 1)
    assert {"École", "École/6e A", "École/6e A/Sorties"} <= set(await names(alice)) & set(await alice.subscriptions())


async def test_a_name_is_given_once(alice: Account) -> None:
    await alice.create("A/B")
    for taken in ("INBOX", "Sent", "A", "A/B"):
        with pytest.raises(MailboxExists):
            await alice.create(taken)


async def test_a_bad_name_is_refused(alice: Account) -> None:
    await alice.create("good")
    for bad in ("", "/a", "a/", "a//b", "a\nb", "a\0b", "a\x7fb", "\ud800", "a\u2028b", "x" * 201, "/".join("a" * 21)):
        with pytest.raises(InvalidMailboxName):
            await alice.create(bad)
        with pytest.raises(InvalidMailboxName):
            await alice.rename("good", bad)
        with pytest.raises(InvalidMailboxName):
            await alice.subscribe(bad)


async def test_the_longest_and_the_deepest_name_are_allowed(alice: Account) -> None:
    await alice.create("é" * 200)
    await alice.create("/".join("a" * 20))


async def test_a_special_use_is_already_taken(alice: Account) -> None:
    with pytest.raises(CommandRefused) as refused:
        await alice.create("Corbeille", "\\Trash")
    assert refused.value.code == "USEATTR"


async def test_too_many_mailboxes_are_refused(alice: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailgate.store.hierarchy.MAX_MAILBOXES", 8)
    await alice.create("A/B")
    with pytest.raises(CommandRefused) as refused:
        await alice.create("C")
    assert refused.value.code == "LIMIT"


async def test_ids_and_uidvalidity_are_never_used_again(alice: Account) -> None:
    first = await alice.create("A")
    await alice.delete("A")
    second = await alice.create("A")
    assert second.ref > first.ref
    assert second.uidvalidity > first.uidvalidity


async def test_delete_removes_the_mailbox_and_keeps_the_subscription(alice: Account) -> None:
    made = await alice.create("A")
    await alice.append("A", [new_message()])
    await alice.delete("A")
    assert "A" not in await names(alice)
    assert "A" in await alice.subscriptions()
    assert (await alice.quota()).used == 0
    with pytest.raises(MailboxNotFound):
        await alice.snapshot(made.ref)
    with pytest.raises(MailboxNotFound):
        await alice.delete("A")


async def test_special_mailboxes_keep_their_names(alice: Account) -> None:
    for special in ("INBOX", "Sent"):
        with pytest.raises(MailboxIsPermanent):
            await alice.delete(special)
    for special in ("Sent", "Drafts", "Trash", "Junk", "Archive"):
        with pytest.raises(MailboxIsPermanent):
            await alice.rename(special, "Autre")


async def test_a_special_use_is_free_once_its_mailbox_is_deleted(alice: Account) -> None:
    for use in ("\\Archive", "\\Sent", "\\All", "\\Flagged", "\\Important"):
        with pytest.raises(CommandRefused) as refusal:
            await alice.create("Perso/Archives", use)
        assert refusal.value.code == "USEATTR"
    assert "Perso" not in await names(alice)
    await alice.delete("Archive")
    made = await alice.create("Perso/Archives", "\\Archive")
    assert made.special_use == "\\Archive"
    assert (await status(alice, "Perso")).special_use is None
    with pytest.raises(CommandRefused):
        await alice.create("Encore", "\\Archive")
    with pytest.raises(MailboxIsPermanent):
        await alice.rename("Perso/Archives", "Autre")
    await alice.rename("Perso", "Private")
    assert (await status(alice, "Private/Archives")).special_use == "\\Archive"
    await alice.delete("Private/Archives")
    assert (await alice.create("Archive", "\\Archive")).ref > made.ref


async def test_a_mailbox_with_children_is_not_deleted(alice: Account) -> None:
    await alice.create("A/B")
    with pytest.raises(MailboxHasChildren):
        await alice.delete("A")
    await alice.delete("A/B")
    await alice.delete("A")


async def test_rename_takes_the_children_along(alice: Account) -> None:
    """As Thunderbird deletes a folder: under Trash, with all below it."""
    kept = await alice.create("A/B")
    await alice.create("A/B/C")
    await alice.create("AB")
    await alice.append("A/B", [new_message("x")])
    await alice.rename("A", "Trash/Vieux/A")
    assert [name for name in await names(alice) if "A" in name and name != "Archive"] == [
        "AB",
        "Trash/Vieux/A",
        "Trash/Vieux/A/B",
        "Trash/Vieux/A/B/C",
    ]
    moved = await status(alice, "Trash/Vieux/A/B")
    assert (moved.ref, moved.uidvalidity, moved.messages) == (kept.ref, kept.uidvalidity, 1)
    assert {"Trash/Vieux", "Trash/Vieux/A/B/C", "A/B/C"} <= set(await alice.subscriptions())


async def test_rename_treats_signs_of_patterns_as_text(alice: Account) -> None:
    await alice.create("A_%/x")
    await alice.create("AbC/y")
    await alice.rename("A_%", "Z")
    assert {"Z", "Z/x", "AbC", "AbC/y"} <= set(await names(alice))


async def test_rename_is_refused_where_it_would_clash(alice: Account) -> None:
    await alice.create("A/B")
    await alice.create("C")
    with pytest.raises(MailboxExists):
        await alice.rename("A", "C")
    with pytest.raises(MailboxExists):
        await alice.rename("A", "A")
    with pytest.raises(InvalidMailboxName):
        await alice.rename("A", "A/B/D")
    with pytest.raises(MailboxNotFound):
        await alice.rename("nothing", "D")
    await alice.create("A/" + "x" * 150)
    with pytest.raises(InvalidMailboxName):
        await alice.rename("A", "y" * 100)
    assert "A/B" in await names(alice)


async def test_rename_of_inbox_moves_its_messages_and_leaves_its_children(store: MailStore, alice: Account) -> None:
    await alice.create("INBOX/Projets")
    await store.deliver(message("1"), [1])
    await store.deliver(message("2"), [1])
    await alice.rename("INBOX", "Vieux/2025")
    assert {"INBOX", "INBOX/Projets", "Vieux", "Vieux/2025"} <= set(await names(alice))
    inbox = await status(alice, "INBOX")
    assert (inbox.ref.mailbox_id, inbox.messages, inbox.uidnext) == (INBOX, 0, 3)
    moved = await status(alice, "Vieux/2025")
    assert await whole(alice, moved.ref) == {1: message("1"), 2: message("2")}


async def test_names_of_two_accounts_have_nothing_to_do_with_each_other(alice: Account, bob: Account) -> None:
    await alice.create("A")
    await bob.create("A")
    await alice.rename("A", "B")
    assert "A" in await names(bob)
    assert "B" not in await names(bob)


async def test_subscriptions_may_name_what_is_not_there(alice: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    await alice.subscribe("Rien")
    await alice.subscribe("Rien")
    assert "Rien" in await alice.subscriptions()
    await alice.unsubscribe("Rien")
    await alice.unsubscribe("Rien")
    assert "Rien" not in await alice.subscriptions()
    monkeypatch.setattr(mailbox_list, "MAX_MAILBOXES", len(await alice.subscriptions()))
    with pytest.raises(CommandRefused):
        await alice.subscribe("Encore")


async def test_watchers_hear_of_the_list(alice: Account) -> None:
    def list_changed(hint: Hint) -> bool:
        return hint.mailboxes_changed

    hints = Hints(alice)
    await alice.create("A")
    await hints.until(list_changed)
    await alice.rename("A", "B")
    await hints.until(list_changed)
    await alice.unsubscribe("B")
    await hints.until(list_changed)
    await alice.delete("B")
    await hints.until(list_changed)
    hints.stop()


async def test_an_account_that_does_not_exist_has_no_mailboxes(store: MailStore) -> None:
    nobody = store.account(4242, "")
    assert await nobody.mailboxes() == []
    with pytest.raises(MailboxNotFound):
        await nobody.create("A")
