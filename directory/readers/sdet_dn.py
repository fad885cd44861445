"""Distinguished names in one spelling (RFC 4514), so that they can be compared as texts."""

from __future__ import annotations

import re
from typing import Final

_LIMIT: Final = 2048

# attributeTypeAndValue = type "=" value, then a separator; a pair of escapes is never cut.
_RDN: Final = re.compile(
    r"\s*(?P<type>[A-Za-z0-9.-]+)\s*=\s*(?P<value>(?:\\[0-9A-Fa-f]{2}|\\.|[^\\,;+])*)(?P<separator>[,;+]|\Z)", re.DOTALL
)
_ESCAPES: Final = re.compile(r"(?:\\[0-9A-Fa-f]{2})+|\\.", re.DOTALL)
_SPECIAL: Final = re.compile(r'[\\",+<>;=#$]')
_PAIR: Final = 2


def fold_dn(dn: str) -> str:
    """The DN in lower case, without blanks around separators, with one way of escaping.

    A dollar sign is escaped as well: it parts the values that begin with a DN. Raises ValueError.
    """
    if not dn or len(dn) > _LIMIT:
        raise ValueError("no DN, or one of more than 2,048 characters")
    folded: list[str] = []
    end, separator = 0, ","
    while separator:
        match = _RDN.match(dn, end)
        if match is None:
            raise ValueError(f"not a DN: {dn[:100]!r}")
        end, separator = match.end(), match["separator"].replace(";", ",")
        folded.append(f"{match['type']}={_escaped(_unescaped(match['value'].strip()))}{separator}")
    return "".join(folded).lower()


def _unescaped(value: str) -> str:
    def plain(match: re.Match[str]) -> str:
        text = match[0]
        if len(text) == _PAIR:
            return text[1]
        return bytes.fromhex(text.replace("\\", "")).decode("utf-8", "replace")

    return _ESCAPES.sub(plain, value)


def _escaped(value: str) -> str:
    return _SPECIAL.sub(lambda match: f"\\{ord(match[0]):02x}", value)
