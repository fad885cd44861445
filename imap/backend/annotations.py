"""Annotations of mailboxes and of the server (RFC 5464)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

SERVER = 0
"""The ``mailbox_id`` that stands for the server as a whole where annotations are concerned; no mailbox has it."""


class AnnotationChange(NamedTuple):
    """An annotation that was set or removed."""

    mailbox_id: int
    """`SERVER` for the server."""
    entry: str
    revision: int


@dataclass(frozen=True, slots=True)
class AnnotationChanges:
    """What happened to an owner's annotations after a revision."""

    revision: int
    changed: Sequence[AnnotationChange]
