"""What a reader says of files that it refuses."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from directory.model import DirectoryError, Record


def mistakes(records: Iterable[Record]) -> list[str]:
    """The mistakes for which a set of tables is refused, in their order."""
    with pytest.raises(DirectoryError) as refused:
        list(records)
    return [line.strip() for line in refused.value.text.splitlines()[1:]]
