"""Somebody with a letter chooses a password on the page, in a real browser too, and signs in."""

from __future__ import annotations

import imaplib
import re
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pypdf
import pytest

from tests.end_to_end.school import PARENTS, Page, School, members
from tests.processes.serving import Serving
from tests.support.chromium import Chromium

PAGE = "/activation"
ONE, TWO, THREE, FOUR, FIVE, SIX, SEVEN = members(PARENTS)[:7]
PASSWORD = "quatre mots à la suite"


@pytest.fixture(scope="module")
def school(academy_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    """One for the module: each test is about a person of its own."""
    web = {"listen": ["127.0.0.1:0"], "url": "https://mail.example.org", "help": "https://help.example.org/mail"}
    workers = 2 if academy_url.startswith("postgresql") else 1
    made = School(Serving(tmp_path_factory.mktemp("school"), academy_url, workers, {"web": web}))
    made.prepare([])
    try:
        made.serving.start()
        yield made
    finally:
        made.serving.end()


def code_for(school: School, address: str) -> str:
    [made] = school.serving.command.good("activation", "new", address, "--json").json["codes"]
    code: str = made["code"]
    return code


def activate(school: School, address: str, code: str, password: str = PASSWORD) -> Page:
    return school.open(PAGE, {"address": address, "code": code, "password": password, "again": password})


def signs_in(school: School, address: str, password: str = PASSWORD) -> bool:
    host, port = school.serving.imaps
    with imaplib.IMAP4_SSL(host, port, ssl_context=school.serving.tls(), timeout=30) as client:
        client._encoding = "utf-8"  # type: ignore[attr-defined]
        try:
            client.authenticate("PLAIN", lambda _: f"\0{address}\0{password}".encode())
        except imaplib.IMAP4.error:
            return False
    return True


def test_a_person_goes_from_the_letter_to_the_mailbox(school: School) -> None:
    code = code_for(school, ONE)
    asked = school.open(PAGE, language="fr")
    assert asked.status == 200
    assert "Activer votre boîte aux lettres" in asked.text
    choose = school.open(PAGE, {"address": ONE.upper(), "code": code.lower().replace("-", " ")})
    assert choose.status == 200
    assert f'value="{ONE}"' in choose.text
    assert 'autocomplete="new-password"' in choose.text
    assert not signs_in(school, ONE)
    done = activate(school, ONE, code)
    assert done.status == 200
    for shown in (ONE, "Thunderbird", "Outlook", "iPhone", "Android", "https://help.example.org/mail", "localhost"):
        assert shown in done.text
    assert signs_in(school, ONE)
    assert activate(school, ONE, code).status == 422
    for page in (asked, choose, done):
        assert "set-cookie" not in page.headers
        assert page.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "<script" not in page.text


def test_the_code_of_a_letter_opens_the_mailbox(school: School, tmp_path: Path) -> None:
    school.serving.command.good("letters", "5eme-b", "--school", "0131001T", "--out", tmp_path)
    page = pypdf.PdfReader(tmp_path / "0131001T-5eme-b.pdf").pages[0].extract_text()
    address, code = re.findall(r"\S+@\S+", page)[0], re.findall(r"\b[B-Z2-9]{4}-[B-Z2-9]{4}-[B-Z2-9]{4}\b", page)[0]
    assert f"https://mail.example.org{PAGE}" in page
    assert activate(school, address, code).status == 200
    assert signs_in(school, address)


def test_of_many_requests_at_once_one_is_answered_with_a_mailbox(school: School) -> None:
    code = code_for(school, TWO)
    passwords = [f"la phrase numéro {number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda password: activate(school, TWO, code, password).status, passwords))
    assert sorted(statuses) == [200] + [422] * 7
    opens = [signs_in(school, TWO, password) for password in passwords]
    assert [status == 200 for status in statuses] == opens


def test_the_answer_tells_nothing_of_whom_it_is_about(school: School) -> None:
    code = code_for(school, THREE)
    tried = [(THREE, "BCDF-BCDF-BCDF"), ("nobody@ent.example.org", code), (FOUR, code), (THREE, "?"), ("", "")]
    pages = [school.open(PAGE, {"address": address, "code": typed}) for address, typed in tried]
    texts = {page.text.replace(address, "") for page, (address, _) in zip(pages, tried, strict=True) if address}
    assert {page.status for page in pages} == {422}
    assert len(texts) == 1
    assert code not in texts.pop()


def test_what_will_not_do_is_said_politely_and_the_code_is_not_used(school: School) -> None:
    code = code_for(school, FOUR)
    form = {"address": FOUR, "code": code, "password": "deux mots de passe", "again": "deux mots de passé"}
    differ = school.open(PAGE, form, language="fr")
    assert (differ.status, "pas identiques" in differ.text) == (422, True)
    short = school.open(PAGE, form | {"password": "court", "again": "court"}, language="fr")
    assert (short.status, "au moins 12 caractères" in short.text) == (422, True)
    english = school.open(PAGE, form | {"password": "", "again": ""}, language="en")
    assert (english.status, "Choose your password" in english.text) == (200, True)
    assert "court" not in re.sub(r"trop court", "", short.text)
    assert activate(school, FOUR, code).status == 200


def test_a_form_of_another_site_is_refused(school: School) -> None:
    code = code_for(school, FIVE)
    form = {"address": FIVE, "code": code, "password": PASSWORD, "again": PASSWORD}
    for site in ("cross-site", "same-site"):
        assert school.open(PAGE, form, **{"Sec-Fetch-Site": site}).status == 403
    assert school.open(PAGE, form, **{"Sec-Fetch-Site": "same-origin"}).status == 200


def test_a_form_that_is_too_long_and_one_that_is_broken_are_errors_of_the_sender(school: School) -> None:
    assert school.open(PAGE, {"address": "x" * 20_000}).status == 413
    assert school.open(PAGE, {"address": "\0" * 300, "code": "\ud7ff" * 300}).status == 422
    assert school.open(PAGE, {}).status == 422


def test_no_code_and_no_password_is_in_the_log_and_the_audit_says_who(school: School) -> None:
    code = code_for(school, SIX)
    school.open(PAGE, {"address": SIX, "code": "BCDF-2345-6789"})
    assert activate(school, SIX, code).status == 200
    school.serving.wait_for("activated")
    said = str(school.serving.records) + str(school.serving.noise)
    for secret in (code, code.replace("-", ""), "BCDF-2345-6789", PASSWORD, SIX):
        assert secret not in said


def test_guesses_are_slowed(school: School) -> None:
    code = code_for(school, SEVEN)
    forms = [{"address": SEVEN, "code": "BCDF-2345-6789"}] * (14 * school.serving.workers)
    assert 429 in [school.open(PAGE, form).status for form in forms]
    school.serving.wait_for("activation_throttled")
    assert code


def test_in_a_browser_on_a_phone(school: School, tmp_path: Path) -> None:
    """By the keyboard and by touch, without a script, and nothing beyond the edge of the screen."""
    if school.serving.workers > 1:
        return  # the page is the same on either engine
    reader = members(PARENTS)[8]
    code = code_for(school, reader)
    host, port = school.serving.web
    with Chromium(360, 740, "fr") as browser:
        browser.open(f"https://{host}:{port}{PAGE}")
        steps = [_looked_at(browser, tmp_path / "ask.png")]
        assert browser.run("document.activeElement.id") == "address"
        browser.type("#address", reader)
        browser.type("#code", "bcdf-bcdf-bcdf")
        browser.click("button")
        steps.append(_looked_at(browser, tmp_path / "refused.png"))
        assert browser.run("document.querySelector('[role=alert]').innerText").startswith("Cette adresse et ce code")
        assert browser.run("document.activeElement.id") == "code"
        assert browser.run("document.querySelector('#address').value") == reader
        browser.type("#code", code)
        browser.click("button")
        steps.append(_looked_at(browser, tmp_path / "choose.png"))
        assert browser.run("document.activeElement.id") == "password"
        browser.type("#password", PASSWORD)
        browser.type("#again", PASSWORD)
        browser.click("button")
        steps.append(_looked_at(browser, tmp_path / "done.png"))
        assert browser.run("location.pathname + location.search + location.hash") == PAGE
    assert steps == [
        "Activer votre boîte aux lettres", "Activer votre boîte aux lettres", "Choisir votre mot de passe",
        "Votre boîte aux lettres est ouverte",
    ]  # fmt: skip
    assert signs_in(school, reader)


def _looked_at(browser: Chromium, file: Path) -> str:
    """The page's title, after a look: every field has a label, what is touched is large, and nothing needs scrolling
    sideways.
    """
    picture = browser.picture()
    file.write_bytes(picture)
    width, _ = struct.unpack(">II", picture[16:24])
    assert width == 360
    assert browser.run("document.documentElement.scrollWidth") <= 360
    assert browser.run("[...document.querySelectorAll('input:not([type=hidden],.unseen)')].every(e => e.labels.length)")
    assert browser.run("[...document.querySelectorAll('button, input:not([type=hidden],.unseen)')].every("
                       "e => e.getBoundingClientRect().height >= 40)")  # fmt: skip
    assert browser.run("getComputedStyle(document.body).fontFamily").startswith("system-ui")  # the style was let in
    title: str = browser.run("document.title")
    return title
