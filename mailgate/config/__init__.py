"""One typed settings tree: a TOML file, then environment variables; every error names the file and the key.

``MAILGATE_IMAP__LISTEN='["0.0.0.0:993"]'`` overrides the key ``listen`` of the table ``[imap]``. A list is written as
in TOML, a text or a number as it is.
"""

from __future__ import annotations

from mailgate.config.directory import Directory, DirectorySource, Ldap
from mailgate.config.errors import ConfigError
from mailgate.config.filters import AttachmentFilter, AuthenticationFilter, ClamavFilter, Filters, RspamdFilter
from mailgate.config.loading import decode, example, load
from mailgate.config.retention import Leavers, Retention
from mailgate.config.service import Accounts, Database, Gateway, Imap, ImapLimits, Log, Moderation, Shared, Tls, Web
from mailgate.config.settings import Settings
from mailgate.config.transport import Dns, DnsLists, Greylisting, Lmtp, Mx, Proxy, Queue, Smtp
from mailgate.config.values import Network, OnFailure, Section

__all__ = [
    "Accounts",
    "AttachmentFilter",
    "AuthenticationFilter",
    "ClamavFilter",
    "ConfigError",
    "Database",
    "Directory",
    "DirectorySource",
    "Dns",
    "DnsLists",
    "Filters",
    "Gateway",
    "Greylisting",
    "Imap",
    "ImapLimits",
    "Ldap",
    "Leavers",
    "Lmtp",
    "Log",
    "Moderation",
    "Mx",
    "Network",
    "OnFailure",
    "Proxy",
    "Queue",
    "Retention",
    "RspamdFilter",
    "Section",
    "Settings",
    "Shared",
    "Smtp",
    "Tls",
    "Web",
    "decode",
    "example",
    "load",
]
