"""Alembic's entry: runs the versions on the connection it was handed, all in one transaction."""

from alembic import context

from mailgate.migrations.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=list(METADATA),
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
