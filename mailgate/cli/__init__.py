"""The command `mailgate`: every job of an administrator and of operations.

Half of what a short command costs is its imports: an emergency stop is not to wait for the parsers of an IMAP server.
"""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run a command; end with an exit code that means something, and one line for what an operator can mend."""
    gc.disable()  # what is imported stays: to look for garbage in it is a fifth of a short command's time
    from mailgate.cli.commands import build  # noqa: PLC0415
    from mailgate.cli.context import fail, operator_error  # noqa: PLC0415

    try:
        command = build(sys.argv[1:])
        gc.freeze()
        gc.enable()
        command()
    except Exception as error:
        code = operator_error(error)
        if code is None:
            raise
        fail(str(error))
        sys.exit(code)
