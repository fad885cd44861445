"""The tables of what people decide about lists, kept apart from what the directory says, so that no import undoes it.

Each row says who wrote it (`actor`) and when (`at`, seconds since the epoch, UTC).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text

from directory.schema import Id, metadata


def _part(name: str, target: str) -> Column[int]:
    return Column(name, Id, ForeignKey(target), primary_key=True, autoincrement=False)


def _made() -> tuple[Column[str], Column[int]]:
    return Column("actor", Text, nullable=False), Column("at", BigInteger, nullable=False)


list_rule = Table(
    "list_rule", metadata, _part("list_id", "list.list_id"), Column("expression", Text, nullable=False), *_made()
)
"""The expression (`directory.list_expression`) of a list of kind rule, with the whole addresses of lists."""

list_include = Table(
    "list_include",
    metadata,
    _part("list_id", "list.list_id"),
    _part("nested_id", "list.list_id"),
    *_made(),
    Index(None, "nested_id"),
)
"""Members of `nested_id` are members of `list_id`, a list of kind manual."""

list_adjustment = Table(
    "list_adjustment",
    metadata,
    _part("list_id", "list.list_id"),
    _part("person_id", "person.person_id"),
    Column("excluded", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    *_made(),
    Index(None, "person_id"),
)
"""A person added to a list of any kind, or excluded from it."""

list_alias = Table(
    "list_alias",
    metadata,
    Column("address", Text, primary_key=True),
    Column("list_id", Id, ForeignKey("list.list_id"), nullable=False, index=True),
    Column("active", Boolean, nullable=False),
    *_made(),
)
"""Further addresses of lists, in lower case. One that was taken back is inactive and stays that list's for ever."""

list_delegate = Table(
    "list_delegate",
    metadata,
    _part("list_id", "list.list_id"),
    Column("grantee", Text, primary_key=True),
    Column("grantee_id", Id, primary_key=True, autoincrement=False),
    Column("role", Text, primary_key=True),
    *_made(),
    Index(None, "grantee_id"),
)
"""Who may manage or moderate a list: `grantee` is person, or list for all members of a list; `role` is manage or
moderate (`directory.list_delegates`).
"""

list_setting = Table(
    "list_setting",
    metadata,
    _part("list_id", "list.list_id"),
    *(Column(name, Text) for name in ("posting", "reply", "reply_to", "tag", "welcome", "welcome_to")),
    *(Column(name, Boolean) for name in ("archive", "leaving", "moderated")),
    *(Column(name, Integer) for name in ("size_limit", "hold_minutes", "archive_days")),
    *_made(),
)
"""What was set for a list; null is the default (`directory.list_settings`)."""

list_welcome = Table("list_welcome", metadata, _part("list_id", "list.list_id"), _part("person_id", "person.person_id"))
"""New members who are still to get the welcome text of a list (`directory.list_welcomes`)."""
