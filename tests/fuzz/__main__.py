"""Fuzz one target, or each in turn, for so many seconds: `python -m tests.fuzz [target|all] [seconds]`.

What is found is written to ``.fuzz/<target>/crash-…``, beside the corpus, which is kept from one run to the next.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import atheris

FOLDER = Path(".fuzz")


def fuzz(name: str, seconds: int) -> None:
    """Run until the time is over, or something is found; the fuzzer ends the process."""
    with atheris.instrument_imports(include=["imap", "mailgate.transfer"]):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - what is instrumented is imported here

    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(TARGETS[name].seeds):
        (folder / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=10", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *options, str(folder)], TARGETS[name].check)
    atheris.Fuzz()


def main() -> int:
    """The arguments of the command line."""
    name = sys.argv[1] if len(sys.argv) > 1 else "all"
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    if name != "all":
        fuzz(name, seconds)
        return 0
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - each target is a process of its own

    found = [
        target
        for target in TARGETS
        if subprocess.run(
            [sys.executable, "-m", "tests.fuzz", target, str(seconds)], env=os.environ, check=False
        ).returncode
    ]
    sys.stdout.write(f"Found something in: {', '.join(found)}\n" if found else "Nothing found\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
