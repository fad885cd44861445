"""What letters say, in the language of a school, before they are drawn as HTML or PDF.

The QR code holds the address of the page and nothing else: no code and no name. So it is the same on all letters, it
says nothing to who photographs it, and what is scanned leaves neither in the history of a phone nor in the log of
whatever stands before the gateway. Twelve characters are typed instead.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import segno

from mailgate.accounts.chosen_passwords import MIN_LENGTH
from mailgate.accounts.rolls import Member, Roll
from mailgate.i18n import Language, long_date, translator
from mailgate.naming.client_setup import settings_to_enter
from mailgate.naming.site import Site


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text


class Letter(msgspec.Struct, frozen=True):
    """A page for one person."""

    name: str
    about: str
    """Whose letter it is: the class of a pupil, the children of a guardian."""
    address: str
    code: str
    settings: list[tuple[str, str]]
    elsewhere: str
    """What to do with letters of several schools; empty for who is of one alone."""
    keep: str
    """For whom alone the code is."""


class Document(msgspec.Struct, frozen=True):
    """The letters of a class, or of the staff, with what all of them say."""

    language: Language
    title: str
    school: str
    date: str
    intro: str
    page: str
    page_words: str
    qr: str
    """SVG."""
    qr_words: str
    address_label: str
    code_label: str
    until: str
    steps: list[str]
    settings_title: str
    help: str
    letters: list[Letter]


@dataclass(frozen=True, slots=True)
class Sender:
    """What letters say of the installation and of the school."""

    site: Site
    page: str
    """The address at which a code is used."""
    zone: datetime.tzinfo
    language: Language
    contact: str
    """Whom to ask, in the school's words; empty: the office."""
    help_url: str


def document(roll: Roll, codes: Mapping[int, str], expires_at: int, sender: Sender, now: int) -> Document:
    """The letters of those of a roll who have a code, pupils first."""
    say = translator(sender.language)
    contact = sender.contact or say(_("the school’s office"))
    questions = say(_("Questions? Please ask {contact}.")).format(contact=contact)
    more = say(_("More on mail programs: {url}")).format(url=sender.help_url) if sender.help_url else ""
    until = say(_("Good for one use, until {date}.")).format(date=_date(expires_at, sender))
    return Document(
        language=sender.language,
        title=say(_("Your mailbox at school")),
        school=roll.school,
        date=_date(now, sender),
        intro=say(_("A mailbox of the school waits for you. You open it once, on a web page, with the code below.")),
        page=sender.page,
        page_words=say(_("The page")),
        qr=_qr(sender.page),
        qr_words=say(_("QR code with the address of the page")),
        address_label=say(_("Your address")),
        code_label=say(_("Your activation code")),
        until=until,
        steps=[
            say(_("Open the page: type its address, or scan the square with a phone.")),
            say(_("Enter your address and your activation code.")),
            say(_("Choose a password of at least {number} characters, and tell it to nobody.")).format(
                number=MIN_LENGTH
            ),
        ],
        settings_title=say(_("In your mail program or on your phone")),
        help=" ".join(filter(None, [questions, more])),
        letters=[_letter(roll, one, codes[one.account_id], sender) for one in roll.members if one.account_id in codes],
    )


def _letter(roll: Roll, one: Member, code: str, sender: Sender) -> Letter:
    say = translator(sender.language)
    programs = (say(_("Mail programs")), "Thunderbird, K-9 Mail, FairEmail, Apple Mail, Outlook")
    return Letter(
        name=one.display,
        about=_about(roll, one, sender.language),
        address=one.address,
        code=code,
        settings=[*settings_to_enter(sender.site, one.address, sender.language), programs],
        elsewhere=_of_several(one, sender.language),
        keep=say(_("This letter is for {name} alone. Nobody of the school will ever ask for the code.")).format(
            name=one.display
        ),
    )


def _of_several(one: Member, language: Language) -> str:
    if not one.elsewhere:
        return ""
    text = translator(language)(
        _("You are of {schools}, too. One letter is enough: if you have several, the code of the last one is good.")
    )
    return text.format(schools=", ".join(one.elsewhere))


def _about(roll: Roll, one: Member, language: Language) -> str:
    say = translator(language)
    if one.children:
        children = ", ".join(one.children)
        text = (
            say(_("Legal guardian of {children}, class {name}"))
            if roll.name
            else say(_("Legal guardian of {children}"))
        )
        return text.format(children=children, name=roll.name)
    if one in roll.staff:
        return say(_("Staff"))
    return say(_("Class {name}")).format(name=roll.name) if roll.name else say(_("Pupil"))


def _date(at: int, sender: Sender) -> str:
    return long_date(datetime.datetime.fromtimestamp(at, sender.zone).date(), sender.language)


def _qr(text: str) -> str:
    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(drawn, kind="svg", xmldecl=False, border=2, omitsize=True, nl=False)
    return drawn.getvalue().decode()
