"""Languages of the texts for people (RFC 5255 section 3): the engine's are English, the application translates them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

I_DEFAULT: Final = "i-default"
"""English, in ASCII: what a client is told in until it chooses (RFC 2277 section 4.5)."""


class Catalogue(Protocol):
    """What the application can say in other languages."""

    @property
    def languages(self) -> Sequence[str]:
        """Language tags (RFC 5646), English among them, `I_DEFAULT` not."""
        ...

    @property
    def preferred(self) -> str:
        """The one of them for clients that leave the choice to the server."""
        ...

    def translate(self, language: str, text: str) -> str:
        """An English text of the engine in another language, or as it is; ``{name}`` stands for a value in both."""
        ...


def translated(catalogue: Catalogue | None, language: str, text: str, values: Mapping[str, object] | None) -> str:
    """The text with its values filled in; those that are texts are translated too."""
    if catalogue is None:
        return text.format(**values) if values else text
    text = catalogue.translate(language, text)
    if not values:
        return text
    return text.format(
        **{name: catalogue.translate(language, one) if isinstance(one, str) else one for name, one in values.items()}
    )


def choose(catalogue: Catalogue, ranges: Iterable[str]) -> str | None:
    """The language of the first range that has one, by the lookup of RFC 4647 section 3.4; None when none has."""
    known = {tag.lower(): tag for tag in (*catalogue.languages, I_DEFAULT)}
    for wanted in map(str.lower, ranges):
        if wanted in {"default", "*"}:
            return catalogue.preferred
        subtags = wanted.split("-")
        while subtags:
            if (tag := known.get("-".join(subtags))) is not None:
                return tag
            subtags.pop()
            if subtags and len(subtags[-1]) == 1:
                subtags.pop()
    return None
