"""The academy and the real servers that tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.policy.conftest import academy_url
from tests.support.clamd import Clamd
from tests.support.rspamd import RspamdServer

__all__ = ["academy_url"]


@pytest.fixture(scope="package")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    """ClamAV, which starts in a tenth of a second with one signature."""
    with Clamd(tmp_path_factory.mktemp("clamd")) as running:
        yield running


@pytest.fixture(scope="package")
def rspamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RspamdServer]:
    """rspamd, which starts in a second with the rules of the tests."""
    with RspamdServer(tmp_path_factory.mktemp("rspamd")) as running:
        yield running
