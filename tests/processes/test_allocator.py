"""The receive buffers of TLS connections are blocks of their own, whatever was freed before."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, sys
from mailgate.allocator import keep_large_blocks_apart

class Info(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    _fields_ = [(name, ctypes.c_size_t) for name in names]

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
libc.mallinfo2.restype = Info
if sys.argv[1] == "apart":
    keep_large_blocks_apart()
libc.free(libc.malloc(8 << 20))
before = libc.mallinfo2().hblks
kept = [libc.malloc(256 << 10) for _ in range(10)]
print(libc.mallinfo2().hblks - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="glibc 2.33 or later")
@pytest.mark.parametrize(("how", "apart"), [("apart", 10), ("by itself", 0)])
def test_a_receive_buffer_is_no_used_page_of_the_heap(how: str, apart: int) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    assert int(done.stdout) == apart
