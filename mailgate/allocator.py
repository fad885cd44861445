"""How the C library keeps memory for this process."""

from __future__ import annotations

import contextlib
import ctypes
from typing import Final

_MMAP_THRESHOLD: Final = -3
"""M_MMAP_THRESHOLD of mallopt(3)."""
_LARGE: Final = 256 * 1024
"""What uvloop takes for each TLS connection, to touch one page of it."""


def keep_large_blocks_apart() -> None:
    """Large blocks come from the system and go back to it, however many were freed before (glibc; elsewhere nothing).

    By itself glibc takes them from its heap once one was freed: there the receive buffer of a TLS connection is made of
    pages that were used before, and an idle connection costs 2 KiB more at best, 256 KiB at worst.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)
