"""Content as a stranger might send it: real files with bytes, numbers, words or values changed."""

import json
import random
import re
import struct
from collections.abc import Callable, Sequence
from typing import Any

WORDS = (
    b'{ } [ ] " : , null -1 1e999 NaN \x00 \xed\xa0\x80 99999999999999999999 F64 BOOL ../ \n \x1b[2J'.split(
        b" "
    )
)
"""Bytes that mean something in files of text."""
NUMBERS = tuple(
    struct.pack(layout, value)
    for layout, values in (
        ("<B", (0, 1, 127, 255)),
        ("<I", (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)),
        (">I", (1, 0x7FFFFFFF, 0x80000000, 0x00FFFFFF)),
        ("<Q", (0, 1 << 31, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)),
        ("<d", (0.0, -1.0, 1e300, 5e-324, float("inf"), float("nan"))),
    )
    for value in values
)
"""Bytes that mean something in files of numbers."""
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, -(2**63), 10**30, 0.5, -0.0, 1e-320, 1e308),
    *(
        float("inf"),
        float("nan"),
        "",
        "a",
        "0",
        "..",
        "../x",
        "/",
        "\0",
        "\n",
        "\ud800",
        "\x1b[2J",
        "é" * 300,
    ),
    *([], [[]], [None], [0] * 1000, {}, {"": None}, {"a": {"b": []}}),
)
"""What may stand in JSON where something else belongs."""
TOKENS = (
    *(
        "",
        "0",
        "1",
        "-1",
        "nan",
        "inf",
        "-inf",
        "1e999",
        "1e308",
        "99999999999999999999",
        "0x10",
        "1_0",
        "\u0663",
    ),
    *("#", "..", "../x", "/etc/hostname", "a b", "\x1b[2J", "PINHOLE", "FOV", "x" * 500),
)
"""What may stand in a line of text where something else belongs."""

Mutation = Callable[[bytes, random.Random], bytes]


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Content with some bytes turned, cut out, doubled, or replaced by what means something."""
    data = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        place, length = chance.randrange(len(data) + 1), chance.choice([0, 1, 2, 8, 50])
        doubled = 2 * bytes(data[place : place + length])
        new = chance.choice([b"", bytes([chance.randrange(256)]), chance.choice(WORDS), doubled])
        data[place : place + length] = new
    return bytes(data)


def cut(content: bytes, chance: random.Random) -> bytes:
    """The first so many bytes."""
    return content[: chance.randrange(len(content) + 1)]


def with_numbers(content: bytes, chance: random.Random) -> bytes:
    """Content in which some numbers became extreme, at places where numbers may stand."""
    data = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        number = chance.choice(NUMBERS)
        place = chance.randrange(max(1, len(data) - len(number) + 1))
        place -= place % chance.choice([1, 4, 8])
        data[place : place + len(number)] = number
    return bytes(data)


def with_tokens(content: bytes, chance: random.Random) -> bytes:
    """A text in which some words became others, or vanished with their line."""
    pieces = re.split(r"(\s+)", content.decode("utf-8", "surrogateescape"))
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        pieces[chance.randrange(len(pieces))] = chance.choice(TOKENS)
    return "".join(pieces).encode("utf-8", "surrogateescape")


def with_values(content: bytes, chance: random.Random) -> bytes:
    """A JSON document in which some values became others, vanished, or stand twice."""
    document = json.loads(content)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        holders = list(_holders(document))
        if not holders:
            break
        holder, key = chance.choice(holders)
        _replace(holder, key, chance)
    return json.dumps(document).encode()


def _holders(document: Any) -> list[tuple[Any, Any]]:
    """Every value in a document, as what holds it and the key or index there."""
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        holder = waiting.pop()
        keys = holder if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        for key in keys:
            found.append((holder, key))
            waiting.append(holder[key])
    return found


def _replace(holder: Any, key: Any, chance: random.Random) -> None:
    match chance.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder.insert(key, holder[key])
        case 2 if isinstance(holder, dict):
            holder[chance.choice(["", "a", "b\0", "frames", "__class__"])] = holder[key]
        case _:
            # Not the values of the table themselves, which a later change would alter.
            holder[key] = json.loads(json.dumps(chance.choice(VALUES)))


BYTES: Sequence[Mutation] = (mutated, mutated, cut)
BINARY: Sequence[Mutation] = (*BYTES, with_numbers, with_numbers, with_numbers)
TEXT: Sequence[Mutation] = (*BYTES, with_tokens, with_tokens, with_tokens)
JSON: Sequence[Mutation] = (*BYTES, with_values, with_values, with_values)
