"""Messages that their writers want to be sent later (RFC 4865)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.add_column("held_message", sa.Column("envelope", sa.Text(), nullable=True))
    op.add_column("queued_message", sa.Column("release_request", sa.Text(), nullable=True))
    op.add_column(
        "queued_message",
        sa.Column("accepted_at", sa.BigInteger(), autoincrement=False, nullable=False, server_default="0"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.create_table_comment(
            "held_message",
            "A message that waits for a decision (held) or its time (waiting), and what became of it; "
            "direct: who had it without waiting (mailgate.moderation.held); envelope: of one that is to be sent later "
            "(mailgate.delivery.postponing)",
        )
        op.create_table_comment(
            "queued_message",
            "A message that leaves; sender_id: the account that sent it, none for the service; ret and envelope_id: "
            "RFC 3461; require_tls: smtp.tls_demand; verp: 1 where each recipient has a reverse path of its own; "
            "release_request, accepted_at: of one that was to be sent later (RFC 4865), what was asked for and when it "
            "was taken; done_at: when nothing of it waited any more, 0 before",
        )
