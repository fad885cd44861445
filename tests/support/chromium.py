"""Chromium without a screen, by the DevTools protocol over a pipe: what a person sees and does on a page.

The page's own policy forbids scripts; what is run here runs as the browser's tools do, beside that policy.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import itertools
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

PATIENCE: Final = 30.0
_END: Final = b"\0"


class Chromium:
    """One page of one browser, on a screen of `width` by `height`. A machine without Chromium is an error."""

    def __init__(self, width: int, height: int, language: str) -> None:
        program = shutil.which("chromium")
        assert program is not None, "the Debian package chromium is not installed"
        self._folder = Path(tempfile.mkdtemp(prefix="chromium"))
        ours, theirs = os.pipe(), os.pipe()
        # Above 4, so that neither takes the other's place.
        read, write = (fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, 10) for one in (ours[0], theirs[1]))
        self._pid = os.posix_spawn(
            program,
            [
                program, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
                "--ignore-certificate-errors", "--no-first-run", "--disable-background-networking",
                "--disable-dev-shm-usage", f"--user-data-dir={self._folder}", f"--lang={language}",
                f"--accept-lang={language}", "about:blank",
            ],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, read, 3),
                (os.POSIX_SPAWN_DUP2, write, 4),
                *((os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)),
            ],
        )  # fmt: skip
        for one in (ours[0], theirs[1], read, write):
            os.close(one)
        self._to, self._from = os.fdopen(ours[1], "wb"), os.fdopen(theirs[0], "rb")
        self._numbers = itertools.count(1)
        self._left = b""
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.command("Page.enable")
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=True)

    _session = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._session = ""
        with contextlib.suppress(AssertionError, OSError):
            self.command("Browser.close")  # it waits for its own processes; killed, it leaves them to the system
            self._read_to_the_end()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._to.close()
        self._from.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def command(self, method: str, **parameters: object) -> Any:  # noqa: ANN401 - JSON
        """The result of a command of the protocol."""
        number = next(self._numbers)
        asked = {"id": number, "method": method, "params": parameters}
        if self._session:
            asked["sessionId"] = self._session
        self._to.write(msgspec.json.encode(asked) + _END)
        self._to.flush()
        while True:
            said = self._read()
            if said.get("id") == number:
                assert "error" not in said, said
                return said["result"]

    def open(self, url: str) -> None:
        """Go to a page, and wait until it is there."""
        self.command("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, expression: str) -> Any:  # noqa: ANN401 - JSON
        """The value of an expression in the page."""
        return self.command("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true."""
        until = time.monotonic() + PATIENCE
        while not self.run(expression):
            assert time.monotonic() < until, (expression, self.run("document.body.innerText"))
            time.sleep(0.02)

    def type(self, selector: str, text: str) -> None:
        """Put text into a field as by the keyboard."""
        self.run(f"document.querySelector({msgspec.json.encode(selector).decode()}).focus()")
        self.command("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Click with a finger's coordinates, and wait for the page that follows."""
        name = msgspec.json.encode(selector).decode()
        self.run(f"document.querySelector({name}).scrollIntoView({{block: 'center'}})")
        x, y = self.run(
            f"(r => [r.x + r.width / 2, r.y + r.height / 2])(document.querySelector({name}).getBoundingClientRect())"
        )
        self.run("document.documentElement.dataset.left = 'yes'")
        for kind in ("mousePressed", "mouseReleased"):
            self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        self.wait_for("document.readyState === 'complete' && document.documentElement.dataset.left !== 'yes'")

    def picture(self) -> bytes:
        """A PNG of the whole page."""
        found = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(found["data"])

    def printed(self) -> bytes:
        """A PDF of the page, as its own style has it printed."""
        return base64.b64decode(self.command("Page.printToPDF", preferCSSPageSize=True)["data"])

    def _read_to_the_end(self) -> None:
        while os.read(self._from.fileno(), 65536):
            pass

    def _read(self) -> Any:  # noqa: ANN401 - JSON
        while _END not in self._left:
            piece = os.read(self._from.fileno(), 65536)
            assert piece, "Chromium ended"
            self._left += piece
        text, _, self._left = self._left.partition(_END)
        return msgspec.json.decode(text)
