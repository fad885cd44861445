"""IMAP URLs: what they name, and that nothing else than BadUrl comes of any octets (RFC 5092)."""

from __future__ import annotations

import contextlib
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.parsing.fetch_items import Section, SectionText
from imap.parsing.url import BadUrl, MessageUrl, parse_url

NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=30).filter(
    lambda name: name.upper() != "INBOX" and not name.upper().startswith("INBOX/")
)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        (
            b"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER",
            MessageUrl(20, "Drafts", 385759045, Section(text=SectionText.HEADER)),
        ),
        (b"/INBOX/;UID=1/;SECTION=1.5.9", MessageUrl(1, "INBOX", section=Section((1, 5, 9)))),
        (b";UID=7/;PARTIAL=0.1024", MessageUrl(7, length=1024, rooted=False)),
        (
            b"imap://minbari.example.org:993/gray-council;UIDVALIDITY=385759045/;UID=20/;PARTIAL=5",
            MessageUrl(20, "gray-council", 385759045, start=5, host="minbari.example.org", port=993),
        ),
        (
            b"imap://j%40x;AUTH=*@[::1]/a/b%20c/;UID=2/;SECTION=1.MIME",
            MessageUrl(2, "a/b c", section=Section((1,), SectionText.MIME), user="j@x", host="[::1]"),
        ),
    ],
)
def test_what_a_url_names(url: bytes, named: MessageUrl) -> None:
    assert parse_url(url) == named


@given(NAMES, st.integers(1, 2**32 - 1), st.integers(1, 2**32 - 1))
def test_any_name_comes_back(name: str, uidvalidity: int, uid: int) -> None:
    found = parse_url(f"/{quote(name, safe='/')};UIDVALIDITY={uidvalidity}/;UID={uid}".encode())
    assert (found.mailbox, found.uidvalidity, found.uid) == (unicodedata.normalize("NFC", name), uidvalidity, uid)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text("/;:@%=.imapUIDSECTION01[]()? \\\u00e9", max_size=200).map(str.encode),
        st.lists(
            st.sampled_from(
                ["imap://", "//", "/", "h", "u@", ";UID=1", ";UIDVALIDITY=2", "/;SECTION=", "HEADER", "%", "41", "1."]
            ),
            max_size=20,
        ).map(lambda pieces: "".join(pieces).encode()),
    )
)
def test_any_octets_are_a_url_or_a_bad_one(url: bytes) -> None:
    with contextlib.suppress(BadUrl):
        parse_url(url)


@pytest.mark.parametrize(
    "piece", [b"a", b"a/", b"%41", b";UID=1", b"/;SECTION=1", b"imap://", b"@", b";UIDVALIDITY=1/"]
)
def test_a_long_url_takes_no_time(piece: bytes) -> None:
    with pytest.raises(BadUrl):
        parse_url((b"/" + piece * 8000)[:8191] + b"?")
