"""What a searching command answers: ESEARCH and its data (RFC 9051 7.3.4, RFC 4731, RFC 5267, RFC 9394)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, TypeVar

from imap.parsing.partial import PartialRange
from imap.parsing.return_options import SearchReturn
from imap.parsing.wire import quote_string, uid_set

T = TypeVar("T")


class Correlator(NamedTuple):
    """Which command an ESEARCH response belongs to, and which mailbox (RFC 7377 2.1) when it is not the selected."""

    tag: str
    mailbox: bytes | None = None
    """The name as it stands on the wire."""
    uidvalidity: int = 0

    def encode(self) -> bytes:
        """The search correlator with its parentheses."""
        tag = b"(TAG %b" % quote_string(self.tag)
        if self.mailbox is None:
            return tag + b")"
        return b"%b MAILBOX %b UIDVALIDITY %d)" % (tag, self.mailbox, self.uidvalidity)


def esearch_response(correlator: Correlator, data: Iterable[bytes], *, uid: bool) -> bytes:
    """One ESEARCH response; ``uid`` says that its numbers are UIDs."""
    return b" ".join([b"* ESEARCH", correlator.encode(), *([b"UID"] if uid else []), *data]) + b"\r\n"


def return_data(
    numbers: Sequence[int],
    returns: Collection[SearchReturn],
    partial: PartialRange | None,
    modseq: int | None,
    scores: Sequence[int],
) -> list[bytes]:
    """The data items for the numbers that were found, in the order of the command; ``modseq`` of what they name.

    ``scores`` are their relevancies, which RELEVANCY tells of those that ALL or PARTIAL names (RFC 6203 4, 6).
    """
    data = []
    if SearchReturn.COUNT in returns:
        data.append(b"COUNT %d" % len(numbers))
    if numbers:
        if SearchReturn.MIN in returns:
            data.append(b"MIN %d" % numbers[0])
        if SearchReturn.MAX in returns:
            data.append(b"MAX %d" % numbers[-1])
        if SearchReturn.ALL in returns:
            data.append(b"ALL %b" % uid_set(numbers))
    if partial is not None:
        data.append(b"PARTIAL (%b %b)" % (str(partial).encode(), uid_set(partial.of(numbers)) or b"NIL"))
    if SearchReturn.RELEVANCY in returns:
        listed = scores if partial is None else partial.of(scores)
        data.append(b"RELEVANCY (%b)" % b" ".join(b"%d" % score for score in listed))
    if modseq is not None:
        data.append(b"MODSEQ %d" % modseq)
    return data


def returned(found: Sequence[T], returns: Collection[SearchReturn], partial: PartialRange | None) -> Sequence[T]:
    """The results that the answer names, for MODSEQ (RFC 4731 3.2) and ``$`` (RFC 5182 2.4, RFC 9394 3.2).

    All of them where ALL or COUNT is returned, or nothing is; else the first, the last and the part that are returned.
    Some may stand there twice.
    """
    some = {SearchReturn.MIN, SearchReturn.MAX, SearchReturn.PARTIAL}.intersection(returns)
    if not some or SearchReturn.ALL in returns or SearchReturn.COUNT in returns:
        return found
    named = list(partial.of(found)) if partial is not None else []
    if SearchReturn.MIN in some:
        named += found[:1]
    if SearchReturn.MAX in some:
        named += found[-1:]
    return named
