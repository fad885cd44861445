"""What the gateway's time is made of while one row is measured: the functions that take most of it.

python -m benchmarks.profile list-first
python -m benchmarks.profile store-pipelined --store postgresql --native

Sampling is done from outside by py-spy, only while the clock of the row runs, and shows every thread and worker.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.peers.mailgate import mailgate
from benchmarks.rows.benchmark import Benchmark, Sample, Scale, Site, corpus
from benchmarks.rows.registry import BENCHMARKS

_PROGRAM = Path(sys.executable).with_name("py-spy")
_RATE = 1000
_LINES = 25
_OURS = re.compile(r" \((?!mailgate/(cli/|serve|workers|__main__))(imap|smtp|directory|certs|mailgate)/")
"""Frames of the gateway itself, its start left out."""


@dataclass
class ProfiledSite(Site):
    """A server whose stacks are counted while a sample is taken."""

    options: tuple[str, ...] = ()
    stacks: Counter[tuple[str, ...]] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)

    async def timed(self, work: Coroutine[Any, Any, object], *, per: float = 1, with_rest: bool = False) -> Sample:
        """As without a profile, and count."""
        async with self._sampling():
            sample = await super().timed(work, per=per, with_rest=with_rest)
        self.samples.append(sample)
        return sample

    @contextlib.asynccontextmanager
    async def _sampling(self) -> AsyncIterator[None]:
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "stacks"
            spy = await asyncio.create_subprocess_exec(
                *(str(_PROGRAM), "record", "--pid", str(self.peer.processes()[0]), "--subprocesses", "--function"),
                *("--format", "raw", "--rate", str(_RATE), "--output", str(output), *self.options),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            assert spy.stdout is not None
            said = await spy.stdout.readuntil(b"Sampling process")
            try:
                yield
            finally:
                spy.send_signal(signal.SIGINT)
                said += (await spy.communicate())[0]
            if not output.exists():
                raise RuntimeError(said.decode(errors="replace"))
            self.stacks += read_stacks(output.read_text())


def read_stacks(text: str) -> Counter[tuple[str, ...]]:
    """Read lines of `outermost;…;innermost count`; frames that name a process are left out."""
    found: Counter[tuple[str, ...]] = Counter()
    for line in text.splitlines():
        frames, _, count = line.rpartition(" ")
        if stack := tuple(frame for frame in frames.split(";") if frame and not frame.startswith("process ")):
            found[stack] += int(count)
    return found


def print_profile(stacks: Counter[tuple[str, ...]], lines: int) -> None:
    """Print the functions by their own time, with that of what they call."""
    own: Counter[str] = Counter()
    with_calls: Counter[str] = Counter()
    for stack, count in stacks.items():
        own[stack[-1]] += count
        for frame in set(stack):
            with_calls[frame] += count
    table = Table(title=f"{stacks.total():,} samples of busy threads, {_RATE:,} a second")
    for title in ("own", "with calls"):
        table.add_column(title, justify="right")
    table.add_column("function")
    ours = Counter({frame: count for frame, count in with_calls.items() if _OURS.search(frame)})
    for ordered in (own, ours):
        for frame, _ in ordered.most_common(lines):
            table.add_row(*(f"{counter[frame] / stacks.total():.1%}" for counter in (own, with_calls)), frame)
        table.add_section()
    Console(width=140).print(table)


async def measure(site: ProfiledSite, benchmark: Benchmark, rounds: int) -> None:
    """Run the row on one server."""
    await benchmark.prepare(site)
    await site.rest()
    for number in range(rounds):
        await benchmark.round(site, number)


def main() -> None:
    """Start a gateway, measure one row under the profiler, print."""
    options = _options()
    benchmark = next(one for one in BENCHMARKS if one.name == options.row)
    scale = Scale(**{name: getattr(options, name) for name in asdict(Scale())})
    with (
        mailgate(benchmark.people(scale), options.store) as peer,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        site = ProfiledSite(
            peer, scale, corpus(scale), options=("--native",) * options.native + ("--gil",) * options.gil
        )
        runner.run(measure(site, benchmark, options.rounds))
    print_profile(site.stacks, options.lines)
    costs = [f"{sample.value:.3g} / {sample.cpu or 0:.3g}" for sample in site.samples]
    print(f"Wall time / processor time under the profiler, ms: {', '.join(costs)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.profile", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("row", choices=[benchmark.name for benchmark in BENCHMARKS])
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lines", type=int, default=_LINES, help="how many functions are shown")
    parser.add_argument("--native", action="store_true", help="show C functions, too (slower)")
    parser.add_argument("--gil", action="store_true", help="leave out what runs or waits without the interpreter lock")
    for name, value in asdict(Scale()).items():
        parser.add_argument(f"--{name}", type=int, default=value, help=f"(default: {value})")
    return parser.parse_args()


if __name__ == "__main__":
    main()
