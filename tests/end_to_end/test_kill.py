"""`kill -9` in a storm of submissions: what got 250 is in every recipient's mailbox, exactly once."""

from __future__ import annotations

import random
import smtplib
import threading
from collections import Counter

from tests.cli.command import Command
from tests.end_to_end.gateway import Gateway, Person, compose, subjects

SCHOOL = "0131001T"
LIST = "6eme-a.eleves@clg-frederic-mistral.ent.example.org"
ROUNDS = 3
SENDERS = 4


class Storm:
    """Senders that submit as fast as they are answered, until the server is gone."""

    def __init__(self, gateway: Gateway, number: int) -> None:
        self.acknowledged: list[str] = []
        self.enough = threading.Semaphore(0)
        teachers = [person for person in gateway.by_profile("teacher") if person.school == SCHOOL][:SENDERS]
        self._threads = [
            threading.Thread(target=self._send, args=(gateway, teacher, f"{number}-{index}"))
            for index, teacher in enumerate(teachers)
        ]
        for thread in self._threads:
            thread.start()

    def _send(self, gateway: Gateway, sender: Person, name: str) -> None:
        try:
            with gateway.smtp(sender) as client:
                for count in range(10_000):
                    subject = f"Tempete {name}-{count}"
                    client.send_message(compose(sender, LIST, subject), sender.address, [LIST])
                    self.acknowledged.append(subject)
                    self.enough.release()
        except (smtplib.SMTPException, OSError):
            return

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()


def test_every_acknowledged_message_is_there_exactly_once(mortal_gateway: Gateway) -> None:
    for limit in ("messages_per_hour", "recipients_per_hour"):
        Command(mortal_gateway.state).good("policy", "limits", "set", SCHOOL, "teacher", limit, "unlimited")
    chance = random.Random(20251122)
    acknowledged: list[str] = []
    pupils = [person for person in mortal_gateway.by_profile("pupil") if "6ème A" in person.classes]
    assert len(pupils) == 26
    for number in range(ROUNDS):
        storm = Storm(mortal_gateway, number)
        for _ in range(chance.randrange(20, 60)):
            assert storm.enough.acquire(timeout=60)
        mortal_gateway.kill()
        storm.join()
        acknowledged += storm.acknowledged
        mortal_gateway.start()
    for pupil in pupils:
        with mortal_gateway.imap(pupil) as inbox:
            found = Counter(subjects(inbox))
        assert {subject: found[subject] for subject in acknowledged} == dict.fromkeys(acknowledged, 1)
        assert set(found.values()) == {1}
