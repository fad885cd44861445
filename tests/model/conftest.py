"""IMAP servers before the real store, on each engine in turn."""

from __future__ import annotations

from tests.imap.conftest import tls
from tests.store.conftest import database_content, store

__all__ = ["database_content", "store", "tls"]
