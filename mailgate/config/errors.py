"""What is wrong with a setting."""

from __future__ import annotations


class ConfigError(Exception):
    """A setting that cannot be used: where it stands, and what would mend it."""

    def __init__(self, source: str, key: str, problem: str) -> None:
        super().__init__(f"{source}: {key}: {problem}" if key else f"{source}: {problem}")
        self.source = source
        self.key = key
