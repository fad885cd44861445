"""For whom a message is, and which schools have a say in it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select, union_all

from directory.schema import former_school, school
from directory.ties import schools_of_people
from mailgate.database import Database, Row, Statement, Tx
from mailgate.database.statement import member
from mailgate.delivery.recipients import ListRecipient, Moderated, PersonRecipient
from mailgate.i18n import Language
from mailgate.policy.matrix import CITE
from mailgate.policy.schools import SchoolSettings, settings_of_all
from mailgate.policy.targets import OUTSIDE_WRITER, ListTarget
from smtp.handler import Recipient

_former = former_school.c
_SCHOOLS: Final = Statement(
    union_all(
        *schools_of_people(lambda person: member(person, "people")).selects,
        select(_former.person_id, _former.school_id).where(member(_former.person_id, "people")),
    )
)
_OF_CITES: Final = Statement(select(school.c.cite_id, school.c.school_id).where(member(school.c.cite_id, "cites")))


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody whose schools have a say: the writer, or a recipient."""

    address: str
    """Empty for the writer."""
    schools: frozenset[int]


@dataclass(frozen=True, slots=True)
class Concerned:
    """Everybody whose schools have a say, and what these schools have set."""

    parties: Sequence[Party]
    """The recipients here as they were named, before them the writer who signed in; also those who are of no school."""
    settings: Mapping[int, SchoolSettings]
    """By school: of each that is named by a party."""

    def language(self, party: Party, otherwise: Language) -> Language:
        """In which a sentence about a party is written: English only where each of its schools wants that."""
        said = {self.settings[one].language or otherwise for one in party.schools} or {otherwise}
        return "fr" if "fr" in said else "en"

    def reader_language(self, otherwise: Language) -> Language:
        """That of a sentence about the message as a whole: the writer's who signed in, else the first recipient's."""
        return self.language(self.parties[0], otherwise) if self.parties else otherwise


class Audience:
    """The recipients of one message."""

    def __init__(self, database: Database, recipients: Iterable[Recipient], sender: int) -> None:
        self._database = database
        self._recipients = tuple(recipients)
        self._sender = sender
        self._lock = asyncio.Lock()
        self._found: Concerned | None = None

    async def concerned(self) -> Concerned:
        """Look everybody up, once: three statements at the most, whatever their number."""
        async with self._lock:
            if self._found is None:
                self._found = await self._database.read(self._look)
            return self._found

    async def _look(self, tx: Tx) -> Concerned:
        lists: dict[str, ListTarget] = {}
        people: dict[str, int] = {} if self._sender == OUTSIDE_WRITER else {"": self._sender}
        for recipient in self._recipients:
            found = recipient.resolved
            match found.found if isinstance(found, Moderated) else found:
                case PersonRecipient(account_id=account_id):
                    people[recipient.address] = account_id
                case ListRecipient(target=target):
                    lists[recipient.address] = target
        cites = {target.target_id for target in lists.values() if target.kind == CITE}
        of_people = _gathered(await tx.all(_SCHOOLS, people=set(people.values())) if people else ())
        of_cites = _gathered(await tx.all(_OF_CITES, cites=cites) if cites else ())
        parties = [Party(address, frozenset(of_people[person])) for address, person in people.items()]
        for address, target in lists.items():
            own = of_cites[target.target_id] if target.school_id is None else {target.school_id}
            parties.append(Party(address, frozenset(own)))
        named = frozenset[int]().union(*(party.schools for party in parties))
        return Concerned(parties, await settings_of_all(tx, named) if named else {})


def _gathered(rows: Iterable[Row]) -> defaultdict[int, set[int]]:
    """The schools of each."""
    found = defaultdict[int, set[int]](set)
    for one, school_id in rows:
        found[one].add(school_id)
    return found
