"""The checks of each door, as the settings have them."""

from __future__ import annotations

from mailgate.config import Settings
from mailgate.filtering.attachments import Attachments
from mailgate.filtering.chain import Chain, Guarded


def for_incoming(settings: Settings) -> Chain:
    """For what other servers send."""
    return Chain([_attachments(settings)], settings.gateway.language)


def for_submission(settings: Settings) -> Chain:
    """For what people of the schools send."""
    return Chain([_attachments(settings)], settings.gateway.language)


def _attachments(settings: Settings) -> Guarded:
    own = settings.filters.attachments
    check = Attachments(own.types(), settings.gateway.language, archives=own.archives)
    return Guarded(check, own.timeout, own.on_failure, own.skip_trusted)
