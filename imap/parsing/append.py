"""APPEND of one message or several (RFC 9051 section 6.3.12, RFC 3502, RFC 6855 section 4)."""

from __future__ import annotations

from imap.errors import BadCommand
from imap.parsing.commands import Append, AppendItem, FlagList
from imap.parsing.lexer import Cursor
from imap.parsing.limits import MAX_APPEND_MESSAGES
from imap.parsing.values import date_time, flag_list, mailbox


# append = "APPEND" SP mailbox 1*append-message
def append(cursor: Cursor) -> Append:
    cursor.space()
    name = mailbox(cursor)
    messages = [_message(cursor)]
    while cursor.ahead():
        if len(messages) == MAX_APPEND_MESSAGES:
            raise BadCommand(f"More than {MAX_APPEND_MESSAGES} messages in one APPEND")
        messages.append(_message(cursor))
    return Append(name, tuple(messages))


# append-message = [SP flag-list] [SP date-time] SP append-data
# append-data = literal / literal8 / utf8-literal
# utf8-literal = "UTF8" SP "(" literal8 ")"
def _message(cursor: Cursor) -> AppendItem:
    flags, date = FlagList(), None
    cursor.space()
    if cursor.ahead() == b"(":
        flags = flag_list(cursor)
        cursor.space()
    if cursor.ahead() == b'"':
        date = date_time(cursor)
        cursor.space()
    if cursor.at_literal():
        return AppendItem(flags, date, cursor.literal())
    if cursor.text[cursor.pos : cursor.pos + 6].upper() != b"UTF8 (":
        raise cursor.expected("a literal")
    cursor.pos += 6
    literal = cursor.literal()
    if not literal.binary:
        raise BadCommand("UTF8 takes a literal8")
    cursor.expect(b")")
    return AppendItem(flags, date, literal, utf8=True)
