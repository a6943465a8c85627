import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rayloom.errors import InputError
from rayloom.training.runs import CONFIG, WEIGHTS, read_config, write_config
from rayloom.training.weights import load_weights, save_weights
from tests.training.test_runs import CONFIGURED

WORDS = b'{ } [ ] " : , null -1 1e999 NaN \x00 \xed\xa0\x80 99999999999999999999 F64 BOOL'.split()


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Content with some bytes turned, cut out, doubled, or replaced by what means something in JSON."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        place, length = chance.randrange(len(data) + 1), chance.choice([0, 1, 2, 8, 50])
        doubled = 2 * bytes(data[place : place + length])
        new = chance.choice([b"", bytes([chance.randrange(256)]), chance.choice(WORDS), doubled])
        data[place : place + length] = new
    return bytes(data)


def attacked(path: Path, cases: int, read: Callable[[], object], within: int | None = None) -> int:
    """How many of so many mutations of a file, or of its first bytes, are refused; others must be read."""
    content, chance, refused = path.read_bytes(), random.Random(0), 0
    for _ in range(cases):
        path.write_bytes(mutated(content[:within], chance) + (content[within:] if within else b""))
        try:
            read()
        except InputError:
            refused += 1
    path.write_bytes(content)
    return refused


def config_cases(folder: Path, cases: int) -> int:
    write_config(folder, CONFIGURED)
    return attacked(folder / CONFIG, cases, lambda: read_config(folder))


def weights_cases(folder: Path, cases: int) -> int:
    method = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    save_weights(folder, method)
    length = 8 + int.from_bytes((folder / WEIGHTS).read_bytes()[:8], "little")
    assert json.loads((folder / WEIGHTS).read_bytes()[8:length])
    return attacked(folder / WEIGHTS, cases, lambda: load_weights(folder, method), within=length)


def test_a_config_that_was_tampered_with_is_read_or_refused(tmp_path: Path) -> None:
    assert config_cases(tmp_path, 2000) > 1000


def test_weights_that_were_tampered_with_are_read_or_refused(tmp_path: Path) -> None:
    assert weights_cases(tmp_path, 2000) > 1000


@pytest.mark.torture
def test_many_files_that_were_tampered_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = 50_000
    refused = config_cases(tmp_path, cases), weights_cases(tmp_path, cases)
    with capsys.disabled():
        print(
            f"\n{cases} mutations of config.json and as many of weights: {refused} refused, other errors: 0"
        )
