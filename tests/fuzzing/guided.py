"""Spoilt files of one kind that atheris looks for: it keeps those that lead to lines no other led to.

    python -m tests.fuzzing.guided TARGET FOLDER RUNS

Ends with an exit code that is not 0 at a case that breaks the law; the same version finds the same cases.
"""

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

atheris: Any = importlib.import_module("atheris")

with atheris.instrument_imports(include=["rayloom"]):
    from tests.fuzzing.capture_targets import capture_targets
    from tests.fuzzing.law import attack
    from tests.fuzzing.run_targets import run_targets

LONGEST_FILE = 1 << 14


def main() -> None:
    """Let atheris spoil the file of a target, beginning with the file itself."""
    name, folder, runs = sys.argv[1:]
    targets = (
        target for group in (capture_targets, run_targets) for target in group(Path(folder) / group.__name__)
    )
    found = next(target for target in targets if target.name == name)
    file = found.file
    assert file is not None, f"no file is a case of {name}"
    seeds = Path(folder) / "seeds"
    seeds.mkdir()
    (seeds / "whole").write_bytes(file.read_bytes())

    def one(data: bytes) -> None:
        attack(replace(found, spoil=lambda _: file.write_bytes(data)), 1)

    options = [
        f"-runs={runs}",
        "-seed=1",
        f"-max_len={LONGEST_FILE}",
        "-verbosity=0",
        f"-artifact_prefix={folder}/",
    ]
    atheris.Setup([sys.argv[0], *options, str(seeds)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
