"""IMAP servers before the real store, on each engine in turn."""

from __future__ import annotations

from tests.imap.conftest import tls
from tests.store.conftest import store, tables

__all__ = ["store", "tables", "tls"]
