"""The whole tree of settings."""

from __future__ import annotations

from mailgate.config.directory import Directory
from mailgate.config.filters import Filters
from mailgate.config.retention import Retention
from mailgate.config.service import Accounts, Database, Gateway, Imap, Log, Moderation, Shared, Statistics, Tls, Web
from mailgate.config.transport import Dns, DnsLists, Greylisting, Lmtp, Mx, Proxy, Queue, Smtp
from mailgate.config.values import Section


class Settings(Section, frozen=True):
    """Everything an operator can set; the defaults are those of ``mailgate config example``."""

    gateway: Gateway = Gateway()
    database: Database = Database()
    tls: Tls = Tls()
    imap: Imap = Imap()
    smtp: Smtp = Smtp()
    mx: Mx = Mx()
    greylisting: Greylisting = Greylisting()
    dns_lists: DnsLists = DnsLists()
    lmtp: Lmtp = Lmtp()
    proxy: Proxy = Proxy()
    queue: Queue = Queue()
    dns: Dns = Dns()
    filters: Filters = Filters()
    accounts: Accounts = Accounts()
    directory: Directory = Directory()
    shared: Shared = Shared()
    retention: Retention = Retention()
    moderation: Moderation = Moderation()
    statistics: Statistics = Statistics()
    web: Web = Web()
    log: Log = Log()

    @property
    def reports_outside(self) -> bool:
        """Whether writers outside get the reports that they ask for: DSN is offered then."""
        return self.mx.dsn and self.queue.route != "none"

    def listeners(self) -> dict[str, tuple[str, ...]]:
        """Every ``host:port`` to listen on, by the key that names it."""
        return {
            "imap.listen": self.imap.listen,
            "imap.listen_starttls": self.imap.listen_starttls,
            "smtp.listen": self.smtp.listen,
            "smtp.listen_starttls": self.smtp.listen_starttls,
            "mx.listen": self.mx.listen,
            "lmtp.listen": self.lmtp.listen,
            "web.listen": self.web.listen,
        }
