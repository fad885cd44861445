"""`mailgate school setup`: one step after the other, each of which another command does alone."""

from __future__ import annotations

from mailgate.cli.setup.conducting import conduct
from mailgate.cli.setup.plan import Plan

__all__ = ["Plan", "conduct"]
