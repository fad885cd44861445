"""The gateway beside Dovecot, in the same run on the same machine, in turns.

python -m benchmarks.compare
python -m benchmarks.compare --peers maildir,sqlite --only list-first,list-again --messages 1000
python -m benchmarks.compare --write docs/performance.md
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from pathlib import Path

import uvloop

from benchmarks.page import write_section
from benchmarks.peers.dovecot import dovecot
from benchmarks.peers.mailgate import mailgate
from benchmarks.peers.peer import Peer
from benchmarks.rows.benchmark import Benchmark, Sample, Scale, Site, corpus
from benchmarks.rows.registry import BENCHMARKS
from benchmarks.table import Line, as_json, print_table

PEERS: dict[str, Callable[[int], AbstractContextManager[Peer]]] = {
    "maildir": lambda members: dovecot(members, "maildir"),
    "sdbox": lambda members: dovecot(members, "sdbox"),
    "sqlite": lambda members: mailgate(members, "sqlite"),
    "postgresql": lambda members: mailgate(members, "postgresql"),
}
_LONGEST = 300.0
"""Seconds after which one round of a benchmark has failed."""


async def measure(
    benchmarks: Sequence[Benchmark], peers: Sequence[Peer], scale: Scale, rounds: int | None
) -> list[Line]:
    """Run each benchmark in rounds, in each of them on every peer."""
    messages = corpus(scale)
    gc.collect()
    gc.freeze()
    sites = [Site(peer, scale, messages) for peer in peers]
    lines: list[Line] = []
    for benchmark in benchmarks:
        new = [Line(row, row.title.format(**_shown(scale))) for row in benchmark.rows]
        lines += new
        start = time.monotonic()
        await _run(benchmark, sites, rounds or benchmark.rounds, new)
        _progress(f"{benchmark.name}: {time.monotonic() - start:.0f} s\n")
    return lines


async def _run(benchmark: Benchmark, sites: Sequence[Site], rounds: int, lines: Sequence[Line]) -> None:
    """Add the samples of one benchmark to its lines; a server that failed takes no further part in it."""
    _progress(f"{benchmark.name}: preparing")
    start = time.monotonic()
    outcomes = await asyncio.gather(*(_prepare(benchmark, site) for site in sites), return_exceptions=True)
    if time.monotonic() - start > 1:
        _progress(f"{benchmark.name}: prepared in {time.monotonic() - start:.0f} s\n")
    failures = {site.peer.name: error for site, error in zip(sites, outcomes, strict=True) if error is not None}
    for number in range(rounds):
        for position in range(len(sites)):  # another one begins each round
            site = sites[(position + number) % len(sites)]
            if site.peer.name in failures:
                continue
            _progress(f"{benchmark.name}: round {number + 1} of {rounds}, {site.peer.name}")
            try:
                async with asyncio.timeout(_LONGEST):
                    _add(lines, site.peer.name, await benchmark.round(site, number))
            except Exception as error:  # the other servers and rows are still worth knowing
                failures[site.peer.name] = error
    for line in lines:
        line.failures = {name: f"{type(error).__name__}: {error}" for name, error in failures.items()}


async def _prepare(benchmark: Benchmark, site: Site) -> None:
    await benchmark.prepare(site)
    await site.rest()


def _add(lines: Sequence[Line], name: str, samples: Sequence[Sample]) -> None:
    for line, sample in zip(lines, samples, strict=True):
        line.samples.setdefault(name, []).append(sample)


def _shown(scale: Scale) -> dict[str, str]:
    return {name: f"{value:,}" for name, value in asdict(scale).items()}


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        text = f"\r\033[K{text}"
    elif not text.endswith("\n"):
        return
    sys.stderr.write(text)
    sys.stderr.flush()


def main() -> None:
    """Start the peers, measure, print."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are stopped
    chosen = [benchmark for benchmark in BENCHMARKS if benchmark.name in options.only]
    scale = Scale(**{name: getattr(options, name) for name in asdict(Scale())})
    people = max(benchmark.people(scale) for benchmark in chosen)
    with ExitStack() as stack:
        with ThreadPoolExecutor() as starting:
            found = starting.map(stack.enter_context, [PEERS[name](people) for name in options.peers])
        peers = list(found)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            lines = runner.run(measure(chosen, peers, scale, options.rounds))
    _progress("")
    names = [peer.name for peer in peers]
    if options.json:
        print(as_json(lines))
    else:
        print_table(lines, names)
    if options.write:
        write_section(options.write, lines, names)
    sys.exit(any(line.failures for line in lines))


def _options() -> argparse.Namespace:
    def names(known: Sequence[str]) -> Callable[[str], list[str]]:
        def parse(text: str) -> list[str]:
            if wrong := set(text.split(",")) - set(known):
                raise argparse.ArgumentTypeError(f"{', '.join(sorted(wrong))}: not one of {', '.join(known)}")
            return text.split(",")

        return parse

    kinds = [benchmark.name for benchmark in BENCHMARKS]
    parser = argparse.ArgumentParser(prog="benchmarks.compare", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--peers", type=names(list(PEERS)), default=list(PEERS), help=f"of {','.join(PEERS)}")
    parser.add_argument("--only", type=names(kinds), default=kinds, help=f"of {','.join(kinds)}")
    parser.add_argument("--rounds", type=int, help="measurements of each row, the median counts (default: 3 to 5)")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table into this page, too")
    for name, value in asdict(Scale()).items():
        parser.add_argument(f"--{name}", type=int, default=value, help=f"{SCALE_HELP[name]} (default: {value})")
    return parser.parse_args()


SCALE_HELP = {
    "messages": "messages in the large mailbox",
    "huge": "messages in the huge mailbox",
    "bodies": "whole messages that are read",
    "people": "people on the list, each of them connected in the rows of idle clients",
}


if __name__ == "__main__":
    main()
