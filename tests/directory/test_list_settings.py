"""The settings of a list: defaults, what can be set, and what cannot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, func, insert, select

from directory.list_schema import list_setting
from directory.list_settings import (
    DEFAULTS,
    NAMES,
    ListSettingError,
    ListSettings,
    Posting,
    Reply,
    WelcomeTo,
    from_row,
    parse,
    set_settings,
    settings_of_list,
)
from directory.schema import list_
from tests.directory.conftest import Transaction

ONE = 1


def _list(connection: Connection) -> None:
    row = {"list_id": ONE, "address": "a@b.example.org", "kind": "manual", "audience": "", "target_id": ONE}
    connection.execute(insert(list_).values(**row, ref="", label="A", active=True))


def _set(connection: Connection, **texts: str) -> ListSettings:
    return set_settings(connection, ONE, texts, actor="root", at=5)[1]


async def test_what_is_set_is_read_and_the_rest_is_the_default(transaction: Transaction) -> None:
    await transaction(_list)
    assert await transaction(lambda connection: settings_of_list(connection, ONE)) == DEFAULTS
    texts = {
        "posting": "members",
        "reply": "address",
        "reply_to": "Secretariat@clg.example.org",
        "tag": "[APE]",
        "archive": "on",
        "size_limit": "10M",
        "hold_minutes": "15",
        "welcome": "Bienvenue\nà tous",
        "leaving": "yes",
        "archive_days": "30",
        "welcome_to": "everyone",
        "moderated": "on",
    }
    assert set(texts) == set(NAMES)
    everything = ListSettings(
        Posting.MEMBERS,
        Reply.ADDRESS,
        "secretariat@clg.example.org",
        "APE",
        True,  # noqa: FBT003
        10 * 1024**2,
        15,
        "Bienvenue\nà tous",
        True,  # noqa: FBT003
        30,
        WelcomeTo.EVERYONE,
        True,  # noqa: FBT003
    )
    assert await transaction(lambda connection: _set(connection, **texts)) == everything
    assert await transaction(lambda connection: _set(connection, tag="default", archive="off")) == ListSettings(
        Posting.MEMBERS,
        Reply.ADDRESS,
        "secretariat@clg.example.org",
        "",
        False,  # noqa: FBT003
        10 * 1024**2,
        15,
        "Bienvenue\nà tous",
        True,  # noqa: FBT003
        30,
        WelcomeTo.EVERYONE,
        True,  # noqa: FBT003
    )
    assert await transaction(lambda connection: _set(connection, **dict.fromkeys(NAMES, "default"))) == DEFAULTS
    rows = select(func.count()).select_from(list_setting)
    assert await transaction(lambda connection: connection.scalar(rows)) == 0


async def test_an_address_for_replies_goes_with_its_setting(transaction: Transaction) -> None:
    await transaction(_list)

    def missing(connection: Connection) -> None:
        _set(connection, reply="address")

    with pytest.raises(ListSettingError, match="give reply_to=ADDRESS too"):
        await transaction(missing)
    await transaction(lambda connection: _set(connection, reply="address", reply_to="a@b.example.org"))
    done = await transaction(lambda connection: _set(connection, reply="list"))
    assert (done.reply, done.reply_to) == (Reply.LIST, "")


def test_a_row_of_any_driver_is_read() -> None:
    row = ("staff", None, None, None, 1, 0, None, None, 0, None, None, 0)
    assert from_row(row) == ListSettings(posting=Posting.STAFF, archive=True)
    assert from_row(row).archive is True


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("colour", "red"),
        ("posting", "everybody"),
        ("reply", ""),
        ("reply_to", "no address"),
        ("reply_to", "a@b\r\nBcc: c@d"),
        ("tag", "x" * 41),
        ("tag", "a\r\nBcc: c@d"),
        ("archive", "perhaps"),
        ("size_limit", "12"),
        ("size_limit", "-1"),
        ("size_limit", "999999999G"),
        ("size_limit", "²"),
        ("hold_minutes", "1441"),
        ("hold_minutes", "٣"),
        ("archive_days", "3661"),
        ("archive_days", "-1"),
        ("welcome", "x" * 4_001),
        ("welcome", "a\x00b"),
        ("welcome_to", "nobody"),
    ],
)
def test_values_that_cannot_be_are_refused(name: str, text: str) -> None:
    with pytest.raises(ListSettingError):
        parse(name, text)


@given(st.sampled_from(NAMES), st.text(max_size=60))
def test_any_text_is_a_value_or_an_error(name: str, text: str) -> None:
    try:
        value = parse(name, text)
    except ListSettingError:
        return
    assert isinstance(value, type(getattr(DEFAULTS, name)) if name not in ("posting", "reply", "welcome_to") else str)
    if name in ("tag", "reply_to"):
        assert not set(str(value)) & set("\r\n\x00")
