"""`mailgate restored`."""

from __future__ import annotations

from tests.cli.command import Command


def test_every_mailbox_has_another_uidvalidity(either: Command) -> None:
    first = either.good("restored", "--json").json
    assert first["mailboxes"] == first["accounts"] * 6 > 0
    assert either.good("restored").out == (
        f"{first['mailboxes']:,} mailboxes of {first['accounts']:,} accounts have a new UIDVALIDITY.\n"
    )


def test_without_a_database(mailgate: Command) -> None:
    outcome = mailgate("restored")
    assert (outcome.code, outcome.out) == (1, "")
