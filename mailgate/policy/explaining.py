"""Which rule decides whether one may write to another, in one sentence for an administrator."""

from __future__ import annotations

import datetime
from typing import Final

from directory.list_settings import Posting
from mailgate.policy.matrix import Decision, Scope, Verdict
from mailgate.policy.stops import Stop

_DONE: Final = {
    Verdict.ALLOW: "may write",
    Verdict.MODERATE: "may write, once approved,",
    Verdict.REFUSE: "may not write",
}
_COMMON: Final = {
    Scope.OWN_CHILDREN: "as to their own children",
    Scope.OWN_PARENTS: "as to their own parents",
    Scope.OWN_CLASS: "of their own class",
    Scope.OWN_GROUP: "of their own teaching group",
    Scope.OWN_SCHOOL: "of their own school",
    Scope.SAME_CITE: "of their own cité scolaire",
    Scope.ANYONE: "wherever they are",
}
_POSTING: Final = {
    Posting.MEMBERS: "the list is set to take messages from its members alone",
    Posting.MANAGERS: "the list is set to take messages from those who manage it alone",
    Posting.STAFF: "the list is set to take messages from the school's staff alone",
}


def sentence(decision: Decision, uai: str | None) -> str:
    """What decides: the cell, and whether a school or the shipped matrix has it."""
    if decision.moderated:
        return f"{decision.writer} {_DONE[decision.verdict]} to this list: the list is set to have messages approved."
    if decision.posting is not Posting.POLICY:
        return f"{decision.writer} {_DONE[decision.verdict]} to this list: {_POSTING[decision.posting]}."
    pair = f"{decision.writer} {_DONE[decision.verdict]} to {decision.recipient}"
    if decision.scope is None:
        if decision.verdict is Verdict.ALLOW:
            return f"{pair}: everybody may write to oneself."
        return f"{pair}: they have nothing in common for which there is a rule."
    rule = f"the rule of school {uai}" if decision.overridden else "the shipped matrix"
    return f"{pair} {_COMMON[decision.scope]}, by {rule} (scope {decision.scope})."


def stop_sentence(stop: Stop, zone: datetime.tzinfo) -> str:
    """That a stop holds, whatever the matrix says."""
    until = datetime.datetime.fromtimestamp(stop.ends_at, zone).strftime("%Y-%m-%d %H:%M")
    done = (
        "such messages are refused" if stop.verdict is Verdict.REFUSE else "such messages need approval, if they pass"
    )
    return f"Stop {stop.stop_id} holds until {until}: {done}."
