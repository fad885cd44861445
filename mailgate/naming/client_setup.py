"""What somebody enters into a mail program, in words: on the page after activation, and in letters."""

from __future__ import annotations

from collections.abc import Iterator

from mailgate.i18n import Language, translator
from mailgate.naming.site import Site


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text


def settings_to_enter(site: Site, address: str, language: Language) -> list[tuple[str, str]]:
    """Names and values: user name, password, incoming and outgoing server."""
    say = translator(language)
    return [
        (say(_("User name")), address),
        (say(_("Password")), say(_("the one that you chose"))),
        (say(_("Incoming mail (IMAP)")), _server(site.hostname, site.imaps, say(_("port {port}, SSL/TLS")))),
        (say(_("Outgoing mail (SMTP)")), _outgoing(site, language)),
    ]


def hints(language: Language) -> Iterator[tuple[str, str]]:
    """The name of a program or device, and the way to its settings."""
    say = translator(language)
    yield (
        "Thunderbird",
        say(_("New Account, Email: enter your name, your address and the password; it finds the servers by itself.")),
    )
    yield (
        "Outlook",
        say(_("File, Add Account, Advanced options, set up manually, IMAP: enter the servers as they stand above.")),
    )
    yield "iPhone, iPad", say(_("Settings, Apps, Mail, Accounts, Add Account, Other: enter the servers above."))
    yield "Android", say(_("In Thunderbird, K-9 Mail or FairEmail: Add account; if need be, enter the servers above."))


def _outgoing(site: Site, language: Language) -> str:
    say = translator(language)
    if site.submissions or not site.submission:
        return _server(site.hostname, site.submissions, say(_("port {port}, SSL/TLS")))
    return _server(site.hostname, site.submission, say(_("port {port}, STARTTLS")))


def _server(hostname: str, port: int, words: str) -> str:
    return f"{hostname}, {words.format(port=port)}" if port else hostname
