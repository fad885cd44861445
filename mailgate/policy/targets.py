"""What a message is for, as the policy sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from mailgate.policy.matrix import OUTSIDE

OUTSIDE_WRITER: Final = 0
"""In the place of an account: a writer whose mail is not here."""


@dataclass(frozen=True, slots=True)
class PersonTarget:
    """A person, or a shared mailbox, as the policy sees one: `key` is the profile."""

    person_id: int
    key: str


@dataclass(frozen=True, slots=True)
class ListTarget:
    """A list as the policy sees one: `key` is that of `mailgate.policy.matrix.list_key`; of no school for a cité, which
    is then the target of lists that people made, too.
    """

    kind: str
    target_id: int
    school_id: int | None
    key: str
    list_id: int


@dataclass(frozen=True, slots=True)
class OutsideTarget:
    """An address whose mail is not here."""

    key: str = OUTSIDE


Target: TypeAlias = PersonTarget | ListTarget | OutsideTarget
