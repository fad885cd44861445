"""What came of handing a message over, for one recipient: the other side's answer, or ours in its place."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from smtp.client.tls import TlsFailure

TEXT_LIMIT: Final = 500
"""Letters of an answer that are kept."""
_STATUS: Final = re.compile(r"([245]\.\d{1,3}\.\d{1,3})[ \n]?")


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply code (RFC 5321 section 4.2), an enhanced status code (RFC 3463) and a text on one line."""

    code: int
    status: str
    text: str
    remote: str = ""
    """Who answered: `name[address]`; empty when nobody did."""
    of_host: bool = False
    """It tells of the server, not of this message: others need not be tried for now."""
    doubtful: bool = False
    """The other side may have taken the message all the same: its answer was lost (RFC 5321 section 4.5.3.2.6)."""
    relayed: bool = False
    """It was taken by a server that knows nothing of DSN, so that it will not report (RFC 3461 section 5.2.2)."""

    @property
    def positive(self) -> bool:
        """Whether the recipient's copy was taken."""
        return 200 <= self.code < 300  # noqa: PLR2004 - the classes of reply codes

    @property
    def temporary(self) -> bool:
        """Whether another attempt may do better: so it is with an answer out of place, too."""
        return not (self.positive or self.permanent)

    @property
    def permanent(self) -> bool:
        """Whether the recipient is refused for good."""
        return 500 <= self.code < 600  # noqa: PLR2004 - the classes of reply codes

    def softened(self) -> Answer:
        """The same as a temporary refusal: what is wrong is to be mended here, not in the message."""
        return replace(self, code=450, status="4" + self.status[1:]) if self.permanent else self


class SendingError(Exception):
    """No server can be handed anything for this domain now, or ever: the answer says which."""

    def __init__(self, answer: Answer, failure: TlsFailure | None = None) -> None:
        """`failure`: what was wrong with TLS, if that was it."""
        super().__init__(f"{answer.code} {answer.status} {answer.text}")
        self.answer = answer
        self.failure = failure


def from_reply(code: int, text: str, remote: str) -> Answer:
    """A server's reply; one without an enhanced status code gets that of its class."""
    line = "".join(c if c.isprintable() else " " for c in text.replace("\n", " "))[:TEXT_LIMIT]
    found = _STATUS.match(text)
    if found is not None and found[1][0] == str(code)[0]:
        return Answer(code, found[1], line[found.end() :].strip(), remote)
    return Answer(code, f"{str(code)[0] if 200 <= code < 600 else '4'}.0.0", line.strip(), remote)  # noqa: PLR2004
