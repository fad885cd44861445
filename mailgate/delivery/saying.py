"""What people read, in one of our languages: whole sentences, and refusals."""

from __future__ import annotations

from mailgate.i18n import Language, ascii_only, translator
from smtp.handler import SmtpError


def said(language: Language, text: str, **values: str) -> str:
    """A text of the catalogue with its values."""
    return translator(language)(text).format(**values)


def refusal(language: Language, text: str, **values: str) -> SmtpError:
    """A refusal for good, by a rule of ours (RFC 3463: 5.7.1)."""
    return SmtpError(550, "5.7.1", ascii_only(said(language, text, **values)))
