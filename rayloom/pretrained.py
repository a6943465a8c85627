"""Where the weights of pretrained networks lie on this machine, and whether they are the right ones.

Nothing is downloaded: metrics and methods that lean on such a network say what is missing and go on
without it, or stop.
"""

import hashlib
import os
from functools import cache
from pathlib import Path

from rayloom.errors import InputError

SHA256 = {
    "vgg16_block1": "b2d07d973a2daf14beefb5632ce0e9ef3bd46c21510ab916fe7c82b706677197",
    "lpips_alex": "615fd3ee316853b40ab55d77c26b9101d2404a6fd6fdb4558cd765da56d8e05b",
    "lpips_vgg16_fp16-1-of-2": "7f0853f650c5d461a95863e0bbfd5fef74475b081c89553357472d17de3f14f7",
    "lpips_vgg16_fp16-2-of-2": "830e465ce318e28caced54e89d4652bbc4c0aa786c0598fdcb7c2944d383c6bf",
    "taef2_encoder": "744d613188bf82ff32f9f6ce8208414e0fdb727eeb3d47989272e165b59e3489",
    "taef2_decoder": "3589658a5a80d5307960197dbee5df26b92e4c8ede5f954a97586b393671457c",
}
"""Checksum of each known file `<name>.safetensors`."""


def find_weights(name: str) -> Path | None:
    """The file of a known network, or None where no folder has it.

    Raises InputError if the first file found is not the one whose checksum is known.
    """
    assert name in SHA256, f"{name!r} is not one of {', '.join(SHA256)}"
    for folder in _folders():
        path = folder / f"{name}.safetensors"
        if path.is_file():
            _check(path, SHA256[name])
            return path
    return None


def missing_weights_note(name: str) -> str:
    """One sentence that says which file is missing and where it was looked for."""
    places = ", ".join(str(folder) for folder in _folders())
    return f"The weights {name}.safetensors are in none of {places}; RAYLOOM_WEIGHTS may name another folder."


def _folders() -> tuple[Path, ...]:
    """The folders that are searched, first match wins."""
    chosen = os.environ.get("RAYLOOM_WEIGHTS")
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    beside_checkout = Path(__file__).resolve().parents[2] / "shared" / "weights"
    return (*([Path(chosen)] if chosen else []), cache_home / "rayloom" / "weights", beside_checkout)


def _check(path: Path, expected: str) -> None:
    found = _sha256(path, path.stat().st_mtime_ns)
    if found != expected:
        raise InputError(path, f"the file has SHA-256 {found}; expected {expected}")


@cache
def _sha256(path: Path, _modified_ns: int) -> str:
    """Hash of a file's content, kept for as long as the file is not modified."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
