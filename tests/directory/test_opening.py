"""Every format of files is opened by its reader, with the school of the source."""

from __future__ import annotations

from pathlib import Path

import pytest

from directory.model import DirectoryError, School
from directory.opening import open_files
from directory.source import Format, Source
from directory.sources import CompleteSet
from tests.directory.academy import DATA, expected
from tests.directory.projection import COLLEGE, unpacked
from tests.directory_ldap.scribe_tree import ldif

YEAR = 2025
GEPI = {
    "g_eleves.csv": "Martin;Zoé;18/11/2012;5000;;;NON;EXTERN;F;\n",
    "g_eleves_classes.csv": "5000;6A;\n",
    "g_responsables.csv": "5000;Martin;Paul;M.;;;;;\n",
    "g_professeurs.csv": "Durand;Léa;MME;;\n",
    "g_prof_disc_classes.csv": "DURAND;MATHS;6A;CG;\n",
}


def path_of(format_: Format, folder: Path) -> Path:
    """What there is of the college in this format."""
    match format_:
        case Format.SIECLE:
            return DATA / f"siecle-{COLLEGE}.tar.xz"
        case Format.STS:
            return unpacked(DATA / "sts.tar.xz", folder) / f"sts_emp_{COLLEGE}_{YEAR}.xml"
        case Format.LCS:
            return unpacked(DATA / "lcs.tar.xz", folder) / "clg-frederic-mistral.ldif"
        case Format.SCRIBE:
            (folder / "scribe.ldif").write_text(ldif(expected(), COLLEGE), encoding="utf-8")
            return folder / "scribe.ldif"
        case _:
            for name, text in GEPI.items():
                (folder / name).write_text(text, encoding="utf-8")
            return folder


@pytest.mark.parametrize("format_", [Format.SIECLE, Format.STS, Format.LCS, Format.SCRIBE, Format.GEPI])
def test_a_source_of_one_school_is_read_whole(tmp_path: Path, format_: Format) -> None:
    reading = open_files(Source("one", format_, COLLEGE), path_of(format_, tmp_path), YEAR)
    (step,) = reading.steps
    assert isinstance(step, CompleteSet)
    assert [one.key for one in step.records if isinstance(one, School)] == [COLLEGE]
    assert reading.fingerprint


@pytest.mark.parametrize("format_", [Format.SIECLE, Format.STS, Format.LCS, Format.SCRIBE, Format.GEPI])
def test_nothing_there_is_told(tmp_path: Path, format_: Format) -> None:
    with pytest.raises(DirectoryError, match="no such file"):
        open_files(Source("one", format_, COLLEGE), tmp_path / "nothing", YEAR)
