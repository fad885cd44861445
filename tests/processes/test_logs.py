"""Each record is one line of JSON, or of text for eyes, and a traceback shows no value."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

CODE = """
import logging, warnings, structlog
from mailgate import logs
logs.configure("{format}", "info")
def fail(password, text):
    raise ValueError("wrong")
for log in (structlog.stdlib.get_logger("one"), logging.getLogger("two")):
    try:
        fail("hunter2", "Bonjour Lea")
    except ValueError:
        log.exception("failed")
logging.getLogger("three").info("counted %d", 7, extra={{"account_id": 8}})
logging.getLogger("three").debug("never")
structlog.stdlib.get_logger("one").debug("never")
logging.getLogger("mail.log").info("MAIL FROM:<lea.pupil@ent.example.org>")
warnings.warn("old")
"""


def logged(log_format: str) -> str:
    code = CODE.format(format=log_format)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == ""
    assert "never" not in done.stderr
    assert "lea.pupil" not in done.stderr
    return done.stderr


def test_json() -> None:
    one, two, three, warning = (json.loads(line) for line in logged("json").splitlines())
    for record, logger in ((one, "one"), (two, "two")):
        assert (record["event"], record["level"], record["logger"]) == ("failed", "error", logger)
        assert "ValueError: wrong" in record["exception"]
        assert "Bonjour" not in record["exception"].replace('fail("hunter2", "Bonjour Lea")', "")
    assert (three["event"], three["account_id"], three["level"]) == ("counted 7", 8, "info")
    assert three["timestamp"].endswith("Z")
    assert (warning["level"], "old" in warning["event"]) == ("warning", True)


def test_text() -> None:
    text = logged("text")
    assert text.count("ValueError: wrong") == 2
    assert "hunter2" not in text.replace('fail("hunter2", "Bonjour Lea")', "")
    assert "counted 7" in text
    assert "account_id=8" in text
    with pytest.raises(ValueError, match=r"Expecting value|Extra data"):
        json.loads(text)
