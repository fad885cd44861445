"""What can go wrong in a command, each with the response that the client reads (RFC 9051 7.1, RFC 5530).

ImapError
├── BadCommand               BAD: the client broke the grammar or the state machine
└── CommandRefused           NO: understood, and not done
    ├── AuthenticationFailed     [AUTHENTICATIONFAILED]
    ├── ServiceUnavailable       [UNAVAILABLE]
    ├── MailboxNotFound          [NONEXISTENT] or [TRYCREATE]
    ├── MailboxExists            [ALREADYEXISTS]
    ├── MailboxIsPermanent       [CANNOT]
    ├── MailboxHasChildren       [HASCHILDREN]
    ├── InvalidMailboxName       [CANNOT]
    ├── NotPermitted             [NOPERM]
    ├── OverQuota                [OVERQUOTA]
    ├── TooManyKeywords          [LIMIT]
    ├── TooManyAnnotations       [METADATA TOOMANY]
    ├── MessageTooLarge          [TOOBIG]
    ├── BadCharset               [BADCHARSET (US-ASCII UTF-8)]
    ├── UndefinedFilter          [UNDEFINED-FILTER …]
    └── MessageGone              [EXPUNGEISSUED]
"""

from __future__ import annotations

from typing import ClassVar


class ImapError(Exception):
    """A command that did not complete; ``code`` is the response code without brackets, or None.

    ``text`` is English and may hold ``{name}`` for each of ``values``: so it can be translated (RFC 5255).
    """

    condition: str = "NO"
    default_code: ClassVar[str | None] = None

    def __init__(self, text: str, *, code: str | None = None, **values: object) -> None:
        super().__init__(text.format(**values) if values else text)
        self.text = text
        self.values = values
        self.code = code if code is not None else self.default_code


class BadCommand(ImapError):
    """The client broke the grammar or the state machine: tagged BAD."""

    condition = "BAD"


class CommandRefused(ImapError):
    """Understood, and not done: tagged NO."""


class AuthenticationFailed(CommandRefused):
    """The same answer for an unknown account and for a wrong password."""

    default_code = "AUTHENTICATIONFAILED"


class ServiceUnavailable(CommandRefused):
    """Something behind the engine does not answer; trying again later may work."""

    default_code = "UNAVAILABLE"


class MailboxNotFound(CommandRefused):
    """No such mailbox. For APPEND, COPY and MOVE the engine changes the code to TRYCREATE."""

    default_code = "NONEXISTENT"


class MailboxExists(CommandRefused):
    """CREATE or RENAME onto a name that is taken."""

    default_code = "ALREADYEXISTS"


class MailboxIsPermanent(CommandRefused):
    """A mailbox that the application itself needs cannot be deleted, nor one with a special use renamed."""

    default_code = "CANNOT"


class MailboxHasChildren(CommandRefused):
    """DELETE of a mailbox that has children."""

    default_code = "HASCHILDREN"


class InvalidMailboxName(CommandRefused):
    """A name that no mailbox can have."""

    default_code = "CANNOT"


class NotPermitted(CommandRefused):
    """The person has no right to do this."""

    default_code = "NOPERM"


class OverQuota(CommandRefused):
    """The message would take the account over its quota (RFC 9208 section 4.3)."""

    default_code = "OVERQUOTA"


class TooManyKeywords(CommandRefused):
    """The mailbox's keyword table is full (58 names)."""

    default_code = "LIMIT"


class TooManyAnnotations(CommandRefused):
    """No more annotations on this mailbox, or on the server (RFC 5464 section 4.3)."""

    default_code = "METADATA TOOMANY"


class MessageTooLarge(CommandRefused):
    """Above APPENDLIMIT (RFC 7889)."""

    default_code = "TOOBIG"


class BadCharset(CommandRefused):
    """SEARCH in a charset other than these two; ``malformed`` makes it BAD (RFC 5466).

    ``saves`` says that it had SAVE: forget the saved result (RFC 5182).
    """

    default_code = "BADCHARSET (US-ASCII UTF-8)"

    def __init__(self, *, saves: bool, malformed: bool = False) -> None:
        super().__init__("Please search in UTF-8")
        self.saves = saves
        if malformed:
            self.condition = "BAD"


class UndefinedFilter(CommandRefused):
    """No search is kept under this name (RFC 5466 section 3.1)."""

    def __init__(self, name: str) -> None:
        super().__init__("There is no such filter", code=f"UNDEFINED-FILTER {name}")


class MessageGone(CommandRefused):
    """Another session expunged the message before this command could read it (RFC 5530)."""

    default_code = "EXPUNGEISSUED"
