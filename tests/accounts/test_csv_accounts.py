"""A CSV of accounts is taken whole or refused with the lines that are wrong."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.accounts.csv_accounts import (
    MAX_ACCOUNTS,
    MAX_ERRORS,
    MAX_OCTETS,
    CsvAccount,
    CsvRejected,
    parse_accounts,
)


def errors_of(content: bytes) -> list[str]:
    with pytest.raises(CsvRejected) as caught:
        parse_accounts(content)
    return [str(error) for error in caught.value.errors]


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("separator", [",", ";"])
def test_commas_and_semicolons_with_and_without_a_mark(separator: str, bom: bytes) -> None:
    lines = [
        "Address,Label,Password",
        "Copieur@ENT.example.org,Copieur du CDI,",
        "",
        "pronote@ent.example.org,PRONOTE,un bon mot de passe",
    ]
    content = bom + "\r\n".join(lines).replace(",", separator).encode()
    assert parse_accounts(content) == [
        CsvAccount(2, "copieur@ent.example.org", "Copieur du CDI", None),
        CsvAccount(4, "pronote@ent.example.org", "PRONOTE", "un bon mot de passe"),
    ]


def test_name_may_stand_for_label_and_columns_come_in_any_order() -> None:
    assert parse_accounts(b'name,address\n"Accueil, hall",accueil@ent.example.org\n') == [
        CsvAccount(2, "accueil@ent.example.org", "Accueil, hall", None)
    ]


def test_a_profile_and_a_school_for_who_is_to_write_to_people() -> None:
    found = parse_accounts("address;label;profile;school\na@x.fr;A;Teacher; Collège  Mistral\nb@x.fr;B;;\n".encode())
    assert found == [
        CsvAccount(2, "a@x.fr", "A", None, "teacher", "Collège Mistral"),
        CsvAccount(3, "b@x.fr", "B", None, "other", ""),
    ]
    [error] = errors_of(b"address,label,profile\na@x.fr,A,master\n")
    assert error.startswith("line 2, column profile: 'master' is no profile; use one of ")
    [shared] = errors_of(b"address,label,profile\na@x.fr,A,shared\n")
    assert "'shared' is no profile" in shared


def test_every_error_is_told_with_its_line() -> None:
    content = "\n".join(
        [
            "address,label,password",
            "no-at-sign,A label,",
            "ok@ent.example.org,Fine,",
            "ok@ent.example.org,Again,",
            "two@ent.example.org",
            "three@ent.example.org,,",
            "four@ent.example.org,Four,short",
            "accueil@ent.example.org,Five,the accueil password",
        ]
    )
    errors = errors_of(content.encode())
    columns = {2: "address", 4: "address", 6: "label", 7: "password", 8: "password"}
    wanted = [f"line {n}, column {columns[n]}" if n in columns else f"line {n}" for n in (2, 4, 5, 6, 7, 8)]
    assert [error.partition(":")[0] for error in errors] == wanted
    assert "already on line 3" in errors[1]
    assert "at least 12 characters" in errors[4]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "name the columns"),
        (b"address,label\n", "holds no account"),
        (b"adresse,label\n", "unknown column 'adresse'"),
        (b"address,label,name\nx@y.fr,a,b\n", "name the columns"),
        (b"address\nx@y.fr\n", "name the columns"),
        (b"address,label\nx@y.fr,\xe9t\xe9\n", "line 2: not UTF-8"),
        (b"address,label\nx@y.fr,a\0b\n", "NUL"),
        (b'address,label\nx@y.fr,"open\n', "not CSV"),
        (b'address,label\nx@y.fr,"two\nlines"\n', "control character"),
        (b"address,label\n" + b"x" * 300 + b"@y.fr,a\n", "not an e-mail address"),
        (b"address,label\nx@" + b"y." * 130 + b"fr,a\n", "not an e-mail address"),
        (b"address,label\nx@y.fr," + b"a" * 101 + b"\n", "1 to 100 characters"),
        (b"address,label\n" + b"x" * MAX_OCTETS, "octets"),
    ],
)
def test_files_that_are_refused(content: bytes, text: str) -> None:
    assert text in errors_of(content)[0]


def test_there_are_limits_on_accounts_and_on_errors() -> None:
    many = b"".join(b"a%d@ent.example.org,label\n" % number for number in range(MAX_ACCOUNTS + 1))
    assert "more than" in errors_of(b"address,label\n" + many)[0]
    assert len(errors_of(b"address,label\n" + b"nobody,label\n" * 500)) == MAX_ERRORS


def test_no_password_shows_in_a_representation_or_an_error() -> None:
    account = parse_accounts(b"address,label,password\nx@y.fr,X,a long enough secret\n")[0]
    assert "secret" not in repr(account)
    assert "tooshort" not in "".join(errors_of(b"address,label,password\nx@y.fr,X,tooshort\n"))


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: b"address,label\n" + text.encode()))
def test_hostile_files_raise_nothing_else(content: bytes) -> None:
    with contextlib.suppress(CsvRejected):
        parse_accounts(content)
