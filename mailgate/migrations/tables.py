"""Every table of the application, by the part that owns it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import MetaData

import directory.family_schema
import directory.holding_schema
import directory.list_schema
import directory.schema
import directory.year_schema
import mailgate.accounts.schema
import mailgate.moderation.schema
import mailgate.policy.audit
import mailgate.policy.schema
import mailgate.queue.schema
import mailgate.queue.wishes
import mailgate.retention.schema
import mailgate.signing.schema
import mailgate.statistics.schema
import mailgate.store.schema
import mailgate.store.search.schema
import mailgate.strangers.schema
import mailgate.transfer.schema

METADATA: Final[tuple[MetaData, ...]] = (
    directory.schema.metadata,
    mailgate.store.schema.metadata,
    mailgate.accounts.schema.metadata,
    mailgate.transfer.schema.metadata,
    mailgate.policy.audit.metadata,
    mailgate.policy.schema.metadata,
    mailgate.moderation.schema.metadata,
    mailgate.queue.schema.metadata,
    mailgate.queue.wishes.metadata,
    mailgate.retention.schema.metadata,
    mailgate.signing.schema.metadata,
    mailgate.strangers.schema.metadata,
    mailgate.statistics.schema.metadata,
)
