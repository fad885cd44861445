"""What people read about a held message, in the language of the school whose rule holds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from mailgate.i18n import Language, long_date, translator
from mailgate.moderation.held import DELAY, JUNK, LATER, POSTPONED, HeldMessage, State
from mailgate.moderation.letters import Button, Letter
from mailgate.moderation.links import Link

Translate = Callable[[str], str]
_KILO: Final = 1024
_GREEN, _RED = "#1b6e3c", "#a32a2a"


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes in one language, with times as the installation's people read them."""

    language: Language
    zone: tzinfo | None = None
    """None: that of the system."""

    @property
    def translate(self) -> Translate:
        """From English."""
        return translator(self.language)

    def say(self, text: str, **values: str) -> str:
        """A text of the catalogue with its values."""
        return self.translate(text).format(**values)

    def time(self, at: int) -> str:
        """A moment, as people of the school read it."""
        moment = datetime.fromtimestamp(at).astimezone(self.zone)
        return f"{long_date(moment.date(), self.language)}, {moment:%H:%M}"

    def size(self, octets: int) -> str:
        """A size in words."""
        return self.say(_("{number} KB"), number=str(max(1, round(octets / _KILO))))

    def facts(self, held: HeldMessage) -> list[tuple[str, str]]:
        """What there is to know of a held message."""
        target = f"{held.label} <{held.target}>" if held.label else held.target
        warning = [(self.say(_("Please note")), self.say(_("This message looks like junk.")))]
        return [
            (self.say(_("From")), held.writer),
            (self.say(_("To")), target),
            (self.say(_("Subject")), held.subject),
            (self.say(_("Mailboxes it would reach")), str(held.reach)),
            (self.say(_("Size")), self.size(held.size)),
            *(warning if held.reason == JUNK else ()),
        ]

    def _facts(self, held: HeldMessage) -> str:
        lines = (self.say(_("{name}: {value}"), name=name, value=value) for name, value in self.facts(held))
        return "\n".join(lines)

    def notice(self, held: HeldMessage, approve: Link, refuse: Link, reply_to: str, *, attached: bool) -> Letter:
        """To a moderator, whose answer to it goes to `reply_to`."""
        yes = approve.mailto(self.say(_("Approve: {subject}"), subject=held.subject))
        no = refuse.mailto(self.say(_("Refuse: {subject}"), subject=held.subject))
        mails = [
            Button(self.say(_("Approve by e-mail")), yes, _GREEN),
            Button(self.say(_("Refuse by e-mail")), no, _RED),
        ]
        pages = [
            Button(self.say(_("Approve")), approve.page, _GREEN),
            Button(self.say(_("Refuse")), refuse.page, _RED),
        ]
        shown = self.say(_("The message is attached as it was written."))
        large = self.say(_("The message is too large to be attached here."))
        return Letter(
            title=self.say(_("Moderation")),
            subject=self.say(_("To approve: {subject}"), subject=held.subject),
            paragraphs=[
                self.say(_("This message waits for your decision. Nobody gets it before.")),
                self._facts(held),
                shown if attached else large,
                self.say(_("Decide by {time}; after that it is not delivered."), time=self.time(held.expires_at)),
            ],
            buttons=[*(pages if approve.page else []), *mails],
            closing=[
                self.say(_("To decide by e-mail, send what the link opens. What you write in a refusal is passed on.")),
                self.say(
                    _(
                        "Or answer this message with “approve” or “refuse” on the first line; "
                        "what follows a refusal is passed on."
                    )
                ),
                self.say(_("The first decision counts. These links are yours alone: please do not forward them.")),
            ],
            reply_to=reply_to,
        )

    def confirmation(self, held: HeldMessage, cancel: Link) -> Letter:
        """To the writer of a message that was accepted and waits."""
        if held.state is State.WAITING:
            subject = self.say(_("Will be sent: {subject}"), subject=held.subject)
            text = (
                _("Your message goes at {time}, as you wish. Until then you can take it back.")
                if held.kind == POSTPONED
                else _("Your message to this list goes at {time}. Until then you can take it back.")
            )
            text = self.say(text, time=self.time(held.expires_at))
        else:
            subject = self.say(_("Waits for approval: {subject}"), subject=held.subject)
            text = self.say(_("Your message will be looked at before it is delivered. You need not do anything."))
        mailto = cancel.mailto(self.say(_("Take back: {subject}"), subject=held.subject))
        page = [Button(self.say(_("Take back")), cancel.page)] if cancel.page else []
        return Letter(
            title=self.say(_("Moderation")),
            subject=subject,
            paragraphs=[text, self._facts(held)],
            buttons=[*page, Button(self.say(_("Take back by e-mail")), mailto)],
            in_reply_to=held.message_ref,
        )

    def outcome(self, held: HeldMessage) -> Letter:
        """To the writer of a message that is not delivered."""
        subject, text = {
            State.REFUSED: (_("Not delivered: {subject}"), _("Your message was not approved and is not delivered.")),
            State.EXPIRED: (
                _("Not delivered: {subject}"),
                _("Your message could not be delivered when its time came. You can send it again.")
                if held.reason in {DELAY, LATER}
                else _("Nobody decided about your message in time; it is not delivered. You can send it again."),
            ),
        }[held.state]
        words = [self.say(_("The moderator writes:")) + "\n" + held.words] if held.words else []
        return Letter(
            title=self.say(_("Moderation")),
            subject=self.say(subject, subject=held.subject),
            paragraphs=[self.say(text), *words, self._facts(held)],
            in_reply_to=held.message_ref,
        )

    def told(self, held: HeldMessage) -> Letter:
        """To the moderators who were asked and need not decide any more."""
        paragraphs = [self.became(held), self._facts(held)]
        if held.words:
            paragraphs.insert(1, self.say(_("With these words:")) + "\n" + held.words)
        return Letter(
            title=self.say(_("Moderation")),
            subject=self.say(_("Decided: {subject}"), subject=held.subject),
            paragraphs=paragraphs,
        )

    def became(self, held: HeldMessage) -> str:
        """What became of a message, by whom and when, in a sentence."""
        text = {
            State.HELD: _("This message waits for a decision."),
            State.WAITING: _("This message will be sent at {time}."),
            State.APPROVED: _("{name} approved this message on {time}. It is delivered."),
            State.REFUSED: _("{name} refused this message on {time}. It is not delivered."),
            State.CANCELLED: _("{name} took this message back on {time}. It is not delivered."),
            State.EXPIRED: _("This message could not be delivered on {time}.")
            if held.reason in {DELAY, LATER}
            else _("Nobody decided about this message before {time}. It is not delivered."),
            State.SENT: _("This message was sent on {time}."),
        }[held.state]
        at = held.expires_at if held.decided_at is None else held.decided_at
        return self.say(text, name=held.decided_by or "", time=self.time(at))

    def undeliverable(self, *, stopped: bool) -> str:
        """Why a message cannot be approved at present."""
        if stopped:
            return self.say(_("Sending is suspended for the moment. You can decide later, or refuse the message."))
        return self.say(_("This list or this person is no longer there. You can refuse the message."))

    def at_the_door(self, *, minutes: int = 0) -> str:
        """What the writer's program is told when it hands the message in."""
        if minutes:
            return self.say(_("Accepted; it goes in {minutes} min."), minutes=str(minutes))
        return self.say(_("Accepted; somebody looks at it before it is delivered."))
