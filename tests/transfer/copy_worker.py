"""Copies an account from an IMAP server, and prints a line after each batch: to be killed."""

from __future__ import annotations

import asyncio
import sys

from mailgate.database import open_database
from mailgate.store import MailStore
from mailgate.transfer import copying
from mailgate.transfer.imap_source import Login, Security, Server
from mailgate.transfer.intake import Intake

ACCOUNT = 2


async def main(url: str, host: str, port: str, user: str, password: str) -> None:
    vars(copying)["BATCH_MESSAGES"] = 20  # more places to be killed at
    database = await open_database(url)
    intake = Intake(database, MailStore(database).account(ACCOUNT, "bob@example.org"))

    def advance(folder: str, messages: int, _octets: int) -> None:
        sys.stdout.write(f"{folder} {messages}\n")
        sys.stdout.flush()

    server = Server(host, int(port), Security.NONE)
    done = await copying.copy_account(
        database, intake, server, Login(user, password), copying.Manner(), advance=advance
    )
    sys.stdout.write(f"copied {done.total('copied')} present {done.total('present')}\n")
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
