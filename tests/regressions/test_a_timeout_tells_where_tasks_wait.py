"""A hang is found by what the report of its test says: it could not be told from any other timeout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HANGS = """
import asyncio
import pytest


async def ask_a_silent_server():
    await asyncio.Event().wait()


@pytest.fixture
async def gateway():
    yield
    await ask_a_silent_server()


async def test_hangs(gateway):
    task = asyncio.create_task(ask_a_silent_server(), name="the one that asks")
    await asyncio.shield(task)
"""


OPTIONS = """
-p tests.support.stacks -p no:cacheprovider -o asyncio_mode=auto -o asyncio_default_fixture_loop_scope=function
--timeout=0.5 --timeout-method=signal
"""


def test_each_task_is_shown_and_the_teardown_ends(tmp_path: Path) -> None:
    (tmp_path / "test_hangs.py").write_text(HANGS)
    (tmp_path / "conftest.py").write_text("import tests.support.stacks\ntests.support.stacks.TEARDOWN = 0.1\n")
    command = [sys.executable, "-m", "pytest", *OPTIONS.split(), "--rootdir", str(tmp_path), str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert "1 failed, 1 error" in run.stdout, run.stdout + run.stderr
    assert "the one that asks" in run.stdout
    for function in ("test_hangs", "ask_a_silent_server", "gateway"):
        assert f"in {function}" in run.stdout
