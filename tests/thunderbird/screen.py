"""A screen that nobody sees: Xvfb with a window manager, and xdotool for the hands."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

SIZE = "1200x720x24"
WINDOW_WITHIN = 60


class Screen:
    """Starts with the `with` block, and ends with it."""

    def __init__(self) -> None:
        reading, writing = os.pipe()
        command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", SIZE, "-nolisten", "tcp"]
        self._server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
        os.close(writing)
        with os.fdopen(reading) as number:
            self.display = f":{number.readline().strip()}"
        self.environment = os.environ | {"DISPLAY": self.display}
        self._manager = subprocess.Popen(["openbox"], env=self.environment, stderr=subprocess.DEVNULL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for process in (self._manager, self._server):
            process.terminate()
            process.wait(30)

    def wait_for_window(self, name: str) -> None:
        """Until a window of this name (a regular expression) is shown and has the keyboard. Raises TimeoutError."""
        try:
            window = self._run("xdotool", "search", "--sync", "--onlyvisible", "--name", name).split()[-1]
            self._run("xdotool", "windowactivate", "--sync", window)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"no window is called {name}") from error

    def type(self, text: str) -> None:
        self._run("xdotool", "type", "--delay", "10", text)

    def press(self, key: str) -> None:
        """A key by its name in X, such as Return or ctrl+Return."""
        self._run("xdotool", "key", key)

    def picture(self, path: Path) -> None:
        """What the screen shows, as a PNG file."""
        self._run("import", "-window", "root", str(path))

    def _run(self, *command: str) -> str:
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=WINDOW_WITHIN, check=True
        ).stdout
