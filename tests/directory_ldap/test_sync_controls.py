"""Controls and messages of RFC 4533: octet by octet, and whatever a server sends."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.readers.ldap_sync_controls import ADD, Done, IdSet, State, done_of, id_set_of, state_of, sync_request

ONE, TWO = bytes(range(16)), bytes(range(16, 32))


def test_a_request_is_critical_and_says_refresh_only() -> None:
    assert sync_request(b"") == ("1.3.6.1.4.1.4203.1.9.1.1", True, bytes.fromhex("30030a0101"))
    assert sync_request(b"c")[2] == bytes.fromhex("30060a0101040163")


def test_states_and_ends() -> None:
    assert state_of(b"\x30\x15\x0a\x01\x01\x04\x10" + ONE) == State(ADD, ONE)
    assert done_of(bytes.fromhex("3000")) == Done(b"", refresh_deletes=False)
    assert done_of(bytes.fromhex("30060401630101ff")[:2] + bytes.fromhex("0401630101ff")) == Done(
        b"c", refresh_deletes=True
    )


def test_sets_of_numbers() -> None:
    numbers = b"\x31\x24\x04\x10" + ONE + b"\x04\x10" + TWO
    assert id_set_of(b"\xa3\x26" + numbers) == IdSet((ONE, TWO), gone=False)
    assert id_set_of(b"\xa3\x29\x01\x01\xff" + numbers) == IdSet((ONE, TWO), gone=True)
    assert id_set_of(b"\xa1\x00") == id_set_of(b"\x80\x01c") == IdSet((), gone=False)


@pytest.mark.parametrize("read", [state_of, done_of, id_set_of])
@given(octets=st.binary(max_size=40))
def test_whatever_comes_is_read_or_a_value_error(read: Callable[[bytes], object], octets: bytes) -> None:
    try:
        read(octets)
    except ValueError:
        return


def test_a_number_of_another_size_is_an_error() -> None:
    with pytest.raises(ValueError, match="16 octets"):
        state_of(b"\x30\x08\x0a\x01\x01\x04\x03abc")
