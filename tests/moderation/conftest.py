"""The demo academy with its accounts, on each engine."""

from tests.policy.conftest import academy_url

__all__ = ["academy_url"]
