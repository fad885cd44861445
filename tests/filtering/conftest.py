"""The academy that tests of this folder share."""

from __future__ import annotations

from tests.policy.conftest import academy_url

__all__ = ["academy_url"]
