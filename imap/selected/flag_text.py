"""Flag masks as the text between the parentheses of FLAGS, made once per mask."""

from __future__ import annotations

from imap.flags import flag_names

_MOST_TEXTS = 4096


class FlagTexts(dict[int, bytes]):
    """``texts[mask]`` is ``\\Seen $label1``; the table of one mailbox and its keywords."""

    def __init__(self, keywords: tuple[str, ...]) -> None:
        super().__init__()
        self.keywords = keywords

    def __missing__(self, mask: int) -> bytes:
        if len(self) >= _MOST_TEXTS:
            self.clear()
        text = self[mask] = " ".join(flag_names(mask, self.keywords)).encode()
        return text

    def recent(self, mask: int) -> bytes:
        """The text with ``\\Recent`` (RFC 3501 2.3.2)."""
        text = self[mask]
        return b"\\Recent " + text if text else b"\\Recent"
