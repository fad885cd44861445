"""The cases of the RFC 7208 test suite, all 203, against a name server on loopback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smtp.authentication.spf import Client, check
from smtp.resolver import Resolver
from tests.support.nameserver import NameServer

SUITE = json.loads(Path(__file__).with_name("data").joinpath("rfc7208_suite.json").read_text("utf-8"))["scenarios"]


def test_the_suite_is_whole() -> None:
    assert sum(len(one["cases"]) for one in SUITE) == 203


@pytest.mark.parametrize("scenario", SUITE, ids=lambda one: one["section"])
async def test_every_case_of_a_section(scenario: dict[str, Any]) -> None:
    wrong = {}
    async with NameServer(scenario["records"]) as names:
        resolver = Resolver([("127.0.0.1", names.port)])
        for name, case in scenario["cases"].items():
            client = Client(case["host"], case["helo"], case["mailfrom"])
            found = await check(resolver, client, receiver="receiver.example")
            # Of one address the suite has the digits in capitals: by RFC 7208 section 7.3 both are right.
            explained = case.get("explanation", found.explanation)
            if found.result not in case["result"] or found.explanation.lower() != explained.lower():
                wrong[name] = (case["spec"], found.result, found.reason, found.explanation, case)
    assert not wrong
