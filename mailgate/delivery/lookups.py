"""What MAIL and RCPT ask of the database, each in one statement, whatever they ask of how many tables."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import (
    BigInteger,
    CompoundSelect,
    Integer,
    Select,
    String,
    Text,
    bindparam,
    case,
    cast,
    exists,
    literal_column,
    null,
    select,
    union_all,
)

from mailgate.database import Row, Statement, Tx
from mailgate.delivery.recipients import OF_PERSON, SENDERS, PersonRecipient, fold, person_from, senders_from
from mailgate.policy.matrix import Decision
from mailgate.policy.relations import common_facts, common_inward, common_with_person, inward_facts
from mailgate.policy.sending import STANDING, Standing, standing_from
from mailgate.policy.stops import HOLDING_TO_PERSON, Stop, holding_inward, now, strictest
from mailgate.policy.writing import decided, inward_decided
from mailgate.queue.wishes import outside_wish
from mailgate.retention.schema import leaver
from mailgate.store.mailboxes import room
from mailgate.store.provisioning import SIGNS_IN
from mailgate.store.schema import account

_Look: TypeAlias = Select[Any] | CompoundSelect[Any]


class Room(NamedTuple):
    """What a mailbox may hold, 0 for no limit, and what it holds: octets."""

    limit: int
    used: int

    def takes(self, octets: int) -> bool:
        """Whether so much more fits in."""
        return not self.limit or self.used + octets <= self.limit


class Writer(NamedTuple):
    """What is known of who has signed in when a message begins."""

    addresses: dict[str, int]
    """As `mailgate.delivery.recipients.sending_addresses` has them."""
    standing: Standing
    room: Room
    reads_until: int | None = None
    """Until when somebody who has left may read; who has left sends nothing."""
    is_open: bool = True
    """Whether one may sign in to the account still."""


class Reader(NamedTuple):
    """What is known of a recipient, and of what stands between the two."""

    person: PersonRecipient
    room: Room
    stop: Stop | None
    decision: Decision
    schools: frozenset[int] = frozenset()
    """Those whose stops concern what comes in from outside."""


class _United:
    """Several looks as one statement: the texts of all stand in the same columns, and so do their numbers."""

    def __init__(self, *looks: _Look) -> None:
        tables = [look.subquery(f"look_{number}") for number, look in enumerate(looks)]
        texts = [[column for column in table.c if isinstance(column.type, String)] for table in tables]
        numbers = [[column for column in table.c if not isinstance(column.type, String)] for table in tables]
        wide, high = max(map(len, texts)), max(map(len, numbers))
        no_text, no_number = cast(null(), Text), cast(null(), BigInteger)
        self._statement = Statement(
            union_all(
                *(
                    select(
                        literal_column(str(number), Integer),
                        *(*texts[number], *[no_text] * (wide - len(texts[number]))),
                        *(*numbers[number], *[no_number] * (high - len(numbers[number]))),
                    )
                    for number in range(len(tables))
                )
            )
        )
        self._places = [
            [
                1 + (texts[number].index(column) if column in texts[number] else wide + numbers[number].index(column))
                for column in table.c
            ]
            for number, table in enumerate(tables)
        ]

    async def all(self, tx: Tx, **parameters: object) -> list[list[Row]]:
        """What each look finds, in the order of its columns."""
        found: list[list[Row]] = [[] for _ in self._places]
        for row in await tx.all(self._statement, **parameters):
            found[row[0]].append([row[place] for place in self._places[row[0]]])
        return found


_found = OF_PERSON.cte("found")
_number = select(_found.c.account_id).scalar_subquery()
_profile = select(_found.c.profile).scalar_subquery()
_wants = exists().where(outside_wish.c.person_id == _found.c.account_id, outside_wish.c.address != "")
_person = select(_found, case((_wants, 1), else_=0).label("wants"))
_leaving = select(leaver.c.reads_until).where(leaver.c.account_id == bindparam("account_id", type_=BigInteger))
_account = room(bindparam("account_id", type_=BigInteger)).add_columns(account.c.state)
_WRITER: Final = _United(SENDERS, STANDING, _account, _leaving)
_TO_PERSON: Final = _United(_person, room(_number), HOLDING_TO_PERSON, common_facts(_number, to=_profile))
_INWARD: Final = _United(_person, room(_number), holding_inward(_number), inward_facts(_number, _profile))


async def writer(tx: Tx, account_id: int) -> Writer:
    """Look somebody up who sends. Raises LookupError when there is no such person."""
    addresses, standing, accounts, left = await _WRITER.all(tx, account_id=account_id, sender=account_id)
    limit, used, state = accounts[0] if accounts else (0, 0, "")  # purged
    return Writer(
        senders_from(addresses, account_id),
        standing_from(standing, account_id),
        Room(limit, used),
        left[0][0] if left else None,
        state in SIGNS_IN,
    )


async def reader(tx: Tx, sender: int, address: str) -> Reader | None:
    """Look up for `sender` who has an address; None when nobody has it. Raises LookupError for no such sender."""
    people, rooms, stops, common = await _TO_PERSON.all(tx, sender=sender, address=fold(address), now=now())
    if not people:
        return None
    person = person_from(people[0], may_want_outside=bool(people[0][-1]))
    decision = decided(common_with_person(common, sender, person.account_id), sender, person.target)
    return Reader(person, Room(*rooms[0]), strictest(stops), decision)


async def reader_from_outside(tx: Tx, address: str) -> Reader | None:
    """The same for a writer outside."""
    people, rooms, stops, schools = await _INWARD.all(tx, address=fold(address), now=now())
    if not people:
        return None
    person = person_from(people[0], may_want_outside=bool(people[0][-1]))
    decision = inward_decided(common_inward(schools), person.target)
    its = frozenset(row[0] for row in schools)
    return Reader(person, Room(*rooms[0]), strictest(stops), decision, its)
