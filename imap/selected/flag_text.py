"""Flag masks as the text between the parentheses of FLAGS, made once per mask."""

from __future__ import annotations

from imap.flags import flag_names

_MOST_TEXTS = 4096


class FlagTexts(dict[int, bytes]):
    """``texts[mask]`` is ``\\Seen $label1``; the table of one mailbox and its keywords."""

    __slots__ = ("_always", "keywords")

    def __init__(self, keywords: tuple[str, ...], *always: str) -> None:
        super().__init__()
        self.keywords = keywords
        self._always = always

    def __missing__(self, mask: int) -> bytes:
        if len(self) >= _MOST_TEXTS:
            self.clear()
        text = self[mask] = " ".join((*self._always, *flag_names(mask, self.keywords))).encode()
        return text
