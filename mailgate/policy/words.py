"""Why a message is refused, in a sentence that a parent understands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from directory.list_settings import Posting
from directory.nomenclature import Profile
from mailgate.policy.matrix import LISTS, OUTSIDE, Cells, Decision, Scope, Verdict


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text


_WRITERS: Final[dict[str, str]] = {
    Profile.PUPIL: _("from pupils"),
    Profile.RELATIVE: _("from parents"),
    Profile.TEACHER: _("from teachers"),
    Profile.MANAGEMENT: _("from the head's office"),
    Profile.SCHOOL_LIFE: _("from the school life office"),
    Profile.ADMINISTRATIVE: _("from the administration"),
    Profile.OTHER: _("from guests"),
    OUTSIDE: _("from outside"),
}
_RECIPIENTS: Final[dict[str, str]] = {
    Profile.PUPIL: _("to pupils"),
    Profile.RELATIVE: _("to parents"),
    Profile.TEACHER: _("to teachers"),
    Profile.MANAGEMENT: _("to the head's office"),
    Profile.SCHOOL_LIFE: _("to the school life office"),
    Profile.ADMINISTRATIVE: _("to the administration"),
    Profile.OTHER: _("to guests"),
    Profile.SHARED: _("to shared mailboxes"),
    OUTSIDE: _("to addresses outside"),
}
_LIST: Final = _("to this list")
_ONLY: Final = {
    Scope.OWN_CHILDREN: _("Messages {writers} {recipients} are accepted only for one's own children."),
    Scope.OWN_PARENTS: _("Messages {writers} {recipients} are accepted only for one's own parents."),
    Scope.OWN_CLASS: _("Messages {writers} {recipients} are accepted only within the same class."),
    Scope.OWN_GROUP: _("Messages {writers} {recipients} are accepted only within the same class or teaching group."),
    Scope.OWN_SCHOOL: _("Messages {writers} {recipients} are accepted only within the same school."),
    Scope.SAME_CITE: _("Messages {writers} {recipients} are accepted only within the same school."),
}
_NEVER: Final = _("Messages {writers} {recipients} are not accepted here. The school can tell you more.")
POSTING: Final = {
    Posting.MEMBERS: _("Only members of this list may write to it."),
    Posting.MANAGERS: _("Only those who manage this list may write to it."),
    Posting.STAFF: _("Only the school's staff may write to this list."),
}
"""What a list says that takes messages from some alone."""


def refusal(decision: Decision, cells: Cells, translate: Callable[[str], str]) -> str:
    """What the writer may do instead: the widest scope in which the matrix lets such messages pass, or whom the list
    takes messages from.
    """
    if decision.posting is not Posting.POLICY:
        return translate(POSTING[decision.posting])
    writers = translate(_WRITERS[decision.writer])
    recipients = translate(_LIST if decision.recipient in LISTS else _RECIPIENTS[decision.recipient])
    sentence = _NEVER
    for scope, words in _ONLY.items():
        verdict = cells.get((decision.writer, decision.recipient, scope), Verdict.REFUSE)
        if verdict is not Verdict.REFUSE and not decision.overridden:
            sentence = words
    return translate(sentence).format(writers=writers, recipients=recipients)
