"""CONTEXT: results of SEARCH and SORT that the server keeps up to date (RFC 5267 section 4)."""

from imap.contexts.contexts import Context, Contexts

__all__ = ["Context", "Contexts"]
