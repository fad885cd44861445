"""A database that cannot be opened says what is wrong and how to mend it, without its password."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from mailgate.database import BadDatabaseUrl, DatabaseError, DatabaseUnavailable, Statement, async_engine, open_database
from mailgate.database.batch import batch_engine
from tests.support.postgresql import PostgresqlServer


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("", "use sqlite:////"),
        ("mailgate.db", "use sqlite:////"),
        ("mysql://root:secret@localhost/mail", "no support for 'mysql'"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite://var/lib/mailgate.db", "four slashes"),
        ("postgresql://localhost", "names no database"),
        ("postgresql://localhost:port/mail", "use sqlite:////"),
    ],
)
async def test_a_url_of_no_known_form_is_refused(url: str, hint: str) -> None:
    with pytest.raises(BadDatabaseUrl, match=hint) as caught:
        await open_database(url)
    assert "secret" not in str(caught.value)
    with pytest.raises(BadDatabaseUrl, match=hint):
        async_engine(url)


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"folder .*absent.* does not exist: create it"):
        await open_database(f"sqlite:///{tmp_path}/absent/mailgate.db")


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Madame, Monsieur, " * 1000)
    with pytest.raises(DatabaseUnavailable, match=r"letter.txt is not an SQLite database"):
        await open_database(f"sqlite:///{path}")


async def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    database = await open_database(f"sqlite:///{tmp_path}/mailgate.db")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("mailgate.db*")}
    await database.close()
    await database.close()
    assert set(modes.values()) == {0o600}, modes
    assert [path.name for path in tmp_path.glob("mailgate.db*")] == ["mailgate.db"]


async def test_a_server_on_the_same_machine_is_reached_over_its_unix_socket(
    postgresql_server: PostgresqlServer, postgresql_url: str
) -> None:
    url = postgresql_server.over_socket(postgresql_url)
    statement = "SELECT inet_server_addr() IS NULL"
    async with batch_engine(url) as engine, engine.connect() as connection:
        assert (await connection.execute(text(statement))).scalar_one()
    database = await open_database(url)
    try:
        row = await database.read(lambda tx: tx.one(Statement(select(func.inet_server_addr()))))
        assert row is not None
        assert row[0] is None
    finally:
        await database.close()


async def test_a_server_that_is_not_there_is_told(postgresql_url: str) -> None:
    head, _, tail = postgresql_url.rpartition(":")
    with pytest.raises(DatabaseUnavailable, match="cannot be reached") as caught:
        await open_database(f"{head}:1/{tail.partition('/')[2]}")
    assert postgresql_url.split(":")[2].partition("@")[0] not in str(caught.value)


async def test_a_missing_database_is_told(postgresql_url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="does not exist: make it with createdb"):
        await open_database(postgresql_url + "_absent")


async def test_a_wrong_password_is_told(postgresql_url: str) -> None:
    scheme, _, rest = postgresql_url.partition("://")
    user, _, host = rest.partition("@")
    with pytest.raises(DatabaseUnavailable, match="refuses the user or the password") as caught:
        await open_database(f"{scheme}://{user.partition(':')[0]}:wrongsecret@{host}")
    assert "wrongsecret" not in str(caught.value)


async def test_an_unknown_option_in_the_url_is_told(postgresql_url: str) -> None:
    with pytest.raises(DatabaseError):
        await open_database(postgresql_url + "?sslmode=perhaps")


async def test_a_database_that_is_not_utf8_is_refused(postgresql_server: PostgresqlServer) -> None:
    url = postgresql_server.create_database("ENCODING LATIN1 TEMPLATE template0 LOCALE 'C'")
    with pytest.raises(DatabaseUnavailable, match="encoded in LATIN1"):
        await open_database(url)
    postgresql_server.drop_database(url)


async def test_a_url_in_sqlalchemys_form_opens_the_same_database(database_url: str) -> None:
    driver = "aiosqlite" if database_url.startswith("sqlite") else "asyncpg"
    named = database_url.replace("://", f"+{driver}://", 1)
    database = await open_database(named)
    engine = async_engine(named)
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar() == 1
    await engine.dispose()
    await database.close()


async def test_temporary_tables_of_batch_work_are_not_held_in_memory(tmp_path: Path) -> None:
    async with batch_engine(f"sqlite:///{tmp_path}/mail.db", create=True) as engine, engine.begin() as connection:
        assert await connection.scalar(text("PRAGMA temp_store")) == 1
