"""The gateway beside Postfix and Dovecot, in the same run on the same machine.

python -m benchmarks.compare
python -m benchmarks.compare --peers dovecot,sqlite --only mailbox --messages 1000
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

import uvloop

from benchmarks import fan_out, idle, mailbox
from benchmarks.figures import Figure, as_json, print_table
from benchmarks.peers.dovecot import dovecot_and_postfix
from benchmarks.peers.mailgate import mailgate
from benchmarks.peers.peer import Peer

PEERS: dict[str, Callable[[int], AbstractContextManager[Peer]]] = {
    "dovecot": dovecot_and_postfix,
    "sqlite": lambda members: mailgate(members, "sqlite"),
    "postgresql": lambda members: mailgate(members, "postgresql"),
}


async def measure(peer: Peer, options: argparse.Namespace) -> list[Figure]:
    """Run the benchmarks that were asked for."""
    figures: list[Figure] = []
    if "fan-out" in options.only:
        figures += await fan_out.measure(peer, rounds=options.rounds)
    if "idle" in options.only:
        figures += await idle.measure(peer, connections=options.connections)
    if "mailbox" in options.only:
        figures += await mailbox.measure(peer, count=options.messages)
    return figures


def main() -> None:
    """Measure each peer in turn and print a table."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are stopped
    results: dict[str, list[Figure]] = {}
    try:
        for name in options.peers:
            with PEERS[name](options.members) as peer:
                gc.collect()
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    results[peer.name] = runner.run(measure(peer, options))
    finally:  # what is known is shown even if a later peer fails
        if options.json:
            print(as_json(results))
        elif results:
            print_table(results)


def _options() -> argparse.Namespace:
    def names(text: str) -> list[str]:
        return text.split(",")

    parser = argparse.ArgumentParser(prog="benchmarks.compare", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--peers", type=names, default=list(PEERS), help=f"of {','.join(PEERS)} (default: all)")
    kinds = ["fan-out", "idle", "mailbox"]
    parser.add_argument("--only", type=names, default=kinds, help=f"of {','.join(kinds)} (default: all)")
    parser.add_argument("--members", type=int, default=1500, help="people on the list (default: 1500)")
    parser.add_argument("--rounds", type=int, default=fan_out.ROUNDS, help="messages to the list")
    parser.add_argument("--connections", type=int, default=idle.CONNECTIONS, help="idle connections")
    parser.add_argument("--messages", type=int, default=mailbox.MESSAGES, help="messages in the large mailbox")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
    return parser.parse_args()


if __name__ == "__main__":
    main()
