"""Guesses at chosen passwords become slow, and nobody is locked out for ever by somebody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.accounts.throttle import ACCOUNT, NETWORK, PAIR, PARDON_SECONDS, TRUST_SECONDS, Throttle, network_of
from tests.accounts.clocks import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def throttle(clock: FakeClock) -> Throttle:
    return Throttle(clock, max_entries=100)


def fail(throttle: Throttle, account: str, network: str, times: int = 1) -> None:
    for _ in range(times):
        throttle.begin(account, network)
        throttle.failed(network)


def test_a_few_failures_cost_nothing(throttle: Throttle) -> None:
    fail(throttle, "#1", "192.0.2.1", PAIR.free - 1)
    assert throttle.wait("#1", "192.0.2.1") == 0


def test_waits_double_up_to_a_cap(throttle: Throttle, clock: FakeClock) -> None:
    fail(throttle, "#1", "192.0.2.1", PAIR.free)
    waits = []
    for _ in range(20):
        waits.append(throttle.wait("#1", "192.0.2.1"))
        fail(throttle, "#1", "192.0.2.1")
    assert waits[:4] == pytest.approx([1, 2, 4, 8])
    assert waits[-1] == PAIR.cap
    clock.now += PAIR.cap
    assert throttle.wait("#1", "192.0.2.1") == 0


def test_failures_are_forgotten(throttle: Throttle, clock: FakeClock) -> None:
    fail(throttle, "#1", "192.0.2.1", PAIR.free)
    clock.now += PAIR.free * PAIR.forget
    fail(throttle, "#1", "192.0.2.1")
    assert throttle.wait("#1", "192.0.2.1") == 0


def test_another_account_behind_the_same_address_is_not_touched(throttle: Throttle) -> None:
    fail(throttle, "#1", "192.0.2.1", PAIR.free + 5)
    assert throttle.wait("#1", "192.0.2.1") > 0
    assert throttle.wait("#2", "192.0.2.1") == 0


def test_guessing_one_account_from_many_networks_is_slowed(throttle: Throttle) -> None:
    for number in range(ACCOUNT.free + 3):
        fail(throttle, "#1", f"198.51.100.{number}")
    assert throttle.wait("#1", "203.0.113.9") > 0


def test_an_attack_from_elsewhere_does_not_lock_out_where_the_person_signs_in(
    throttle: Throttle, clock: FakeClock
) -> None:
    throttle.begin("#1", "192.0.2.1")
    throttle.succeeded("#1", "192.0.2.1")
    for number in range(60):
        fail(throttle, "#1", f"198.51.100.{number}")
    assert throttle.wait("#1", "192.0.2.1") == 0
    assert throttle.wait("#1", "203.0.113.9") > 0
    clock.now += TRUST_SECONDS + 1
    fail(throttle, "#1", "198.51.100.1", ACCOUNT.free + 1)
    assert throttle.wait("#1", "192.0.2.1") > 0


def test_the_wait_of_an_attacked_account_has_a_cap(throttle: Throttle) -> None:
    for number in range(90):
        fail(throttle, "#1", f"198.51.100.{number}")
    assert throttle.wait("#1", "203.0.113.9") <= ACCOUNT.cap


def test_guessing_many_accounts_from_one_network_is_slowed(throttle: Throttle) -> None:
    for number in range(NETWORK.free + 1):
        fail(throttle, f"#{number}", "192.0.2.1")
    assert throttle.wait("#9999", "192.0.2.1") > 0
    assert throttle.wait("#9999", "192.0.2.2") == 0


def test_a_good_sign_in_pardons_the_failures_before_it_but_not_endlessly(throttle: Throttle, clock: FakeClock) -> None:
    fail(throttle, "#1", "192.0.2.1", PAIR.free - 1)
    throttle.begin("#1", "192.0.2.1")
    throttle.succeeded("#1", "192.0.2.1")
    fail(throttle, "#1", "192.0.2.1", PAIR.free - 1)
    assert throttle.wait("#1", "192.0.2.1") == 0
    throttle.begin("#1", "192.0.2.1")
    throttle.succeeded("#1", "192.0.2.1")
    fail(throttle, "#1", "192.0.2.1")
    assert throttle.wait("#1", "192.0.2.1") > 0
    clock.now += PARDON_SECONDS
    throttle.begin("#1", "192.0.2.1")
    throttle.succeeded("#1", "192.0.2.1")
    fail(throttle, "#1", "192.0.2.1", PAIR.free - 1)
    assert throttle.wait("#1", "192.0.2.1") == 0


def test_tries_that_run_side_by_side_are_counted_when_they_begin(throttle: Throttle) -> None:
    for _ in range(PAIR.free):
        throttle.begin("#1", "192.0.2.1")
    assert throttle.wait("#1", "192.0.2.1") > 0
    throttle.undecided("#1", "192.0.2.1")
    assert throttle.wait("#1", "192.0.2.1") == 0


def test_the_memory_is_bounded(throttle: Throttle) -> None:
    for number in range(1000):
        fail(throttle, f"#{number}", f"192.0.2.{number}")
        throttle.trust(f"#{number}", f"192.0.2.{number}")
    assert len(throttle) == 400


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("x" * 500, "x" * 64),
    ],
)
def test_ipv6_peers_count_by_their_network(host: str, network: str) -> None:
    assert network_of(host) == network


@given(st.text(max_size=100))
def test_any_peer_name_is_a_network(host: str) -> None:
    assert len(network_of(host)) <= 64
