"""THREAD: the messages found as trees of replies (RFC 5256)."""

from imap.thread.ordered_subject import OrderedSubject
from imap.thread.references import References
from imap.thread.tree import Threads, thread_response

__all__ = ["OrderedSubject", "References", "Threads", "thread_response"]
