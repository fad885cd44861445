"""A mailbox of a million messages: how long it takes to open and to work in, and what it holds in memory.

`python -m benchmarks.large_mailbox --store postgresql`. The rows are copied in the database from those of 200 real
messages, all seen but every tenth.
"""

from __future__ import annotations

import argparse
import asyncio
import imaplib
import json
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from benchmarks.messages import messages
from tests.processes.serving import Serving
from tests.support.large_mailbox import fill
from tests.support.postgresql import PostgresqlServer

_REAL = 200


def measure(serving: Serving) -> dict[str, float]:
    """Milliseconds of each command, MiB of memory."""
    client = serving.imap()
    process = Path(f"/proc/{serving.pid_of(client.socket())}/status")
    before = _anonymous(process)
    results: dict[str, float] = {}

    def timed(name: str, call: Callable[[], tuple[str, list[Any]]]) -> list[Any]:
        start = time.perf_counter()
        kind, data = call()
        results[name] = (time.perf_counter() - start) * 1000
        assert kind == "OK", data
        return data

    timed("SELECT, first, ms", lambda: client.select("INBOX"))
    results["memory after SELECT, MiB"] = (_anonymous(process) - before) / 1024
    timed("UNSELECT, ms", client.unselect)
    (count,) = timed("SELECT again, ms", lambda: client.select("INBOX"))
    total = int(str(count, "ascii")) if isinstance(count, bytes) else 0
    timed("FETCH of the last 50 (ENVELOPE FLAGS), ms", lambda: client.fetch(f"{total - 49}:*", "(ENVELOPE FLAGS)"))
    (found,) = timed("SEARCH UNSEEN, ms", lambda: client.search(None, "UNSEEN"))
    assert isinstance(found, bytes)
    results["unseen"] = len(found.split())
    timed("STORE of one, ms", lambda: client.store(str(total // 2), "+FLAGS", "\\Flagged"))
    timed("SEARCH SINCE, ms", lambda: client.search(None, "RETURN", "(COUNT)", "SINCE", "1-Jan-2026"))
    timed("FETCH of all flags, ms", lambda: client.fetch("1:*", "(UID FLAGS)"))
    timed("UID FETCH CHANGEDSINCE, ms", lambda: client.uid("FETCH", "1:*", f"(FLAGS) (CHANGEDSINCE {total + 1000})"))
    results["memory at the end, MiB"] = (_anonymous(process) - before) / 1024
    client.logout()
    return results


def _anonymous(status: Path) -> int:
    """KiB that the process holds of its own."""
    return int(status.read_text().split("RssAnon:")[1].split()[0])


def run(store: str, count: int) -> dict[str, float]:
    """Make the mailbox on a fresh gateway and measure."""
    database = PostgresqlServer() if store == "postgresql" else None
    with tempfile.TemporaryDirectory() as folder, database or nullcontext():
        url = database.create_database() if database else f"sqlite:///{folder}/mailgate.db"
        serving = Serving(Path(folder), url)
        serving.prepare()
        try:
            serving.start()
            client: imaplib.IMAP4_SSL = serving.imap()
            for content in messages(_REAL):
                client.append("INBOX", None, None, content)
            client.logout()
            serving.stop()
            asyncio.run(fill(url, "INBOX", count))
            serving.start()
            return measure(serving)
        finally:
            serving.end()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--messages", type=int, default=1_000_000)
    options = parser.parse_args()
    print(json.dumps({name: round(value, 1) for name, value in run(options.store, options.messages).items()}, indent=1))


if __name__ == "__main__":
    main()
