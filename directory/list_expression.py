"""The small language of lists by rule: `niveau-6e.parents - niveau-5e.parents`.

    expression   = intersection *( ( "|" / "-" ) intersection )
    intersection = operand *( "&" operand )
    operand      = list / "(" expression ")"
    list         = local part of an address in the domain of the list, or a whole address

`|` is who is in either, `&` who is in both, `-` who is in the left and not in the right. `&` binds first; `|` and `-`
are read from left to right, so `a | b - c` is `(a | b) - c`. Local parts hold hyphens: `6eme-a` is one name, and a
minus between two names has a space on one side at least.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

MAX_LENGTH: Final = 4_000
MAX_TERMS: Final = 50
MAX_DEPTH: Final = 10
"""Parentheses within parentheses."""

_TOKEN: Final = re.compile(
    r"(?P<space>[ \t\r\n]+)|(?P<mark>[|&()-])"
    r"|(?P<name>[a-z0-9](?:[a-z0-9._+-]*[a-z0-9])?(?:@[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)?)",
    re.IGNORECASE | re.ASCII,
)


class ExpressionError(ValueError):
    """An expression that cannot be read: `position` is the character, from 1, where it goes wrong."""

    def __init__(self, position: int, cause: str) -> None:
        self.position = position
        self.cause = cause
        super().__init__(f"at character {position}: {cause}")


class Operator(StrEnum):
    """What is made of two sets of people."""

    UNION = "|"
    INTERSECTION = "&"
    MINUS = "-"


@dataclass(frozen=True, slots=True)
class Term:
    """A list, as it is written (in lower case)."""

    name: str
    position: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Operation:
    """Two expressions combined."""

    operator: Operator
    left: Expression
    right: Expression


Expression: TypeAlias = Term | Operation


class _Token(NamedTuple):
    text: str
    position: int
    is_name: bool


def parse(text: str) -> Expression:
    """Read an expression.

    Raises:
        ExpressionError: it is malformed, too long, too deep or has too many terms.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(MAX_LENGTH + 1, f"a rule has at most {MAX_LENGTH} characters")
    parser = _Parser([*_tokens(text), _Token("", len(text) + 1, is_name=False)])
    found = parser.expression(0)
    parser.end()
    return found


def _tokens(text: str) -> Iterator[_Token]:
    at = names = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(at + 1, f"{text[at]!r} has no place in a rule; it holds lists, | & - and parentheses")
        if match.lastgroup == "name":
            names += 1
            if names > MAX_TERMS:
                raise ExpressionError(at + 1, f"a rule names at most {MAX_TERMS} lists")
            yield _Token(match.group().lower(), at + 1, is_name=True)
        elif match.lastgroup == "mark":
            yield _Token(match.group(), at + 1, is_name=False)
        at = match.end()


class _Parser:
    """Recursive descent; only parentheses recurse, and their depth is limited."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0

    def expression(self, depth: int) -> Expression:
        return self._chain(("|", "-"), lambda: self._chain(("&",), lambda: self._operand(depth)))

    def end(self) -> None:
        token = self._tokens[self._next]
        if token.text == ")":
            raise ExpressionError(token.position, "this parenthesis was not opened")
        if token.text:
            raise ExpressionError(token.position, f"| & or - is expected before {token.text[:80]!r}")

    def _chain(self, marks: tuple[str, ...], operand: Callable[[], Expression]) -> Expression:
        found = operand()
        while self._tokens[self._next].text in marks:
            operator = Operator(self._take().text)
            found = Operation(operator, found, operand())
        return found

    def _operand(self, depth: int) -> Expression:
        token = self._take()
        if token.is_name:
            return Term(token.text, token.position)
        if token.text != "(":
            what = f"not {token.text!r}" if token.text else "but the rule ends"
            raise ExpressionError(token.position, f"a list or a parenthesis is expected, {what}")
        if depth >= MAX_DEPTH:
            raise ExpressionError(token.position, f"a rule has at most {MAX_DEPTH} parentheses within one another")
        found = self.expression(depth + 1)
        closing = self._take()
        if closing.text != ")":
            raise ExpressionError(closing.position, f"the parenthesis of character {token.position} is not closed")
        return found

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token


def written(expression: Expression) -> str:
    """The expression as text, with no more parentheses than it needs; `parse` reads it back."""
    if isinstance(expression, Term):
        return expression.name
    binds = _binding(expression)
    left, right = written(expression.left), written(expression.right)
    left = f"({left})" if _binding(expression.left) < binds else left
    right = f"({right})" if _binding(expression.right) <= binds else right
    return f"{left} {expression.operator} {right}"


def _binding(expression: Expression) -> int:
    if isinstance(expression, Term):
        return 2
    return 1 if expression.operator is Operator.INTERSECTION else 0


def terms(expression: Expression, *, giving: bool = False) -> Iterator[Term]:
    """The lists of an expression, from left to right; `giving`: without those that only take people away."""
    if isinstance(expression, Term):
        yield expression
        return
    yield from terms(expression.left, giving=giving)
    if not (giving and expression.operator is Operator.MINUS):
        yield from terms(expression.right, giving=giving)


def renamed(expression: Expression, names: Callable[[Term], str]) -> Expression:
    """The same expression over other names."""
    if isinstance(expression, Term):
        return Term(names(expression), expression.position)
    return Operation(expression.operator, renamed(expression.left, names), renamed(expression.right, names))


def members(expression: Expression, of: Callable[[str], AbstractSet[int]]) -> AbstractSet[int]:
    """The people of an expression, from those of each of its lists."""
    if isinstance(expression, Term):
        return of(expression.name)
    left, right = members(expression.left, of), members(expression.right, of)
    match expression.operator:
        case Operator.UNION:
            return left | right
        case Operator.INTERSECTION:
            return left & right
        case Operator.MINUS:
            return left - right
