"""Addresses in From and Sender fields (RFC 5322 section 3.4), for deciding whose they are.

What mail programs read differently is refused, never guessed: a wrong guess would let one person write as another.
"""

from __future__ import annotations

import re
from typing import Final

_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<quoted>"(?:[^"\\]|\\.)*")
      | (?P<literal>\[[^\[\]\\]*\])
      | (?P<special>[<>:;,@.])
      | (?P<atom>[^\s()<>\[\]:;@\\,."]+)
      | (?P<comment>\()""",
    re.VERBOSE | re.DOTALL,
)
_IN_COMMENT: Final = re.compile(r"[^()\\]+|\\.|[()]", re.DOTALL)
_DOT_ATOM: Final = re.compile(r"[^\s()<>\[\]:;@\\,.\"]+(?:\.[^\s()<>\[\]:;@\\,.\"]+)*")

Token = tuple[str, str]
END: Final[Token] = ("end", "")


def parse_addresses(text: str) -> list[str]:
    """Every address of an address-list, display names, comments and group names left out, in order.

    address-list = (address *("," address)); address = mailbox / group; empty elements and a missing ";" are let pass.
    Raises ValueError for text that is not unambiguously such a list.
    """
    return _Parser(_tokens(text)).address_list()


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError("character out of place in an address")
        kind = match.lastgroup or ""
        at = _skip_comment(text, match.end()) if kind == "comment" else match.end()
        if kind not in {"space", "comment"}:
            tokens.append((match[0] if kind == "special" else kind, match[0]))
    tokens.append(END)
    return tokens


def _skip_comment(text: str, at: int) -> int:
    """comment = "(" *([FWS] ccontent) [FWS] ")", nested to any depth; `at` is behind the first parenthesis."""
    depth = 1
    for match in _IN_COMMENT.finditer(text, at):
        depth += (match[0] == "(") - (match[0] == ")")
        if not depth:
            return match.end()
    raise ValueError("comment without an end in an address")


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._found: list[str] = []

    def address_list(self) -> list[str]:
        in_group = False
        while (kind := self._kind()) != "end":
            if kind == ",":
                self._at += 1
            elif kind == ";" and in_group:
                in_group = False
                self._at += 1
            elif self._address(may_be_group=not in_group):
                in_group = True
        return self._found

    def _address(self, *, may_be_group: bool) -> bool:
        """One mailbox, or the opening of a group (then True).

        Addresses that stand bare before an angle address count too: programs differ on which is meant.
        """
        words = self._words()
        while self._kind() == "@":
            self._found.append(self._bare(words))
            words = self._words()
            if not words and self._kind() in {",", ";", "end"}:
                return False
            if self._kind() != "<":
                raise ValueError("two addresses without a comma")
        if self._kind() == ":" and words and may_be_group:
            self._at += 1
            return True
        self._expect("<")
        self._route()
        self._found.append(self._bare(self._words()))
        self._expect(">")
        if self._kind() not in {",", ";", "end"}:
            raise ValueError("text behind an address")
        return False

    def _bare(self, words: list[Token]) -> str:
        """addr-spec = local-part "@" domain, `words` being the local part."""
        self._expect("@")
        local = _local_part(words)
        domain: list[str] = []
        if self._kind() == "literal":
            domain.append(self._next()[1])
        else:
            domain.append(self._expect("atom"))
            while self._kind() == ".":
                self._at += 1
                domain.append(self._expect("atom"))
        address = f"{local}@{'.'.join(domain)}"
        if not address.isprintable():
            raise ValueError("address with characters that cannot be shown")
        return address

    def _route(self) -> None:
        """obs-route = "@" domain *("," "@" domain) ":"."""
        if self._kind() != "@":
            return
        while self._kind() in {"@", ",", ".", "atom"}:
            self._at += 1
        self._expect(":")

    def _words(self) -> list[Token]:
        start = self._at
        while self._kind() in {"atom", "quoted", "literal", "."}:
            self._at += 1
        return self._tokens[start : self._at]

    def _kind(self) -> str:
        return self._tokens[self._at][0]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _expect(self, kind: str) -> str:
        if self._kind() != kind:
            raise ValueError(f"{kind} missing in an address")
        return self._next()[1]


def _local_part(words: list[Token]) -> str:
    """local-part = word *("." word); quoted words are made plain where they can be."""
    values = []
    for at, (kind, value) in enumerate(words):
        if (kind == ".") != (at % 2 == 1) or kind == "literal":
            raise ValueError("malformed local part")
        values.append(re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL) if kind == "quoted" else value)
    if len(words) % 2 == 0:
        raise ValueError("malformed local part")
    local = "".join(values)
    return local if _DOT_ATOM.fullmatch(local) else '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'
