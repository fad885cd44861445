"""Which people are one family."""

from __future__ import annotations

from collections.abc import Sequence


def families(ties: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Of which family pupils and guardians are, from pairs of both: one parent or one child in common makes one."""
    leader: dict[int, int] = {}

    def leader_of(one: int) -> int:
        while (above := leader.setdefault(one, one)) != one:
            leader[one] = one = leader[above]
        return one

    for pupil, parent in ties:
        leader[leader_of(pupil)] = leader_of(parent)
    return {one: leader_of(one) for one in list(leader)}
