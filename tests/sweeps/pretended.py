"""Jobs that only pretend to train."""

from pathlib import Path

from rayloom.sweeps.jobs import Job


def pretended(folder: Path, fault: str = "none") -> Job:
    """A job in a folder, with what goes wrong in it."""
    words = (str(folder), fault)
    program = "tests.sweeps.program"
    return Job(folder.name, ("begin", *words), ("resume", *words), folder=str(folder), program=program)


def calls(folder: Path) -> list[str]:
    """How the program of a job was called."""
    return folder.with_name(f"{folder.name}.calls").read_text().split()
