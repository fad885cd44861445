"""Texts that people read, in French and English (gettext; the catalogues are `locale/*/LC_MESSAGES/*.po`)."""

from __future__ import annotations

import functools
import gettext
import io
import unicodedata
from collections.abc import Callable
from importlib import resources
from typing import Literal

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


def ascii_only(text: str) -> str:
    """`text` without accents and with plain apostrophes: an SMTP reply is ASCII (RFC 5321 4.2)."""
    plain = text.replace("’", "'").replace("œ", "oe").replace("\u00a0", " ")
    return unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
