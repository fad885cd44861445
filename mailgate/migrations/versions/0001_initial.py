"""The first schema: directory, store, accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _directory()
    _store()
    _accounts()
    if op.get_bind().dialect.name == "postgresql":
        # Room to update counters in place, and no second compression of zstd frames.
        op.execute("ALTER TABLE mailbox SET (fillfactor = 50)")
        op.execute("ALTER TABLE body_chunk ALTER COLUMN data SET STORAGE EXTERNAL")


def _directory() -> None:
    """The school directory and its lists."""
    op.create_table(
        "cite",
        sa.Column("cite_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("cite_id", name="pk_cite"),
        sa.UniqueConstraint("domain", name="uq_cite_domain"),
    )
    op.create_table(
        "level",
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("level", name="pk_level"),
    )
    op.create_table(
        "mef",
        sa.Column("academy", sa.Text(), nullable=False),
        sa.Column("mef", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("academy", "mef", name="pk_mef"),
    )
    op.create_table(
        "person",
        sa.Column(
            "person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("academy", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("sdet", sa.Text(), nullable=False),
        sa.Column("sn", sa.Text(), nullable=False),
        sa.Column("given", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("display", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("left_at", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("person_id", name="pk_person"),
        sa.UniqueConstraint("source", "academy", "source_id", name="uq_person_source_academy_source_id"),
    )
    op.create_table(
        "subject",
        sa.Column("academy", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("academy", "subject", name="pk_subject"),
    )
    op.create_table(
        "address",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.Column("given_at", sa.Date(), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name="fk_address_person_id"),
        sa.PrimaryKeyConstraint("address", name="pk_address"),
    )
    op.create_index("ix_address_base", "address", ["base"], unique=False)
    op.create_index("ix_address_person_id", "address", ["person_id"], unique=False)
    op.create_table(
        "guardian",
        sa.Column(
            "pupil_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("link", sa.SmallInteger(), nullable=False),
        sa.Column("legal", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name="fk_guardian_person_id"),
        sa.ForeignKeyConstraint(["pupil_id"], ["person.person_id"], name="fk_guardian_pupil_id"),
        sa.PrimaryKeyConstraint("pupil_id", "person_id", name="pk_guardian"),
    )
    op.create_index("ix_guardian_person_id", "guardian", ["person_id"], unique=False)
    op.create_table(
        "person_source",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("academy", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name="fk_person_source_person_id"),
        sa.PrimaryKeyConstraint("source", "academy", "source_id", name="pk_person_source"),
    )
    op.create_index("ix_person_source_person_id", "person_source", ["person_id"], unique=False)
    op.create_table(
        "school",
        sa.Column(
            "school_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("academy", sa.Text(), nullable=False),
        sa.Column("uai", sa.Text(), nullable=False),
        sa.Column("siren", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=True),
        sa.Column("cite_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("school_year", sa.SmallInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["cite_id"], ["cite.cite_id"], name="fk_school_cite_id"),
        sa.PrimaryKeyConstraint("school_id", name="pk_school"),
        sa.UniqueConstraint("domain", name="uq_school_domain"),
        sa.UniqueConstraint("uai", name="uq_school_uai"),
    )
    op.create_table(
        "attachment",
        sa.Column(
            "person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "school_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name="fk_attachment_person_id"),
        sa.ForeignKeyConstraint(["school_id"], ["school.school_id"], name="fk_attachment_school_id"),
        sa.PrimaryKeyConstraint("person_id", "school_id", name="pk_attachment"),
    )
    op.create_index("ix_attachment_school_id", "attachment", ["school_id"], unique=False)
    op.create_table(
        "class",
        sa.Column(
            "class_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("school_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("school_year", sa.SmallInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["school.school_id"], name="fk_class_school_id"),
        sa.PrimaryKeyConstraint("class_id", name="pk_class"),
        sa.UniqueConstraint("school_id", "name", name="uq_class_school_id_name"),
        sa.UniqueConstraint("school_id", "slug", name="uq_class_school_id_slug"),
    )
    op.create_table(
        "discipline",
        sa.Column(
            "discipline_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("school_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["school.school_id"], name="fk_discipline_school_id"),
        sa.PrimaryKeyConstraint("discipline_id", name="pk_discipline"),
        sa.UniqueConstraint("school_id", "code", name="uq_discipline_school_id_code"),
        sa.UniqueConstraint("school_id", "slug", name="uq_discipline_school_id_slug"),
    )
    op.create_table(
        "enrolment",
        sa.Column(
            "person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "school_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("mef", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name="fk_enrolment_person_id"),
        sa.ForeignKeyConstraint(["school_id"], ["school.school_id"], name="fk_enrolment_school_id"),
        sa.PrimaryKeyConstraint("person_id", "school_id", name="pk_enrolment"),
    )
    op.create_index("ix_enrolment_school_id_level", "enrolment", ["school_id", "level"], unique=False)
    op.create_table(
        "list",
        sa.Column("list_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("target_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("school_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["school.school_id"], name="fk_list_school_id"),
        sa.PrimaryKeyConstraint("list_id", name="pk_list"),
        sa.UniqueConstraint("address", name="uq_list_address"),
        sa.UniqueConstraint("target_id", "kind", "audience", name="uq_list_target_id_kind_audience"),
    )
    op.create_index("ix_list_school_id", "list", ["school_id"], unique=False)
    op.create_table(
        "school_level",
        sa.Column(
            "level_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("school_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["level"], ["level.level"], name="fk_school_level_level"),
        sa.ForeignKeyConstraint(["school_id"], ["school.school_id"], name="fk_school_level_school_id"),
        sa.PrimaryKeyConstraint("level_id", name="pk_school_level"),
        sa.UniqueConstraint("school_id", "level", name="uq_school_level_school_id_level"),
    )
    op.create_table(
        "staff_function",
        sa.Column(
            "person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "school_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("discipline", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name="fk_staff_function_person_id"),
        sa.ForeignKeyConstraint(["school_id"], ["school.school_id"], name="fk_staff_function_school_id"),
        sa.PrimaryKeyConstraint("person_id", "school_id", "code", "discipline", name="pk_staff_function"),
    )
    op.create_index("ix_staff_function_school_id_code", "staff_function", ["school_id", "code"], unique=False)
    op.create_table(
        "teaching_group",
        sa.Column(
            "group_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("school_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("school_year", sa.SmallInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["school.school_id"], name="fk_teaching_group_school_id"),
        sa.PrimaryKeyConstraint("group_id", name="pk_teaching_group"),
        sa.UniqueConstraint("school_id", "name", name="uq_teaching_group_school_id_name"),
        sa.UniqueConstraint("school_id", "slug", name="uq_teaching_group_school_id_slug"),
    )
    op.create_table(
        "class_mef",
        sa.Column(
            "class_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("mef", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["class_id"], ["class.class_id"], name="fk_class_mef_class_id"),
        sa.PrimaryKeyConstraint("class_id", "mef", name="pk_class_mef"),
    )
    op.create_table(
        "class_member",
        sa.Column(
            "person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "class_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.ForeignKeyConstraint(["class_id"], ["class.class_id"], name="fk_class_member_class_id"),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name="fk_class_member_person_id"),
        sa.PrimaryKeyConstraint("person_id", "class_id", name="pk_class_member"),
    )
    op.create_index("ix_class_member_class_id", "class_member", ["class_id"], unique=False)
    op.create_table(
        "class_service",
        sa.Column(
            "person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "class_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["class_id"], ["class.class_id"], name="fk_class_service_class_id"),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name="fk_class_service_person_id"),
        sa.PrimaryKeyConstraint("person_id", "class_id", "subject", name="pk_class_service"),
    )
    op.create_index("ix_class_service_class_id", "class_service", ["class_id"], unique=False)
    op.create_table(
        "group_class",
        sa.Column(
            "group_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "class_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.ForeignKeyConstraint(["class_id"], ["class.class_id"], name="fk_group_class_class_id"),
        sa.ForeignKeyConstraint(["group_id"], ["teaching_group.group_id"], name="fk_group_class_group_id"),
        sa.PrimaryKeyConstraint("group_id", "class_id", name="pk_group_class"),
    )
    op.create_index("ix_group_class_class_id", "group_class", ["class_id"], unique=False)
    op.create_table(
        "group_member",
        sa.Column(
            "person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "group_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.ForeignKeyConstraint(["group_id"], ["teaching_group.group_id"], name="fk_group_member_group_id"),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name="fk_group_member_person_id"),
        sa.PrimaryKeyConstraint("person_id", "group_id", name="pk_group_member"),
    )
    op.create_index("ix_group_member_group_id", "group_member", ["group_id"], unique=False)
    op.create_table(
        "group_service",
        sa.Column(
            "person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "group_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["teaching_group.group_id"], name="fk_group_service_group_id"),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name="fk_group_service_person_id"),
        sa.PrimaryKeyConstraint("person_id", "group_id", "subject", name="pk_group_service"),
    )
    op.create_index("ix_group_service_group_id", "group_service", ["group_id"], unique=False)
    op.create_table(
        "head_teacher",
        sa.Column(
            "person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "class_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.ForeignKeyConstraint(["class_id"], ["class.class_id"], name="fk_head_teacher_class_id"),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name="fk_head_teacher_person_id"),
        sa.PrimaryKeyConstraint("person_id", "class_id", name="pk_head_teacher"),
    )
    op.create_index("ix_head_teacher_class_id", "head_teacher", ["class_id"], unique=False)
    op.create_table(
        "list_member",
        sa.Column("list_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.ForeignKeyConstraint(["list_id"], ["list.list_id"], name="fk_list_member_list_id"),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name="fk_list_member_person_id"),
        sa.PrimaryKeyConstraint("list_id", "person_id", name="pk_list_member"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_list_member_person_id", "list_member", ["person_id"], unique=False)


def _store() -> None:
    """Mailboxes and messages."""
    op.create_table(
        "account",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("quota_limit", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("next_mailbox_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_uidvalidity", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_account"),
        comment="A person's or a functional mail account; state is active or suspended; quota_limit 0 means none",
    )
    op.create_table(
        "body_chunk",
        sa.Column("message_id", sa.LargeBinary(), nullable=False),
        sa.Column("chunk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", "chunk", name="pk_body_chunk"),
        comment="Octets chunk * 262144 and following of a content, one zstd frame",
    )
    op.create_table(
        "entry",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mailbox_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("modseq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("flags", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("internal_date", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("saved_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(
            "account_id", "mailbox_id", "uid", name="pk_entry", postgresql_include=["flags", "modseq"]
        ),
        comment="One message in one mailbox; flags as in imap.flags",
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_entry_account_id_mailbox_id_modseq", "entry", ["account_id", "mailbox_id", "modseq"], unique=False
    )
    op.create_table(
        "mailbox",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mailbox_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("special_use", sa.Text(), nullable=True),
        sa.Column("uidvalidity", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uidnext", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("highestmodseq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_floor", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("messages", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unseen", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("deleted", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recent_from", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("keywords", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "mailbox_id", name="pk_mailbox"),
        comment="log_floor: tombstones at or below it were trimmed; keywords: names in bit order, separated by spaces",
        sqlite_with_rowid=False,
    )
    op.create_index("uq_mailbox_account_id_name", "mailbox", ["account_id", "name"], unique=True)
    op.create_table(
        "message",
        sa.Column("message_id", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stored_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("listing", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("bodystructure", sa.LargeBinary(), nullable=False),
        sa.Column("parts", sa.LargeBinary(), nullable=False),
        sa.Column("sort_keys", sa.LargeBinary(), nullable=False),
        sa.Column("thread_keys", sa.LargeBinary(), nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", name="pk_message"),
        comment="A content by its BLAKE2b-160, with everything that IMAP shows of it; stored_at is its last delivery",
    )
    op.create_table(
        "released",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.LargeBinary(), nullable=False),
        sa.Column("released_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "message_id", name="pk_released"),
        comment="An account let go of a copy: the collector looks whether it was the last",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "subscription",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "name", name="pk_subscription"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tombstone",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mailbox_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("modseq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expunged_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "mailbox_id", "modseq", "uid", name="pk_tombstone"),
        comment="A UID that was expunged at modseq",
        sqlite_with_rowid=False,
    )


def _accounts() -> None:
    """What opens an account."""
    op.create_table(
        "app_password",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("password_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("iterations", sa.Integer(), nullable=False),
        sa.Column("stored_key", sa.LargeBinary(), nullable=False),
        sa.Column("server_key", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "password_id"),
    )
    op.create_table(
        "chosen_password",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id"),
    )
    op.create_table(
        "sign_in_secret",
        sa.Column("secret_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("secret_id"),
    )
