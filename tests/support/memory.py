"""Temporary files in memory: the tests make and remove hundreds of thousands, and sync thousands of commits."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")
_WANTED = 4 * 1024**3  # octets; a whole run with four workers takes less than one


def use_memory() -> None:
    """Make temporary files in memory, here and in the processes started from here; `TMPDIR` says otherwise.

    Nothing is done where there is too little memory, or none that programs may be run from.
    """
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK):
        return
    found = os.statvfs(_MEMORY)
    if found.f_bavail * found.f_frsize >= _WANTED and not found.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)
