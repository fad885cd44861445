"""Groups of commands whose name alone shows something: ``mailgate dns 0135678H`` is ``mailgate dns show 0135678H``."""

from __future__ import annotations

import typer
from typer.core import TyperGroup


class ShowFirst(TyperGroup):
    """An argument in the place of a command is one of `show`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # click's own
        known = {*self.commands, *ctx.help_option_names}
        return super().parse_args(ctx, args if args and args[0] in known else ["show", *args])
