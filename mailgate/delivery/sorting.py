"""The recipients of a message by what becomes of their copies."""

from __future__ import annotations

from dataclasses import dataclass, field

from mailgate.delivery import recipients
from mailgate.delivery.recipients import ListRecipient, Moderated, PersonRecipient
from mailgate.queue.enqueue import OutsideRecipient
from smtp.handler import Transaction


@dataclass(slots=True)
class SortedOut:
    """The recipients of a message, each once."""

    people: list[int] = field(default_factory=list)
    lists: list[ListRecipient] = field(default_factory=list)
    outside: list[OutsideRecipient] = field(default_factory=list)
    held: list[Moderated | ListRecipient] = field(default_factory=list)
    """Those whose copy waits: for a moderator, or for the minutes of a list."""

    may_want_outside: bool = False
    """Whether one of the people may want something of it outside."""

    @property
    def stays_inside(self) -> bool:
        """Whether nobody can want anything of it outside, as far as RCPT could tell."""
        return not (self.may_want_outside or self.lists)

    @property
    def all_lists(self) -> list[ListRecipient]:
        """The lists, whether their copies wait or not."""
        waiting = [one.found if isinstance(one, Moderated) else one for one in self.held]
        return [*self.lists, *(one for one in waiting if isinstance(one, ListRecipient))]


def sorted_out(envelope: Transaction) -> SortedOut:
    """The recipients that were found at RCPT TO, but for those refused since."""
    to = SortedOut()
    seen: set[int | str] = set()
    for recipient in envelope.recipients:
        found = recipient.resolved
        if recipient.refusal is not None:
            continue
        if isinstance(found, OutsideRecipient) and found.key not in seen:
            seen.add(found.key)
            to.outside.append(found)
        if not isinstance(found, PersonRecipient | ListRecipient | Moderated):
            continue
        number = recipients.number_of(found)
        if number in seen:
            continue
        seen.add(number)
        match found:
            case PersonRecipient(account_id=account_id):
                to.people.append(account_id)
                to.may_want_outside |= found.may_want_outside
            case ListRecipient(hold_minutes=0):
                to.lists.append(found)
            case _:
                to.held.append(found)
    return to
