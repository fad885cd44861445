"""Texts that people read, in French and English (gettext; the catalogues are `locale/*/LC_MESSAGES/*.po`)."""

from __future__ import annotations

import datetime
import functools
import gettext
import io
import unicodedata
from collections.abc import Callable
from importlib import resources
from typing import Final, Literal

Language = Literal["fr", "en"]
Domain = Literal["mailgate", "imap"]
"""mailgate's own texts, or those of the IMAP engine."""


@functools.cache
def translator(language: Language, domain: Domain = "mailgate") -> Callable[[str], str]:
    """The function that translates from English; texts without a translation stay as they are."""
    if language == "en":
        return str
    from babel.messages import mofile, pofile  # noqa: PLC0415 - most commands say nothing to end users

    source = resources.files("mailgate").joinpath("locale", language, "LC_MESSAGES", f"{domain}.po")
    compiled = io.BytesIO()
    mofile.write_mo(compiled, pofile.read_po(io.BytesIO(source.read_bytes()), locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled).gettext


class ImapTexts:
    """The texts of the IMAP engine in our languages: `imap.language.Catalogue`."""

    languages: tuple[Language, ...] = ("en", "fr")

    def __init__(self, preferred: Language) -> None:
        self.preferred = preferred

    def translate(self, language: str, text: str) -> str:
        """An English text of the engine in another language; one without a translation stays as it is."""
        return translator("fr", "imap")(text) if language == "fr" and text else text


def long_date(day: datetime.date, language: Language) -> str:
    """A day as people write it: ``1er septembre 2026``, ``1 September 2026``."""
    from babel.dates import format_date  # noqa: PLC0415 - as above

    text = format_date(day, "d MMMM y", locale=language)
    return text.replace("1", "1er", 1) if language == "fr" and day.day == 1 else text


_PLAIN: Final = {"’": "'", "œ": "oe", "\u00a0": " ", "« ": '"', " »": '"', "“": '"', "”": '"'}


def ascii_only(text: str) -> str:
    """`text` without accents, and with plain apostrophes and quotation marks: an SMTP reply is ASCII (RFC 5321 4.2)."""
    plain = text
    for character, instead in _PLAIN.items():
        plain = plain.replace(character, instead)
    return unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
