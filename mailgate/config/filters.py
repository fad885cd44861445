"""Checks of what a message is."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from mailgate.config.values import (
    FilterSeconds,
    OnFailure,
    Positive,
    Section,
)
from mailgate.policy.attachment_types import AttachmentTypes, parse


class AttachmentFilter(Section, frozen=True):
    """The words are those of `mailgate.policy.attachment_types`."""

    forbidden: tuple[str, ...] = ("default",)
    archives: bool = True
    skip_trusted: bool = False
    timeout: FilterSeconds = 30.0
    on_failure: OnFailure = "defer"

    def __post_init__(self) -> None:
        """Raises ValueError for a word that names no type."""
        self.types()

    def types(self) -> AttachmentTypes:
        """What is not let through, unless a school says otherwise."""
        return parse(self.forbidden)


class AuthenticationFilter(Section, frozen=True):
    """SPF, DKIM, ARC and DMARC of what comes from other servers."""

    enabled: bool = True
    spf_fail: Literal["accept", "junk", "refuse"] = "accept"
    trusted_sealers: tuple[str, ...] = ()
    admitted_results: tuple[str, ...] = ()
    skip_trusted: bool = True
    timeout: FilterSeconds = 30.0
    on_failure: OnFailure = "accept"

    def sealers(self) -> frozenset[str]:
        """The domains of trusted sealers, in small letters."""
        return frozenset(one.lower() for one in self.trusted_sealers)

    def admitted(self) -> frozenset[str]:
        """The identifiers of servers whose results stay, in small letters."""
        return frozenset(one.lower() for one in self.admitted_results)


class ClamavFilter(Section, frozen=True):
    server: Annotated[str, Meta(pattern=r"^(/.+|.+:[0-9]{1,5})?$")] = ""
    max_size: Positive = 25 * 1024 * 1024
    too_large: Literal["accept", "refuse"] = "accept"
    skip_trusted: bool = False
    timeout: FilterSeconds = 60.0
    on_failure: OnFailure = "defer"


class RspamdFilter(Section, frozen=True):
    url: Annotated[str, Meta(pattern=r"^(https?://[!-~]+)?$")] = ""
    password: str = ""
    submission: bool = False
    max_size: Positive = 10 * 1024 * 1024
    skip_trusted: bool = True
    timeout: FilterSeconds = 20.0
    on_failure: OnFailure = "accept"


class Filters(Section, frozen=True):
    authentication: AuthenticationFilter = AuthenticationFilter()
    attachments: AttachmentFilter = AttachmentFilter()
    clamav: ClamavFilter = ClamavFilter()
    rspamd: RspamdFilter = RspamdFilter()
