"""Every format of files is opened by its reader, with the school of the source."""

from __future__ import annotations

from pathlib import Path

import pytest

from directory.model import DirectoryError, School
from directory.opening import open_files
from directory.source import Format, Source
from directory.sources import CompleteSet
from tests.directory.demo_feeds import YEAR, DemoFiles
from tests.directory.projection import COLLEGE


@pytest.mark.parametrize("format_", [Format.SIECLE, Format.STS, Format.LCS, Format.SCRIBE, Format.GEPI])
def test_a_source_of_one_school_is_read_whole(demo_files: DemoFiles, format_: Format) -> None:
    reading = open_files(Source("one", format_, COLLEGE), demo_files.path(format_, COLLEGE), YEAR)
    (step,) = reading.steps
    assert isinstance(step, CompleteSet)
    assert [one.key for one in step.records if isinstance(one, School)] == [COLLEGE]
    assert reading.fingerprint


@pytest.mark.parametrize("format_", [Format.SIECLE, Format.STS, Format.LCS, Format.SCRIBE, Format.GEPI])
def test_nothing_there_is_told(tmp_path: Path, format_: Format) -> None:
    with pytest.raises(DirectoryError, match="no such file"):
        open_files(Source("one", format_, COLLEGE), tmp_path / "nothing", YEAR)
