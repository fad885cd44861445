"""Proxies that say for whom they connect, on both event loops."""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Callable

import uvloop

from tests.smtp.conftest import certificate, client_tls, server_tls

__all__ = ["certificate", "client_tls", "server_tls"]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], AbstractEventLoop]]:
    """Every test here runs on both event loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
