"""The checks of each door, as the settings have them."""

from __future__ import annotations

from mailgate.config import Settings
from mailgate.filtering.chain import Chain


def for_incoming(settings: Settings) -> Chain:
    """For what other servers send."""
    return Chain([], settings.gateway.language)


def for_submission(settings: Settings) -> Chain:
    """For what people of the schools send."""
    return Chain([], settings.gateway.language)
