"""Bytes as text: fifteen bits in each letter of a UTF-16 page.

Base64 in UTF-8 holds six bits in a byte, and this seven and a half. A byte-order mark says that a page is
UTF-16, and browsers believe it more than what a server says.
"""

import numpy as np

BITS = 15
FIRST = 0x3400
"""The first of 2^15 letters in a row, none of which ends a script, begins a pair or is changed on the way."""


def letters_from_bytes(data: bytes) -> str:
    """The text that says some bytes; how many they are has to be known to read them."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    bits = np.pad(bits, (0, -len(bits) % BITS)).reshape(-1, BITS)
    numbers = np.packbits(np.pad(bits, ((0, 0), (1, 0))), axis=1).view(">u2") + FIRST
    return numbers.astype("<u2").tobytes().decode("utf-16-le")


def bytes_from_letters(text: str, num_bytes: int) -> bytes:
    """The inverse. Raises ValueError for other letters, and for more or fewer than it takes."""
    if len(text) != -(-8 * num_bytes // BITS):
        raise ValueError(f"{len(text)} letters for {num_bytes} bytes")
    numbers = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), "<u2").astype(np.int32) - FIRST
    if ((numbers < 0) | (numbers >= 1 << BITS)).any():
        raise ValueError("letters that say nothing")
    bits = np.unpackbits(numbers.astype(">u2").view(np.uint8).reshape(-1, 2), axis=1)[:, 1:]
    return np.packbits(bits.ravel()[: 8 * num_bytes]).tobytes()
