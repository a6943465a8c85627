"""The frames of `rayloom render` by several processes, each with every so many of them."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from rayloom.cli.output import note, warn
from rayloom.errors import InputError
from rayloom.sweeps.jobs import Done, Job
from rayloom.sweeps.pools import run_jobs

OF_THE_WHOLE = {"run", "out", "fps", "workers", "ray", "part", "json", "quiet"}
"""Options that parts have no need of, or get otherwise."""

if TYPE_CHECKING:
    from rayloom.cli.render import RenderOptions


def numbers_of(part: str, num_frames: int) -> range:
    """The frames of part K/N: the K-th, and every N-th after it. Raises InputError for other words."""
    first, _, count = part.partition("/")
    if not (first.isdigit() and count.isdigit() and 1 <= int(first) <= int(count)):
        raise InputError("--part", f"is {part!r}; expected K/N with K from 1 to N, as 1/4")
    return range(int(first) - 1, num_frames, int(count))


def render_parts(options: "RenderOptions", folder: Path) -> None:
    """Render the frames into a folder by as many processes as are wanted; whoever fails leaves some out."""
    words = [str(options.run.resolve()), "--out", str(folder.resolve()), *_settings(options)]
    jobs = list[Job]()
    for number in range(1, options.workers + 1):
        part = f"{number}/{options.workers}"
        command = ("render", *words, "--part", part, "--json", "--quiet")
        jobs.append(Job(f"part {part}", command, command))

    def on_done(job: Job, done: Done) -> None:
        if done.output is None:
            warn([f"{job.name}: {done.message}"])
        else:
            note(f"{job.name}: {done.output['frames']} frames", quiet=options.quiet)

    run_jobs(jobs, options.workers, on_done, on_ray=options.ray)


def _settings(options: "RenderOptions") -> Iterator[str]:
    """Whatever decides how a frame looks, as words."""
    for item in fields(options):
        value = getattr(options, item.name)
        if item.name in OF_THE_WHOLE or value == item.default:
            continue
        yield f"--{item.name.replace('_', '-')}"
        if value is not True:
            # A worker may be in another folder.
            is_file = isinstance(value, Path) or str(value).endswith(".json")
            yield str(Path(value).resolve() if is_file else value)
