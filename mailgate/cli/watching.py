"""`--watch`: what a command shows, shown anew until Ctrl-C."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from mailgate.cli.context import console

_PAUSE: Final = 2.0

Watch = Annotated[bool, typer.Option("--watch", help=f"Show it anew every {_PAUSE:g} seconds, until Ctrl-C.")]


def shown(show: Callable[[], None], *, watch: bool, json: bool) -> None:
    """Show once or, with `watch`, again and again: to people in place, to scripts one after the other."""
    if not watch:
        show()
        return
    with contextlib.suppress(KeyboardInterrupt):
        if json or not console.is_terminal:
            _again(show)
        # A console of its own: what is printed to the one of a Live display becomes part of the display.
        with Live(console=Console(), screen=True, auto_refresh=False) as live:
            _again(lambda: live.update(Text.from_ansi(_captured(show)), refresh=True))


def _again(show: Callable[[], None]) -> None:
    while True:
        show()
        time.sleep(_PAUSE)


def _captured(show: Callable[[], None]) -> str:
    with console.capture() as captured:
        show()
    return captured.get()
