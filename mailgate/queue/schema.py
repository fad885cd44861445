"""The tables of the outbound queue. Times are seconds since the epoch, UTC; sizes octets.

Contents are those of the store (`mailgate.store.schema.message`), kept for the queue by a row in ``retained``.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    literal_column,
    text,
)

metadata: Final = MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})


def _number(name: str, *, key: bool = False, nullable: bool = False, default: str | None = None) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, autoincrement=False, nullable=nullable, server_default=default)


def _text(name: str, *, key: bool = False, nullable: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=nullable)


_CLUSTERED: Final[dict[str, Any]] = {"sqlite_with_rowid": False}

queued_message: Final = Table(
    "queued_message",
    metadata,
    _number("queue_id", key=True),
    Column("content_id", LargeBinary, nullable=False),
    _number("size"),
    _number("sender_id", nullable=True),
    _text("mail_from"),
    _text("dispatch_id", nullable=True),
    *(_number(name) for name in ("eightbit", "utf8", "require_tls")),
    *(_text(name, nullable=True) for name in ("ret", "envelope_id")),
    *(_number(name) for name in ("created_at", "expires_at", "done_at")),
    _number("verp", default="0"),
    _text("release_request", nullable=True),
    _number("accepted_at", default="0"),
    Index(None, "dispatch_id"),
    Index(None, "sender_id"),
    Index(None, "done_at"),
    comment="A message that leaves; sender_id: the account that sent it, none for the service; ret and envelope_id: "
    "RFC 3461; require_tls: smtp.tls_demand; verp: 1 where each recipient has a reverse path of its own; "
    "release_request, accepted_at: of one that was to be sent later (RFC 4865), what was asked for and when it was "
    "taken; done_at: when nothing of it waited any more, 0 before",
    **_CLUSTERED,
)

WAITING: Final = "waiting"
"""The one state of `queued_recipient` in which something is to be done."""
DELETED: Final = "deleted"
"""The state of one that is not to leave; its message needs it no more once `done_at` says when it ended."""
IS_WAITING: Final = literal_column("'waiting'", Text)
"""The same as a part of SQL: with a parameter in its place no partial index is used."""


ASKED_FOR: Final = 1
"""Of a row with a lease: it was taken up because an operator asked to have it tried now."""
ASKED_AGAIN: Final = 2
"""Of one with a lease, or that had one: an operator asked for it since. It is tried once more after that attempt."""
AT_ONCE: Final = 0
"""The time at which a row is due that an operator asks for: it is tried though its servers are left alone."""


def aside(column: ColumnElement[str]) -> ColumnElement[str]:
    """The same text as an expression, which no index has: rows are looked up by other conditions.

    Without it a planner that knows little of a table may begin with all that waits, or is leased.
    """
    return column + literal_column("''", Text)


_waiting: Final = text("state = 'waiting'")
_leased: Final = text("lease_owner IS NOT NULL")
_doubtful: Final = text("doubts > 0")


def _index(condition: Any, *columns: str, name: str) -> Index:  # noqa: ANN401 - an SQL condition
    return Index(name, *columns, postgresql_where=condition, sqlite_where=condition)


queued_recipient: Final = Table(
    "queued_recipient",
    metadata,
    _number("queue_id", key=True),
    _number("number", key=True),
    _text("address"),
    _text("domain"),
    _number("priority"),
    _text("state"),
    *(_number(name) for name in ("created_at", "due_at", "notice_at", "attempts", "doubts")),
    _text("lease_owner", nullable=True),
    _number("code"),
    *(_text(name) for name in ("status", "answer", "remote", "notify")),
    _text("original", nullable=True),
    _number("done_at"),
    _number("person_id", nullable=True),
    _number("asked", default="0"),
    _index(_waiting, "domain", "priority", "due_at", name="ix_queued_recipient_claim"),
    _index(_waiting, "domain", "due_at", name="ix_queued_recipient_due"),
    _index(_waiting, "state", "notice_at", name="ix_queued_recipient_notice"),
    _index(_leased, "lease_owner", name="ix_queued_recipient_lease"),
    _index(_doubtful, "doubts", name="ix_queued_recipient_doubts"),
    Index(None, "state", "created_at", "queue_id", "number"),
    Index(None, "domain", "created_at", "queue_id", "number"),
    comment="One recipient of it. person_id: who wished it to be sent there; due_at: when it is tried next, or, while "
    "lease_owner is at it, when that lease ends; notice_at: when its sender is told that it waits, then when it "
    "expires; doubts: how often nobody knows whether the other side took it; code, status, answer, remote: what "
    "was answered last; asked: of one that is being sent, 1 when an operator had asked for it, 2 when one has since",
    **_CLUSTERED,
)

mta_sts_policy: Final = Table(
    "mta_sts_policy",
    metadata,
    _text("domain", key=True),
    *(_text(name) for name in ("policy_id", "mode", "mx")),
    *(_number(name) for name in ("max_age", "fetched_at")),
    _text("tried_id"),
    _number("tried_at"),
    Index(None, "fetched_at"),
    comment="What a domain wants of TLS for mail to it (RFC 8461), empty mode: nothing is known; mx: its patterns, "
    "between spaces; tried_id and tried_at: the version that could not be fetched",
    **_CLUSTERED,
)

tls_session: Final = Table(
    "tls_session",
    metadata,
    _number("day", key=True),
    _text("domain", key=True),
    Column("digest", LargeBinary, primary_key=True, nullable=False),
    *(_text(name) for name in ("policy", "result", "host", "address", "reason")),
    _number("number"),
    comment="How many sessions with servers of a domain there were on a day (UTC, days since the epoch), by the policy "
    "(JSON) and what failed, empty for nothing; digest: SHA-256 of these",
    **_CLUSTERED,
)

tls_report: Final = Table(
    "tls_report",
    metadata,
    _number("day", key=True),
    _text("domain", key=True),
    *(_number(name) for name in ("tried_at", "done_at")),
    comment="A report on TLS (RFC 8460) to a domain, under way or (done_at) made",
    **_CLUSTERED,
)

queue_destination: Final = Table(
    "queue_destination",
    metadata,
    _text("domain", key=True),
    *(_number(name) for name in ("failures", "retry_at", "tried_at")),
    _text("answer"),
    comment="A domain that mail went to: after failures of its servers nothing is tried before retry_at",
    **_CLUSTERED,
)
