"""Every hostile or broken file of every format: `mailgate directory import` names it and says why; nothing changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from mailgate.cli import main
from tests.cli.command import Command
from tests.cli.test_directory import unpack
from tests.cli.test_year import everything
from tests.directory.academy import DATA, DEMO
from tests.directory.hostile_xml import SHAPES
from tests.directory.projection import COLLEGE
from tests.directory.test_aaf_delta import BAD as BAD_DELTAS
from tests.directory.test_aaf_delta import delta
from tests.directory.test_aaf_reader import HOSTILE
from tests.directory.test_gepi_reader import SMALL
from tests.directory.test_plain_csv import BROKEN as BROKEN_TABLES
from tests.directory.test_plain_csv import folder as tables
from tests.directory.test_siecle_reader import PUPIL, document
from tests.directory.test_sts_reader import sample
from tests.directory_ldap.test_ldif import BROKEN as BROKEN_TREES

OF_SCHOOL = ("--school", COLLEGE)


class Bad(NamedTuple):
    """What is given, and what is told of it: a regular expression that begins with the name of the file."""

    path: Path
    told: str


def _aaf(folder: Path) -> Iterator[Bad]:
    for path in unpack(DATA / "hostile.tar.xz", folder / "all").iterdir():
        name = path.name.removesuffix("_Eleve_0000.xml")
        if name in HOSTILE:
            line, why = HOSTILE[name]
            (folder / name).mkdir()
            file = path.rename(folder / name / "ENT_X_Complet_20251101_Eleve_0000.xml")
            yield Bad(folder / name, f"{file.name}, line {line}: .*{why}")


def _deltas(folder: Path) -> Iterator[Bad]:
    for name, (content, why) in BAD_DELTAS.items():
        path = delta(folder / name, category="PersRelEleve")
        (path / "ENT_X_Delta_20250922_Eleve_0000.xml").write_bytes(content)
        yield Bad(path, f"ENT_X_Delta_20250922_Eleve_0000.xml, line \\d+: .*{why}")


def _xml(folder: Path, good: str) -> Iterator[Bad]:
    for name, (make, why) in SHAPES.items():
        (folder / f"{name}.xml").write_bytes(make(good))
        yield Bad(folder / f"{name}.xml", f"{name}.xml, line \\d+: .*{why}")


def _siecle(folder: Path) -> Iterator[Bad]:
    yield from _xml(folder, document("BEE_ELEVES", PUPIL))


def _sts(folder: Path) -> Iterator[Bad]:
    yield from _xml(folder, sample())


def _csv(folder: Path) -> Iterator[Bad]:
    for number, (file, content, told) in enumerate(BROKEN_TABLES):
        (folder / str(number)).mkdir()
        path = tables(folder / str(number))
        (path / file).write_bytes(content)
        yield Bad(path, f"{number}: .*{told}")


def _gepi(folder: Path) -> Iterator[Bad]:
    for name, content, told in (
        ("g_eleves.csv", b"\x00\xff" * 99, "g_eleves.csv: not UTF-8"),
        ("g_eleves.csv", SMALL["g_eleves.csv"].encode("utf-16"), "g_eleves.csv: not UTF-8"),
        ("g_eleves.csv", SMALL["g_eleves.csv"].replace("Zoé", "Zo\x1b").encode(), "line 1, column .*control"),
        ("g_eleves.csv", SMALL["g_eleves.csv"].replace("Zoé", "Z" * 9_000).encode(), "line 1, column .*more than 8192"),
        ("g_professeurs.csv", b";" * 9_999, "g_professeurs.csv, line 1: more than 200 cells"),
    ):
        path = folder / str(len([*folder.iterdir()]))
        path.mkdir()
        for other, text in SMALL.items():
            (path / other).write_text(text, encoding="utf-8")
        (path / name).write_bytes(content)
        yield Bad(path, f"{path.name}: .*{told}")


def _trees(folder: Path) -> Iterator[Bad]:
    for number, (content, line, why) in enumerate(BROKEN_TREES):
        path = folder / f"{number}.ldif"
        path.write_bytes(content)
        yield Bad(path, f"{number}.ldif, line {line or '[0-9]+'}: .*{why}")


FORMATS = {
    "aaf": (_aaf, ()),
    "delta": (_deltas, ()),
    "siecle": (_siecle, ("--format", "siecle", *OF_SCHOOL)),
    "sts": (_sts, ("--format", "sts", *OF_SCHOOL)),
    "csv": (_csv, ("--format", "csv")),
    "gepi": (_gepi, ("--format", "gepi", *OF_SCHOOL)),
    "lcs": (_trees, ("--format", "lcs", *OF_SCHOOL)),
    "scribe": (_trees, ("--format", "scribe", *OF_SCHOOL)),
}


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Imports what is to be refused, in this process: there is a lot of it."""

    def run(command: Command, bad: Bad, options: tuple[str, ...]) -> None:
        arguments = ["mailgate", "--config", command.config, "directory", "import", bad.path, *options]
        monkeypatch.setattr("sys.argv", list(map(str, arguments)))
        monkeypatch.setattr("gc.freeze", lambda: None)  # this process goes on
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert (ended.value.code, said.out) == (4, ""), (bad, said)
        assert re.match(f"mailgate: {bad.told}", said.err, re.DOTALL), (bad, said)

    return run


@pytest.mark.parametrize("format_", FORMATS)
def test_nothing_of_a_hostile_file_is_taken(
    academy: Command, refused: Callable[..., None], tmp_path: Path, format_: str
) -> None:
    make, options = FORMATS[format_]
    folder = tmp_path / "given"
    folder.mkdir()
    before = everything(academy)
    for bad in make(folder):
        refused(academy, bad, options)
    assert everything(academy) == before


def test_nothing_of_it_is_taken_into_postgresql(
    academy_on_postgresql: Command, refused: Callable[..., None], tmp_path: Path
) -> None:
    before = everything(academy_on_postgresql)
    for name, (make, options) in FORMATS.items():
        folder = tmp_path / f"given-{name}"
        folder.mkdir()
        refused(academy_on_postgresql, next(make(folder)), options)
    assert everything(academy_on_postgresql) == before


def test_of_broken_values_the_rest_of_the_record_is_taken_and_each_is_reported(
    academy: Command, tmp_path: Path
) -> None:
    whole = unpack(DEMO, tmp_path / "whole")
    (broken,) = unpack(DATA / "hostile.tar.xz", tmp_path / "all", "dollar_values").iterdir()
    broken.rename(whole / "ENT_MAILGATE_Complet_20250915_Eleve_0003.xml")
    report = academy.good("directory", "import", whole, "--json").json
    assert (report["added"], report["left"]) == ({"pupil": 1}, {})
    assert report["suspicious"]["rejected value"] == 5
