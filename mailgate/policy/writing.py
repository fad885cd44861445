"""May this person write to that address? One indexed statement: what the two have in common, and the cells of the
schools concerned (`mailgate.policy.relations`, `mailgate.policy.matrix`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import BigInteger, bindparam, exists, literal_column, select

from directory.list_delegates import HAS_ROLE, Role
from directory.list_settings import Posting
from directory.nomenclature import Profile
from directory.schema import list_member
from mailgate.database import Statement, Tx
from mailgate.policy.matrix import Decision, Relation, Scope, Verdict, decide, default_cells
from mailgate.policy.profiles import STAFF
from mailgate.policy.relations import Common, inward, outward, to_list, to_person
from mailgate.policy.targets import OUTSIDE_WRITER, ListTarget, OutsideTarget, PersonTarget, Target

_sender = bindparam("sender", type_=BigInteger)
_list = bindparam("list", type_=BigInteger)
_IS_MEMBER: Final = Statement(
    select(literal_column("1")).where(
        exists().where(list_member.c.list_id == _list, list_member.c.person_id == _sender)
    )
)
_HAS_ROLE: Final = Statement(HAS_ROLE)


async def may_write(tx: Tx, sender: int, target: Target) -> Decision:
    """What the policy says of a message from this person, or from `OUTSIDE_WRITER`. Everybody may write to oneself.

    A list that says who may post (`directory.list_settings.Posting`) is not subject to the matrix; what may be posted
    to a moderated one is to be approved. Raises LookupError when there is no such sender.
    """
    if sender == OUTSIDE_WRITER and not isinstance(target, OutsideTarget):
        return inward_decided(await inward(tx, target), target)
    match target:
        case PersonTarget(person_id, key):
            return decided(await to_person(tx, sender, person_id, key), sender, target)
        case ListTarget():
            common = await to_list(tx, sender, target)
            decision = (
                decide(default_cells(), common.writer, target.key, common.relations)
                if common.posting is Posting.POLICY
                else await _by_list(tx, sender, target, common.posting, common.writer, common.relations)
            )
            return await _moderated(tx, sender, target, decision) if common.moderated else decision
        case OutsideTarget(key):
            common = await outward(tx, sender, key)
    return decide(default_cells(), common.writer, target.key, common.relations)


def decided(common: Common, sender: int, target: PersonTarget) -> Decision:
    """What the policy says of a message to a person, or a shared mailbox, from what it has `common` with the writer."""
    if sender == target.person_id:
        return Decision(Verdict.ALLOW, common.writer, target.key, None, None, overridden=False)
    return decide(default_cells(), common.writer, target.key, common.relations)


def inward_decided(common: Common, target: PersonTarget | ListTarget) -> Decision:
    """What the policy says of a message from outside: nobody there is a member of a list, or manages one."""
    if isinstance(target, ListTarget) and common.posting is not Posting.POLICY:
        return Decision(
            Verdict.REFUSE, common.writer, target.key, None, target.school_id, overridden=False, posting=common.posting
        )
    decision = decide(default_cells(), common.writer, target.key, common.relations)
    return _to_approve(decision) if common.moderated else decision


async def _moderated(tx: Tx, sender: int, to: ListTarget, decision: Decision) -> Decision:
    """What a moderated list makes of it: who could approve a message need not have theirs approved."""
    if decision.verdict is not Verdict.ALLOW or decision.writer == Profile.MANAGEMENT:
        return decision
    row = await tx.one(_HAS_ROLE, list_id=to.list_id, person_id=sender, role=Role.MODERATE.value)
    return decision if row is not None and row[0] > 0 else _to_approve(decision)


def _to_approve(decision: Decision) -> Decision:
    verdict = Verdict.MODERATE if decision.verdict is Verdict.ALLOW else decision.verdict
    return replace(decision, verdict=verdict, moderated=verdict is not decision.verdict)


async def _by_list(
    tx: Tx, sender: int, to: ListTarget, posting: Posting, writer: str, relations: Sequence[Relation]
) -> Decision:
    """What a list says that lets only its members, its managers, or staff of its school or cité, post."""
    match posting:
        case Posting.MEMBERS:
            may = await tx.one(_IS_MEMBER, list=to.list_id, sender=sender) is not None
        case Posting.MANAGERS:
            row = await tx.one(_HAS_ROLE, list_id=to.list_id, person_id=sender, role=Role.MANAGE.value)
            may = row is not None and row[0] > 0
        case _:
            wider = {Scope.ANYONE} if to.school_id is None else {Scope.ANYONE, Scope.SAME_CITE}
            may = writer in STAFF and any(relation.scope not in wider for relation in relations)
    verdict = Verdict.ALLOW if may else Verdict.REFUSE
    return Decision(verdict, writer, to.key, None, to.school_id, overridden=False, posting=posting)
