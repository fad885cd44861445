"""The CSV file of accounts: every error with its line and column, and nothing done before all is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailgate.transfer.csv_sources import SourcesRejected, parse_sources
from mailgate.transfer.imap_source import Login, Security, Server


def rejected(text: str | bytes) -> list[str]:
    with pytest.raises(SourcesRejected) as caught:
        parse_sources(text if isinstance(text, bytes) else text.encode())
    return str(caught.value).splitlines()


def test_a_good_file() -> None:
    text = (
        "\ufeffHost;User;Password;Target;TLS;Port;Master\r\n"
        "imap.example.org;ada; sp ace ;Ada@ent.example.org;;;\r\n\r\n"
        '"[::1]";"a;b";"x""y";bob@ent.example.org;starttls;;\r\n'
        "old;c;m;c@ent.example.org;none;1143;migration\r\n"
    )
    one, two, three = parse_sources(text.encode(), ca_file=Path("ca.pem"))
    assert (one.line, one.target) == (2, "ada@ent.example.org")
    assert one.server == Server("imap.example.org", 993, Security.TLS, Path("ca.pem"))
    assert one.login == Login("ada", " sp ace ", None)
    assert (two.login.user, two.login.password, two.server.port) == ("a;b", 'x"y', 143)
    assert (three.login.master, three.server.port, three.line) == ("migration", 1143, 5)
    assert "sp ace" not in repr(one)


def test_each_error_has_its_line_and_column() -> None:
    lines = ("h,u,,nobody,ssl,0", "h,u,p", "h,u,p,t@x,tls,99999999", "h,a,p,t@x,,", "h,a,q,t@x,,")
    assert rejected("\n".join(("host,user,password,target,tls,port", *lines))) == [
        "line 2, column password: is empty",
        "line 2, column tls: not one of tls, starttls, none",
        "line 2, column port: not a number from 1 to 65535",
        "line 2, column target: not an address of this gateway",
        "line 3: 3 columns where the first line has 6",
        "line 4, column port: not a number from 1 to 65535",
        "line 6, column user: the same copy is asked for on line 5",
    ]


def test_files_that_are_none() -> None:
    assert rejected("")[0].startswith("line 1, column host: is missing")
    assert rejected("host,user,password,target\n") == ["line 1: the file names no account"]
    assert rejected("host,user,password,target,shoe size\n")[0].startswith("line 1, column 'shoe size': unknown")
    assert rejected("host,host,user,password,target\n")[0].startswith("line 1, column 'host': unknown or there twice")
    assert rejected(b"host,user,password,target\nh,\xe9,p,t@x\n") == ["line 2: not UTF-8: save the file as 'CSV UTF-8'"]
    assert rejected('host,user,password,target\nh,"u,p,t@x\n')[0].startswith("line 2: not CSV")
    assert rejected('host,user,password,target\nh,"u\n\0",p,t@x\n') == [
        "line 3, column user: holds a control character"
    ]
