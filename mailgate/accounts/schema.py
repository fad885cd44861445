"""Tables of what opens an account: app passwords and chosen passwords; times are seconds since the epoch, UTC."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Table, Text

metadata = MetaData()

app_password = Table(
    "app_password",
    metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("password_id", Integer, primary_key=True, autoincrement=False),
    Column("label", Text, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("iterations", Integer, nullable=False),
    Column("stored_key", LargeBinary, nullable=False),
    Column("server_key", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger),
    Column("revoked_at", BigInteger),
)

chosen_password = Table(
    "chosen_password",
    metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

# One row, made at first use: from it the salts of SCRAM are derived, those of accounts that do not exist included, so
# that a salt that stays the same does not tell that there is an account.
sign_in_secret = Table(
    "sign_in_secret",
    metadata,
    Column("secret_id", Integer, primary_key=True, autoincrement=False),
    Column("secret", LargeBinary, nullable=False),
)

# One row for each account that ever had a code: a new code takes the place of the one before.
activation_code = Table(
    "activation_code",
    metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Column("revoked_at", BigInteger),
    comment="With which somebody without a password chooses the first one, once (mailgate.accounts.activation)",
    sqlite_with_rowid=False,
)
