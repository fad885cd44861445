"""The section of docs/performance.md that a run writes: the table, the day, the machine."""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.table import Line, counts, markdown

BEGIN = "<!-- table of `./run bench --write docs/performance.md`: begin -->\n"
END = "<!-- table: end -->\n"


def write_section(page: Path, lines: Sequence[Line], servers: Sequence[str]) -> None:
    """Replace what stands between the two marks of the page.

    Raises:
        ValueError: the page has no such marks.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no place for the table: {BEGIN.strip()} … {END.strip()}")
    section = f"{machine()}\n\n{markdown(lines, servers)}\n{_summary(lines, servers)}\n"
    page.write_text(f"{before}{BEGIN}{section}{END}{after}", encoding="utf-8")


def machine() -> str:
    """One sentence on the day and the machine."""
    now = datetime.datetime.now(datetime.UTC)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    busy = os.getloadavg()[2]
    return (
        f"One run, {now.day} {now:%B %Y}: {os.cpu_count()} cores ({model[1] if model else platform.machine()}), "
        f"{memory:.0f} GiB, {system}, Linux {platform.release()}, Python {platform.python_version()}, "
        f"{_version('dovecot', '--version')}, {_version('psql', '--version')}; "
        f"load average of the last 15 minutes, the run itself included: {busy:.1f}."
    )


def _version(program: str, option: str) -> str:
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))
    said = subprocess.run([program, option], capture_output=True, text=True, check=False, env={"PATH": path}).stdout
    number = re.search(r"\d+(\.\d+)+", said)
    name = {"psql": "PostgreSQL", "dovecot": "Dovecot"}[program]
    return f"{name} {number[0] if number else '(unknown)'}"


def _summary(lines: Sequence[Line], servers: Sequence[str]) -> str:
    texts = []
    for server in servers:
        if server.startswith("mailgate"):
            found = counts(lines, server)
            texts.append(f"{server}: {found[True]} targets met, {found[False]} missed.")
    return " ".join(texts)
