"""All checks of a message at once, each with its time limit and with what becomes of messages when it cannot look."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from mailgate.config import OnFailure
from mailgate.filtering.contract import Action, Arriving, Check, Finding, Unavailable, deferred
from mailgate.i18n import Language, translator
from smtp.header import Field, Header, read_fields
from smtp.message import Prepared

log = structlog.stdlib.get_logger("mailgate.filtering")


_FOREIGN: Final = b"x-spam"
"""What a message brings along of what others thought of it, by the beginning of the field's name."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """A check and what bounds it."""

    check: Check
    timeout: float
    """Seconds."""
    on_failure: OnFailure
    """Fail open, or fail closed: the other server, or the person's program, tries again later."""
    skip_trusted: bool = False
    """Whether it is not asked about what comes from a trusted network."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the checks let pass."""

    header: bytes = b""
    junk: tuple[str, ...] = ()
    """Why it is junk, by each check that says so; empty when it is none."""
    only: frozenset[str] | None = None
    """The recipients for whom it is; None: all."""

    def is_junk_for(self, address: str) -> bool:
        """Whether a recipient, as named in the envelope, gets it as junk."""
        return bool(self.junk) and (self.only is None or address in self.only)

    def on(self, message: Prepared, *, marked: bool) -> Prepared:
        """The message with the fields of the checks below its Return-Path; `marked`: as junk, with the reasons."""
        kept = [one for one in message.header.fields if not one.name.startswith(_FOREIGN)]
        found = [*read_fields(self.header)]
        if marked:
            reasons = "; ".join(self.junk).encode("ascii", "replace")
            found += [Field.of(b"X-Spam-Flag: YES\r\n"), Field.of(b"X-Spam-Status: Yes, %b\r\n" % reasons)]
        return replace(message, header=Header((*kept[:1], *found, *kept[1:])))


class Chain:
    """The checks of one door of the gateway."""

    def __init__(self, checks: Iterable[Guarded], language: Language) -> None:
        """`language` is that of the sentence about a check that fails closed."""
        self._checks: Sequence[Guarded] = tuple(checks)
        self._language = language

    async def examine(self, arriving: Arriving) -> Outcome:
        """Run all checks at once; the first that refuses ends the others. Raises SmtpError for the worst finding."""
        asked = [one for one in self._checks if not (one.skip_trusted and arriving.trusted)]
        findings = await self._findings(asked, arriving) if asked else []
        worst = max(findings, key=lambda one: one.action, default=Finding())
        if worst.reply is not None:
            raise worst.reply
        junk = [one for one in findings if one.action is Action.JUNK]
        some = [one.only for one in junk if one.only is not None]
        only = frozenset[str]().union(*some) if junk and len(some) == len(junk) else None
        return Outcome(b"".join(one.header for one in findings), tuple(one.reason for one in junk), only)

    def __bool__(self) -> bool:
        """Whether there is any check."""
        return bool(self._checks)

    async def close(self) -> None:
        """Close the checks."""
        for one in self._checks:
            await one.check.close()

    async def _findings(self, asked: Sequence[Guarded], arriving: Arriving) -> list[Finding]:
        """What the checks say, in their order: of all of them, or of those that had answered when one refused."""
        if len(asked) == 1:
            return [await self._finding(asked[0], arriving)]
        tasks = [asyncio.create_task(self._finding(one, arriving)) for one in asked]
        pending = set(tasks)
        try:
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                if any(task.result().action is Action.REFUSE for task in done):
                    break
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        return [task.result() for task in tasks if task not in pending]

    async def _finding(self, guarded: Guarded, arriving: Arriving) -> Finding:
        name, begun = guarded.check.name, time.monotonic()
        failure = ""
        try:
            async with asyncio.timeout(guarded.timeout):
                found = await guarded.check.examine(arriving)
        except TimeoutError:
            failure = "no answer in time"
        except Unavailable as error:
            failure = str(error)
        except Exception as error:  # whatever a check raises, the message has an answer
            # The values in a traceback may hold the message.
            failure = type(error).__name__
        if failure:
            found = self._failed(guarded)
            log.warning(
                "check failed", id=arriving.identity, check=name, problem=failure, then=guarded.on_failure,
                seconds=_since(begun),
            )  # fmt: skip
        else:
            log.info(
                "checked", id=arriving.identity, check=name, action=found.action.name.lower(), reason=found.reason,
                seconds=_since(begun),
            )  # fmt: skip
        return found

    def _failed(self, guarded: Guarded) -> Finding:
        if guarded.on_failure == "accept":
            return Finding()
        text = translator(self._language)(_("Your message cannot be checked at the moment. Please try again later."))
        return deferred(text, "could not look", status="4.3.0")


def _since(begun: float) -> float:
    return round(time.monotonic() - begun, 3)


def _(text: str) -> str:
    """Mark a text for the catalogues; it is translated when it is sent."""
    return text
