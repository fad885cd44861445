"""An application in memory that follows `imap.backend` to the letter: the double for tests of the engine."""

from tests.imap.memory_backend.account import MemoryAccount, only_count
from tests.imap.memory_backend.backend import MemoryBackend, plain_response
from tests.imap.memory_backend.mailbox import Message

__all__ = ["MemoryAccount", "MemoryBackend", "Message", "only_count", "plain_response"]
