"""Bytes as letters come back, and no letter harms a page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayloom.baking.letters import bytes_from_letters, letters_from_bytes


@given(data=st.binary(max_size=100))
def test_bytes_come_back(data: bytes) -> None:
    text = letters_from_bytes(data)
    assert all(0x3400 <= ord(letter) < 0xB400 for letter in text)
    assert bytes_from_letters(text, len(data)) == data


def test_fifteen_bytes_are_eight_letters() -> None:
    assert letters_from_bytes(bytes(15)) == "\u3400" * 8
    assert letters_from_bytes(b"\xff" * 15) == "\ub3ff" * 8
    # The first letter holds the first fifteen bits, the highest first.
    assert letters_from_bytes(b"\x00\x02\x00\x00")[:2] == "\u3401\u3400"


@pytest.mark.parametrize("text", ["\u3400" * 7, "\u3400" * 9, "\u3400" * 7 + "!", "\u3400" * 7 + "\ud800"])
def test_other_letters_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="letters"):
        bytes_from_letters(text, 15)
