"""Who may write to a distribution list.

Closed by default, since many of the people behind a list are minors: a school's staff may write to its lists, pupils
and relatives to none. Everyone may write to a single person.
"""

from __future__ import annotations

from directory.nomenclature import Profile

STAFF: frozenset[Profile] = frozenset(
    {Profile.TEACHER, Profile.MANAGEMENT, Profile.SCHOOL_LIFE, Profile.ADMINISTRATIVE}
)


def may_post_to_lists(profile: Profile) -> bool:
    """Whether people of this profile may write to the lists of the directory."""
    return profile in STAFF
