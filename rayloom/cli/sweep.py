"""`rayloom sweep`: methods x captures x seeds, some at a time, and a table of what came of them."""

import json
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rayloom.cli.options import parse_known
from rayloom.cli.output import note, print_json, print_table
from rayloom.cli.train import parsed, split_preset
from rayloom.errors import InputError
from rayloom.files import whole_file
from rayloom.sweeps.jobs import Done, Job
from rayloom.sweeps.pools import check_workers, run_jobs
from rayloom.sweeps.table import HEADER, cells, failures, markdown, means, row_of

ABOUT = (
    "Train methods on captures with several seeds, and compare what came of it. All other options are those "
    "of `rayloom train`, for every job. The same command again goes on with jobs that were cut off, tries "
    "those that failed once more, and leaves alone those that are done."
)
SETTINGS, TABLE = "sweep.json", "sweep.md"
OWN_OPTIONS = {
    "--seed": "--seeds",
    "--data": "--data",
    "--out": "--out",
    "--resume": "the same command again",
}


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """Options of `rayloom sweep`."""

    methods: tuple[str, ...]
    """METHOD, METHOD@PRESET or FILE.py, one or more."""
    data: tuple[Path, ...]
    """Captures, one or more."""
    seeds: tuple[int, ...] = (0,)
    """A run for each of them."""
    out: Path
    """New or empty folder, or that of the same sweep: run folders, sweep.json and sweep.md."""
    workers: int = 1
    """How many jobs at a time; they share the cores."""
    ray: bool = False
    """Work on Ray: on the cluster of RAY_ADDRESS, which must see the same files, or one of this machine."""
    json: bool = False
    """Print JSON on stdout."""
    quiet: bool = False
    """Say nothing about progress."""

    def __post_init__(self) -> None:
        for name in ("methods", "data", "seeds"):
            if not getattr(self, name):
                raise InputError(f"--{name}", "is empty; expected one or more")
        check_workers(self.workers)
        _refuse_twins("--methods", [short_name(word) for word in self.methods])
        _refuse_twins("--data", [capture.resolve().name for capture in self.data])
        _refuse_twins("--seeds", [str(seed) for seed in self.seeds])


def run(args: list[str]) -> int:
    """Do all jobs; the exit code is 1 where any of them failed."""
    options, more = parse_known(SweepOptions, "sweep", ABOUT, args)
    for word in more:
        if (name := word.partition("=")[0]) in OWN_OPTIONS:
            raise InputError(name, f"is no option of a sweep; expected {OWN_OPTIONS[name]}")
    places = [
        (method, data, seed) for method in options.methods for data in options.data for seed in options.seeds
    ]
    jobs = {place: _job(options.out, *place, more) for place in places}
    for method in options.methods:
        # What no job can do is refused before the first begins.
        parsed([*jobs[method, options.data[0], options.seeds[0]].begin[1:]])
    _claim_folder(options.out, more)
    rows = _done(options, jobs)
    with whole_file(options.out / SETTINGS) as part:
        part.write_text(json.dumps(_settings(more) | {"jobs": rows, "means": means(rows)}, indent=2) + "\n")
    with whole_file(options.out / TABLE) as part:
        part.write_text(markdown(rows), encoding="utf-8")
    _report(rows, json=options.json)
    return 1 if failures(rows) else 0


def short_name(word: str) -> str:
    """The word for a method without the folder of its file."""
    name, preset = split_preset(word)
    return Path(name).stem + ("" if preset == "default" else f"@{preset}")


def _job(out: Path, method: str, data: Path, seed: int, more: Sequence[str]) -> Job:
    folder = out.resolve() / data.resolve().name / short_name(method) / f"seed-{seed}"
    name, preset = split_preset(method)
    asked = ("--data", str(data.resolve()), "--out", str(folder), "--seed", str(seed))
    shown = ("--json", "--quiet")
    return Job(
        name=f"{short_name(method)} on {data.resolve().name}, seed {seed}",
        begin=("train", f"{name}@{preset}", *asked, *more, *shown),
        resume=("train", "--resume", str(folder), *(["--no-eval"] if "--no-eval" in more else []), *shown),
        folder=str(folder),
    )


def _done(options: SweepOptions, jobs: dict[tuple[str, Path, int], Job]) -> list[dict[str, Any]]:
    """Do the jobs; their rows."""
    found: dict[Job, Done] = {}

    def on_done(job: Job, done: Done) -> None:
        found[job] = done
        what = "done before" if done.tries == 0 else "done" if done.output is not None else done.message
        note(f"{len(found)} of {len(jobs)}, {job.name}: {what}", quiet=options.quiet)

    run_jobs(list(jobs.values()), options.workers, on_done, on_ray=options.ray)
    return [
        row_of(short_name(method), data.resolve().name, seed, found[job])
        for (method, data, seed), job in jobs.items()
    ]


def _claim_folder(out: Path, more: Sequence[str]) -> None:
    """Write what the sweep is; raises InputError if the folder holds another one, or anything else."""
    path = out / SETTINGS
    if not path.is_file():
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InputError(out, f"exists and has no {SETTINGS}; expected a new or empty folder, or a sweep")
        with whole_file(path) as part:
            part.write_text(json.dumps(_settings(more), indent=2) + "\n")
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))["options"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, "is not what `rayloom sweep` wrote") from error
    if before != list(more):
        words = shlex.join(map(str, before)) or "none"
        raise InputError(path, f"was made with other options of training; expected the same: {words}")


def _settings(more: Sequence[str]) -> dict[str, Any]:
    return {"options": list(more)}


def _report(rows: Sequence[dict[str, Any]], *, json: bool) -> None:
    if json:
        print_json({"jobs": rows, "means": means(rows)})
        return
    print_table(HEADER, (cells(summary) for summary in means(rows)))
    for line in failures(rows):
        note(f"failed: {line}")


def _refuse_twins(option: str, names: Sequence[str]) -> None:
    twins = [name for name, count in Counter(names).items() if count > 1]
    if twins:
        raise InputError(option, f"{', '.join(twins)} is named twice; expected different names")
