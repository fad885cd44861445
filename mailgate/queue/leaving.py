"""What changes of a message when it leaves as somebody's copy: its header, its reverse path, and words below it on how
to have no more of them (`mailgate.queue.endings`).

Signed parts stay as they were signed. The content is the one of the people
inside: what is changed is worked out while it is sent. No Resent- fields are added: they are for people who send a
message on by hand (RFC 5322 section 3.6.6).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from typing import Final

from directory.reserved import BOUNCES
from mailgate.config import Settings
from mailgate.database import Database
from mailgate.delivery.posting import shown
from mailgate.i18n import translator
from mailgate.moderation.tokens import load_key
from mailgate.queue.endings import with_words, words
from mailgate.queue.reverse_paths import named_in, reverse_path
from mailgate.queue.stop_addresses import PAGE, Claim, is_genuine, stop_address, stop_token
from smtp.addresses import parse_addresses
from smtp.header import read_fields

_INSIDE: Final = frozenset({b"return-path", b"list-unsubscribe", b"list-unsubscribe-post"})
"""The last two lead to an address that takes orders only from people who sign in."""
_NOREPLY: Final = "noreply"
_LONGEST: Final = 80
"""Letters of a name."""


@dataclass(frozen=True, slots=True)
class Outward:
    """How copies leave this installation."""

    domain: str
    holds: Callable[[str], bool]
    """Whether an address is in a domain of this installation, which may sign for it."""
    service: str
    """The name of the school's mail, for people."""

    @property
    def mark(self) -> str:
        """What X-Loop says of a message that left as a copy: one that comes back with it is not sent out again."""
        return f"{BOUNCES}@{self.domain}"

    def header(self, header: bytes, stop: str = "", page: str = "") -> bytes:
        """The header block (with its empty line) of a copy that leaves; its owner ends that by a message to `stop`, or
        with one click, for which `page` takes a POST (RFC 8058).

        From stays where it is of this installation; otherwise no server outside could tell such a message from a forged
        one (RFC 7489), and it says ``Name via List``, with the author in Reply-To.
        """
        kept = read_fields(header)
        rest = header[sum(len(line) for _, _, line in kept) :]
        author = next((value for name, value, _ in kept if name == b"from"), b"")
        ours = self._holds_all(author)
        lines = [b"X-Loop: %s\r\n" % self.mark.encode()]
        ways = [f"<{page}>"] if page else []
        ways += [f"<mailto:{stop}?subject=stop>"] if stop else []
        if ways:
            lines.append(b"List-Unsubscribe: %s\r\n" % ",\r\n ".join(ways).encode())
        if page:
            lines.append(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")
        if not ours:
            lines.append(self._via(author, self._list(kept)))
            if all(name != b"reply-to" for name, _, _ in kept):
                lines.append(b"Reply-To:%s\r\n" % author)
        lines += [line for name, _, line in kept if name not in _INSIDE and (ours or name != b"from")]
        return b"".join(lines) + rest

    def is_ours(self, header: bytes) -> bool:
        """Whether the author of a header is of this installation."""
        return self._holds_all(next((value for name, value, _ in read_fields(header) if name == b"from"), b""))

    def _holds_all(self, author: bytes) -> bool:
        return not author.strip() or all(map(self.holds, _addresses(author)))

    def _via(self, author: bytes, label: str) -> bytes:
        name, address = parseaddr(author.decode("utf-8", "replace"))
        name = shown(name.encode()) or address.partition("@")[0]
        made = EmailMessage(policy=SMTP)
        made["From"] = Address(
            f"{name[:_LONGEST]} via {label[:_LONGEST] or self.service}".strip(), _NOREPLY, self.domain
        )
        return made.as_bytes().removesuffix(b"\r\n")

    def _list(self, kept: Sequence[tuple[bytes, bytes, bytes]]) -> str:
        """The name of the list of ours that posted it; empty for none."""
        value = next((value for name, value, _ in kept if name == b"list-id"), b"")
        label, _, identity = value.rpartition(b"<")
        parts = identity.decode("ascii", "replace").rstrip("> ").split(".")
        ours = any(self.holds("@" + ".".join(parts[at:])) for at in range(1, len(parts)))
        return shown(label).strip(' "') if ours else ""


class Leaving:
    """`Outward` with the installation's key."""

    def __init__(self, database: Database, settings: Settings, base_url: str = "") -> None:
        """`base_url` is that of the pages; empty where there are none."""
        self._database = database
        self._base_url = base_url
        self._key: bytes | None = None
        self._receives = bool(settings.mx.listen)
        self.outward = outward_of(settings)

    async def reverse_path(self, person_id: int, queue_id: int) -> str:
        """Where reports about this person's copy of a message of the queue come back."""
        return reverse_path(await self._load_key(), self.outward.domain, person_id, queue_id)

    async def stop_address(self, person_id: int, outside: str) -> str:
        """Where this person ends what goes to an address outside; empty where nothing comes in from there."""
        if not self._receives:
            return ""
        return stop_address(await self._load_key(), self.outward.domain, person_id, outside)

    async def stop_page(self, person_id: int, outside: str) -> str:
        """The page on which the same is done; empty where there are none."""
        if not self._base_url:
            return ""
        return f"{self._base_url}{PAGE}{stop_token(await self._load_key(), person_id, outside)}"

    async def is_stop_address(self, claim: Claim, outside: str) -> bool:
        """Whether it was made here for this address outside."""
        return is_genuine(await self._load_key(), claim, outside)

    async def form(
        self, header: bytes, person_id: int, outside: str, *, eightbit: bool, signed: bool
    ) -> tuple[bytes, bytes]:
        """A message on its way to an address that a person chose: its header block, and what follows its body.

        Only one that is to be `signed` may offer to end it with one click (RFC 8058 section 4).
        """
        stop = await self.stop_address(person_id, outside)
        page = await self.stop_page(person_id, outside) if signed else ""
        return with_words(self.outward.header(header, stop, page), words(stop, page), eightbit=eightbit)

    async def named(self, address: str) -> tuple[int, int] | None:
        """The person and the message of the queue that a reverse path names; None for a forged one."""
        return named_in(await self._load_key(), self.outward.domain, address)

    async def _load_key(self) -> bytes:
        if self._key is None:
            self._key = await load_key(self._database)
        return self._key


def outward_of(settings: Settings) -> Outward:
    """That of this installation."""
    name = translator(settings.gateway.language)(_("The school’s mail"))
    return Outward(settings.directory.domain, settings.directory.holds, name)


def _addresses(value: bytes) -> list[str]:
    try:
        return parse_addresses(value.decode("utf-8", "surrogateescape"))
    except ValueError:
        return [""]


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
