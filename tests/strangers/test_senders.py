"""Whether the domain of a reverse path takes mail, asked of a real name server."""

from __future__ import annotations

import re

import pytest

from mailgate.strangers.senders import check_domain
from smtp.handler import SmtpError
from smtp.resolver import Resolver
from tests.support.nameserver import BROKEN, NameServer, Records

RECORDS: Records = {
    "mail.example MX": ["10 mx.mail.example."],
    "address.example A": ["192.0.2.1"],
    "six.example AAAA": ["2001:db8::1"],
    "text.example TXT": ['"v=spf1 -all"'],
    "none.example MX": ["0 ."],
    "broken.example MX": BROKEN,
}


@pytest.mark.parametrize(
    ("reverse_path", "refusal"),
    [
        ("", ""),
        ("a@mail.example", ""),
        ("a@address.example", ""),
        ("a@six.example", ""),
        ("a@[192.0.2.1]", ""),
        ("a@text.example", "550 5.1.8"),
        ("a@nowhere.example", "550 5.1.8"),
        ("a@none.example", "550 5.7.27"),
        ("a@broken.example", "451 4.4.3"),
        (f"a@{'x' * 64}.example", "550 5.1.8"),
    ],
)
async def test_the_domain_of_a_reverse_path(reverse_path: str, refusal: str) -> None:
    async with NameServer(RECORDS) as server:
        resolver = Resolver([("127.0.0.1", server.port)], timeout=5.0)
        if not refusal:
            await check_domain(resolver, reverse_path)
            return
        with pytest.raises(SmtpError, match=f"^{re.escape(refusal)} "):
            await check_domain(resolver, reverse_path)
