"""Attachments of types that a school does not let through, whoever writes: refused in words that say which type."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Final

from mailgate.filtering.audience import Concerned, Party
from mailgate.filtering.contract import Arriving, Finding, refused
from mailgate.filtering.inspecting import Inventory, TooComplex, inspect
from mailgate.i18n import Language, translator
from mailgate.policy.attachment_types import AttachmentTypes, parse

INLINE_SIZE: Final = 32 * 1024
"""Above this many octets, a message is looked through in a thread."""
_ORDINARY: Final = frozenset(
    {"text/plain", "text/html", "multipart/alternative", "multipart/mixed", "multipart/related"}
)
"""What no school can forbid."""


class Attachments:
    """A `Check`: the settings of each school count, and for who is of none those of the gateway."""

    name = "attachments"

    def __init__(self, forbidden: AttachmentTypes, language: Language, *, archives: bool) -> None:
        """`archives`: whether names in ZIP archives count."""
        self._forbidden = forbidden
        self._language = language
        self._archives = archives

    async def examine(self, arriving: Arriving) -> Finding:
        """Refuse the first forbidden type, and what nobody could look through."""
        content = arriving.content
        try:
            if len(content) > INLINE_SIZE:
                held = await asyncio.to_thread(inspect, content, archives=self._archives)
            else:
                held = inspect(content, archives=self._archives)
        except TooComplex as error:
            return await self._too_complex(arriving, str(error))
        if not held.extensions and held.media <= _ORDINARY:
            return Finding()
        concerned = await arriving.audience.concerned()
        for party in concerned.parties:
            if found := self._forbidden_for(party, concerned, held):
                return self._refused(party, concerned.language(party, self._language), found)
        return Finding()

    async def close(self) -> None:
        """Nothing to close."""

    def _forbidden_for(self, party: Party, concerned: Concerned, held: Inventory) -> str:
        """A type that one of the party's schools does not let through, or an empty text."""
        return next((found for rule in self._rules_for(party, concerned) if (found := _first(rule, held))), "")

    def _rules_for(self, party: Party, concerned: Concerned) -> list[AttachmentTypes]:
        schools = [concerned.settings[one] for one in sorted(party.schools)]
        return [_parsed(school.attachments, self._forbidden) for school in schools] or [self._forbidden]

    def _refused(self, party: Party, language: Language, found: str) -> Finding:
        if party.address:
            text = _("Messages to {address} may not have attachments of the type {type}, not even in an archive.")
        else:
            text = _("Messages from you may not have attachments of the type {type}, not even in an archive.")
        words = translator(language)(text).format(address=party.address, type=found)
        return refused(words, f"type={found}")

    async def _too_complex(self, arriving: Arriving, what: str) -> Finding:
        concerned = await arriving.audience.concerned()
        if not any(rule for party in concerned.parties for rule in self._rules_for(party, concerned)):
            return Finding()
        language = concerned.reader_language(self._language)
        text = _("This message has too many parts or files to be looked through. Please send fewer at once.")
        return refused(translator(language)(text), what)


@lru_cache(maxsize=1_000)
def _parsed(words: str, base: AttachmentTypes) -> AttachmentTypes:
    return parse(words.split(), base)


def _first(rule: AttachmentTypes, held: Inventory) -> str:
    """A type that is there and forbidden, in words of the settings: nothing that the message says."""
    if named := sorted(held.extensions & rule.extensions):
        return f".{named[0]}"
    return next((found for kind in sorted(held.media) if (found := rule.media_word(kind))), "")


def _(text: str) -> str:
    """Mark a text for the catalogues; it is translated when it is sent."""
    return text
