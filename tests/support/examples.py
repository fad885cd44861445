"""How long the tests look for trouble with random data."""

from __future__ import annotations

import os
from typing import Final

MODEL_EXAMPLES: Final = int(os.environ.get("MODEL_EXAMPLES", "0"))
"""How many runs each comparison with a model makes; few of them where it is not set (0)."""
