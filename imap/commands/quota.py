"""GETQUOTA and GETQUOTAROOT (RFC 9208): one root, the whole account, in units of 1,024 octets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from imap.backend import Quota
from imap.errors import CommandRefused
from imap.parsing.quota import GetQuota, GetQuotaRoot
from imap.parsing.wire import mailbox_name
from imap.responses import Completion

if TYPE_CHECKING:
    from imap.session import Session

_ROOT: Final = ""
_UNIT: Final = 1024


async def get_quota(session: Session, _tag: str, command: GetQuota) -> Completion:
    """GETQUOTA of the only root."""
    quota = await session.account.quota()
    if command.root != _ROOT or not quota.limit:
        raise CommandRefused("No such quota root", code="NONEXISTENT")
    session.put(_quota(quota))
    return Completion("GETQUOTA completed")


async def get_quota_root(session: Session, _tag: str, command: GetQuotaRoot) -> Completion:
    """GETQUOTAROOT of a mailbox; an account without a limit has no root, nor has, to this person, another's mailbox."""
    mailbox = await session.account.mailbox(command.name)
    quota = await session.account.quota()
    limited = quota.limit and mailbox.ref.account_id == session.account.account_id
    name = mailbox_name(mailbox.name, utf8=session.utf8)
    session.put(b"* QUOTAROOT %b%b\r\n" % (name, b' ""' if limited else b""))
    if limited:
        session.put(_quota(quota))
    return Completion("GETQUOTAROOT completed")


def _quota(quota: Quota) -> bytes:
    return b'* QUOTA "" (STORAGE %d %d)\r\n' % (-(-quota.used // _UNIT), quota.limit // _UNIT)
