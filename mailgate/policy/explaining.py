"""Which rule decides whether one may write to another, in one sentence for an administrator."""

from __future__ import annotations

from typing import Final

from mailgate.policy.matrix import Decision, Scope, Verdict

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


def sentence(decision: Decision, uai: str | None) -> str:
    """What decides: the cell, and whether a school or the shipped matrix has it."""
    pair = f"{decision.writer} {_DONE[decision.verdict]} to {decision.recipient}"
    if decision.scope is None:
        if decision.verdict is Verdict.ALLOW:
            return f"{pair}: everybody may write to oneself."
        return f"{pair}: they have nothing in common for which there is a rule."
    rule = f"the rule of school {uai}" if decision.overridden else "the shipped matrix"
    return f"{pair} {_COMMON[decision.scope]}, by {rule} (scope {decision.scope})."
