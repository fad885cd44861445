"""The rules of the shipped matrix in words, as the school's handbook has them: what tests hold the matrix against."""

from __future__ import annotations

from mailgate.policy.matrix import Scope, Verdict
from tests.policy.academy import STAFF, Account, lists, narrowest_first, narrowest_to_list

ALLOW, MODERATE, REFUSE = Verdict.ALLOW, Verdict.MODERATE, Verdict.REFUSE
FAMILIES = {"pupil", "relative"}
STAFF_LISTS = {"profs", "personnels", "pp", "administration", "documentation", "direction", "vie-scolaire"}


def to_person(writer: Account, other: Account) -> Verdict:
    """The rules for people, as the school's handbook words them."""
    common = set(narrowest_first(writer, other))
    pair = writer.profile, other.profile
    if "other" in pair:
        return REFUSE
    if writer.profile in STAFF:
        return ALLOW if Scope.OWN_SCHOOL in common else REFUSE
    in_class = Scope.OWN_CLASS in common
    if writer.profile == "pupil":
        if other.profile == "relative":
            return ALLOW if Scope.OWN_PARENTS in common else REFUSE
        in_group = Scope.OWN_GROUP in common and other.profile in {"pupil", "teacher"}
        return ALLOW if in_class or in_group else REFUSE
    return ALLOW if in_class or Scope.OWN_CHILDREN in common else REFUSE


def to_list(writer: Account, address: str) -> Verdict:
    """The rules for lists."""
    common = set(narrowest_to_list(writer, address))
    kind, audience = lists()[address]["kind"], lists()[address]["audience"]
    here = Scope.OWN_SCHOOL in common
    circle = bool(common & {Scope.OWN_CLASS, Scope.OWN_GROUP})
    match kind:
        case "class" | "group" if audience == "tous":
            team = writer.profile == "teacher" and circle
            return ALLOW if team or (writer.profile == "management" and here) else REFUSE
        case "class" | "group":
            if writer.profile in STAFF:
                return ALLOW if here else REFUSE
            if not circle or writer.profile not in FAMILIES:
                return REFUSE
            return ALLOW if audience == "pp" and writer.profile == "relative" else MODERATE
        case "level" | "discipline":
            return ALLOW if writer.profile in STAFF and here else REFUSE
        case "school" if audience in STAFF_LISTS:
            office = writer.profile == "relative" and audience in {"direction", "vie-scolaire"}
            return ALLOW if (writer.profile in STAFF or office) and here else REFUSE
        case "school":
            if writer.profile not in STAFF or not here:
                return REFUSE
            return ALLOW if writer.profile in {"management", "school_life"} else MODERATE
        case _:
            if writer.profile not in STAFF or Scope.SAME_CITE not in common:
                return REFUSE
            return ALLOW if writer.profile == "management" else MODERATE
