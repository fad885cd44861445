"""Profiles by what the policy makes of them."""

from __future__ import annotations

from typing import Final

from directory.nomenclature import Profile

STAFF: Final = frozenset({Profile.TEACHER, Profile.MANAGEMENT, Profile.SCHOOL_LIFE, Profile.ADMINISTRATIVE})
"""Who works in a school."""
