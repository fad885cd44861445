"""What a writer asked of TLS (RFC 8689) is kept with messages that wait."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.add_column("held_message", sa.Column("require_tls", sa.BigInteger(), nullable=False, server_default="0"))
    if op.get_bind().dialect.name == "postgresql":
        op.create_table_comment(
            "queued_message",
            "A message that leaves; sender_id: the account that sent it, none for the service; ret and envelope_id: "
            "RFC 3461; require_tls: smtp.tls_demand; verp: 1 where each recipient has a reverse path of its own; "
            "done_at: when nothing of it waited any more, 0 before",
        )
