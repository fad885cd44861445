"""Who manages a list manages it by mail: members, closing, and what a manager may not."""

from __future__ import annotations

import itertools
import json
from email.policy import SMTP

import pytest

from tests.end_to_end.gateway import Gateway, Person, compose
from tests.end_to_end.test_list_help import answer, ask, parent
from tests.end_to_end.test_list_posting import SCHOOL, Cast, rcpt

_NUMBERS = itertools.count(1)
HOW = "commencez l'objet par : ajouter ADRESSE, retirer ADRESSE, membres, fermer ou rouvrir."


@pytest.fixture(scope="module")
def cast(gateway: Gateway) -> Cast:
    return Cast(gateway)


@pytest.fixture
def walk(gateway: Gateway, cast: Cast) -> str:
    """A list of each test's own without members, that a teacher and a parent manage, and another teacher moderates."""
    address = f"pedibus-{next(_NUMBERS)}@{SCHOOL}"
    gateway.command("list", "create", address, "Pédibus")
    gateway.command("list", "delegate", "add", address, cast.manager.address)
    gateway.command("list", "delegate", "add", address, parent(gateway).address)
    gateway.command("list", "delegate", "add", address, cast.teacher.address, "--role", "moderate")
    return address


def order(gateway: Gateway, who: Person, walk: str, subject: str, text: str = "") -> tuple[int, str]:
    """Send an order; give the answer to the data, or to the recipient when it is refused."""
    to = f"manage+{walk}"
    message = compose(who, to, subject, text)
    with gateway.smtp(who) as client:
        client.ehlo()
        client.mail(who.address)
        code, said = client.rcpt(to)
        if code == 250:
            code, said = client.data(message.as_bytes(policy=SMTP))
        return code, said.decode()


def members(gateway: Gateway, walk: str) -> set[str]:
    return {one["address"] for one in json.loads(gateway.command("list", "members", walk, "--json"))}


def neighbours(gateway: Gateway) -> list[str]:
    """Other parents of the class."""
    return [one.address for one in gateway.by_profile("relative") if "6ème A" in one.classes][1:4]


def test_a_manager_adds_and_removes_and_reads_who_is_there(gateway: Gateway, cast: Cast, walk: str) -> None:
    one, two, three = neighbours(gateway)
    assert order(gateway, cast.manager, walk, f"ajouter {one}") == (250, f"2.0.0 Ajout a la liste {walk} : {one}")
    assert (
        order(gateway, cast.manager, walk, "Add", f"Bonjour,\n{two}\n <{three}>\n\n> {cast.member.address}\n")[0] == 250
    )
    assert members(gateway, walk) == {one, two, three}
    assert f"added by {cast.manager.address}" in gateway.command("list", "members", walk, "--why")
    assert order(gateway, cast.manager, walk, f"Retirer : {two}") == (250, f"2.0.0 Retrait de la liste {walk} : {two}")
    assert order(gateway, cast.manager, walk, "membres")[0] == 250
    told = answer(gateway, cast.manager, f"La liste {walk}")
    assert told["Auto-Submitted"] == "auto-generated"
    assert f"<{one}>" in told.get_content()
    assert f"<{two}>" not in told.get_content()
    assert members(gateway, walk) == {one, three}


def test_a_parent_who_manages_learns_of_no_other_household(gateway: Gateway, cast: Cast, walk: str) -> None:
    who = parent(gateway)
    assert order(gateway, who, walk, f"ajouter {' '.join(neighbours(gateway)[:2])}")[0] == 250
    assert order(gateway, who, walk, "membres")[0] == 250
    told = answer(gateway, who, f"La liste {walk}")
    assert "Nombre de membres de la liste : 2" in told.get_content()
    assert not [one for one in members(gateway, walk) if one in told.as_string()]


def test_nobody_is_added_who_is_not_of_the_school_and_the_answer_tells_nothing(
    gateway: Gateway, cast: Cast, walk: str
) -> None:
    here, excluded, *_ = neighbours(gateway)[1:]
    gateway.command("list", "exclude", walk, excluded, "--reason", "jugement")
    shared = f"secretariat@{SCHOOL}"
    assert order(gateway, cast.manager, walk, f"add {neighbours(gateway)[0]}")[0] == 250
    before = members(gateway, walk)
    for whom in (cast.elsewhere.address, excluded, shared, "nobody@ent.example.org"):
        code, text = order(gateway, parent(gateway), walk, f"add {here} {whom}")
        assert (code, text.removeprefix(f"5.7.1 {whom} ")) == (
            550,
            "ne peut pas etre ajoute a cette liste ; rien n'a ete change. L'etablissement peut vous en dire plus.",
        )
    assert members(gateway, walk) == before
    gateway.command("list", "include", walk, excluded)
    gateway.command("person", "exclude", excluded, cast.member.school, "--reason", "décision")
    try:
        assert order(gateway, cast.manager, walk, f"add {excluded}")[1].startswith(f"5.7.1 {excluded} ne peut pas")
    finally:
        gateway.command("person", "include", excluded, cast.member.school)
    assert order(gateway, cast.manager, walk, f"add {excluded}")[0] == 250
    code, text = order(gateway, cast.manager, walk, f"remove {cast.elsewhere.address}")
    assert (code, text) == (550, f"5.7.1 {cast.elsewhere.address} n'est pas sur cette liste ; rien n'a ete change.")


def test_who_is_there_by_another_list_is_excluded(gateway: Gateway, cast: Cast, walk: str) -> None:
    gateway.command("list", "nest", walk, f"6eme-a.eleves@{SCHOOL}")
    assert cast.member.address in members(gateway, walk)
    assert order(gateway, cast.manager, walk, f"remove {cast.member.address}")[0] == 250
    assert cast.member.address not in members(gateway, walk)
    gateway.command("list", "refresh")
    assert cast.member.address not in members(gateway, walk)
    gateway.command("list", "unnest", walk, f"6eme-a.eleves@{SCHOOL}")


def test_a_manager_closes_and_opens_the_list(gateway: Gateway, cast: Cast, walk: str) -> None:
    assert order(gateway, cast.manager, walk, f"add {neighbours(gateway)[0]}")[0] == 250
    assert order(gateway, cast.manager, walk, "fermer") == (
        250,
        f"2.0.0 La liste {walk} est fermee : elle n'accepte plus de messages.",
    )
    assert rcpt(gateway, cast.teacher, walk)[1].startswith("5.7.1 Cette liste est fermee")
    assert order(gateway, cast.manager, walk, "close") == (550, "5.7.1 La liste est deja dans cet etat.")
    assert order(gateway, cast.manager, walk, "Reopen")[0] == 250
    assert rcpt(gateway, cast.teacher, walk)[0] == 250


def test_nobody_else_manages_and_no_program(gateway: Gateway, cast: Cast, walk: str) -> None:
    manage = f"manage+{walk}"
    assert order(gateway, cast.manager, walk, f"add {neighbours(gateway)[0]}")[0] == 250
    theirs = (550, "5.7.1 Vous ne gerez pas cette liste.")
    for who in (cast.teacher, cast.member, cast.elsewhere):
        assert order(gateway, who, walk, "membres") == theirs
    assert ask(gateway, cast.manager, manage, Auto_Submitted="auto-replied")[0] == 550
    for subject in ("", "Bonjour", "add", f"members {cast.member.address}", "Re: members"):
        assert order(gateway, cast.manager, walk, subject) == (550, f"5.7.1 Pour la gerer, {HOW}")
    with gateway.smtp(cast.manager) as client:
        client.ehlo()
        client.mail("")
        assert client.rcpt(manage)[0] == 550
        client.rset()
        client.mail(cast.manager.address)
        assert client.rcpt(manage)[0] == 250
        assert client.rcpt(cast.teacher.address)[0] == 550
    with gateway.smtp(cast.manager) as client:
        client.ehlo()
        client.mail(cast.manager.address)
        assert client.rcpt(manage)[0] == 250
        gateway.command("list", "delegate", "remove", walk, cast.manager.address)
        code, text = client.data(compose(cast.manager, manage, "close").as_bytes(policy=SMTP))
        assert (code, text.decode()) == theirs
    assert order(gateway, cast.manager, walk, "membres") == theirs
    assert ask(gateway, parent(gateway), f"help+{walk}")[0] == 250
    assert f"Vous gérez cette liste : envoyez un message à {manage}" in (
        answer(gateway, parent(gateway), f"La liste {walk}").get_content()
    )
