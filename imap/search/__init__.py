"""SEARCH: a tree of keys evaluated over a selected mailbox, the cheapest facts first (RFC 9051 section 6.4.4)."""

from imap.collation import fold
from imap.search.program import Found, find, search
from imap.search.view import SearchView

__all__ = ["Found", "SearchView", "find", "fold", "search"]
