"""SORT: the messages found, by criteria whose values were rendered at delivery (RFC 5256, RFC 5957)."""

from imap.sort.order import sort_positions

__all__ = ["sort_positions"]
