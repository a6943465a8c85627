"""`rayloom claims`: the table of claims, as it was recorded or measured anew."""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from rayloom import methods
from rayloom.claims.records import Claim, Result, status
from rayloom.claims.runner import measure_next
from rayloom.claims.store import claims_of, read_results, record, results_path
from rayloom.cli.options import Word, parse
from rayloom.cli.output import note, print_json, print_table, warn
from rayloom.errors import InputError
from rayloom.files import check_writable

HEADER = ("method", "claim", "status", "measured", "threshold", "baseline", "seeds", "seconds", "date")


@dataclass(frozen=True)
class ClaimsOptions:
    """Options of `rayloom claims`."""

    names: Word[tuple[str, ...]] = ()
    """METHOD for all claims of a method, METHOD/CLAIM for one; all claims where none is named."""
    run: bool = False
    """Measure the claims anew."""
    seeds: int | None = None
    """With --run: number of seeds; by default each claim's own."""
    record: bool = False
    """With --run: keep the figures, with date and device, as the recorded ones."""
    resume: bool = False
    """With --record: keep the figure of each seed at once, and do not measure again those that were kept. It
    is yours to know that the code is still what it was."""
    json: bool = False
    """Print JSON on stdout."""

    def __post_init__(self) -> None:
        if not self.run and (self.record or self.seeds is not None):
            raise InputError("--seeds, --record", "were given without --run; expected it beside them")
        if self.resume and not self.record:
            raise InputError("--resume", "was given without --record; expected it beside it")
        if self.seeds is not None and self.seeds < 1:
            raise InputError("--seeds", f"is {self.seeds}; expected a positive number")


class _Entry(NamedTuple):
    """A claim, and the method that makes it."""

    method: str
    claim: Claim


def run(args: list[str]) -> int:
    """Print every claim with its figure; measure first if asked to."""
    options = parse(ClaimsOptions, "claims", "List what the methods are claimed to do, or measure it.", args)
    chosen = _chosen(options.names)
    if options.record and options.seeds is not None:
        _check_seeds(chosen, options.seeds)
    # All files are read first, so that a broken one is refused before anything is measured.
    kept = {method: read_results(results_path(method)) for method, _ in chosen.values()}
    if options.record:
        for method in {entry.method for entry in chosen.values()}:
            check_writable(results_path(method).parent)
    results = {name: kept[method].get(claim.name) for name, (method, claim) in chosen.items()}
    if options.run:
        results = _measure(chosen, results, options)
    for name, result in results.items():
        if result is not None and result.reason:
            warn([f"{name} could not be measured: {result.reason}"])
    rows = [_row(entry, results[name]) for name, entry in chosen.items()]
    if options.json:
        print_json(rows)
    else:
        claims = [claim for _, claim in chosen.values()]
        print_table(HEADER, map(_cells, claims, rows))
    return 0


def _chosen(words: Iterable[str]) -> dict[str, _Entry]:
    """The claims that words stand for, by METHOD/CLAIM; all claims where there are no words."""
    groups: dict[str, dict[str, _Entry]] = {}
    for method in methods.names():
        entries = {f"{method}/{claim.name}": _Entry(method, claim) for claim in claims_of(method)}
        groups |= {method: entries, **{name: {name: entry} for name, entry in entries.items()}}
    chosen: dict[str, _Entry] = {}
    for word in words or methods.names():
        # Methods may be written with underscores; no claim has one.
        name = word.replace("_", "-")
        if name not in groups:
            raise _unknown(word, groups)
        chosen |= groups[name]
    return chosen


def _unknown(word: str, known: Iterable[str]) -> InputError:
    """The refusal of a word, with the nearest name, and the claims of its method or else all methods."""
    if methods.is_file(word):
        return InputError(word, "is a file, which has no claims; expected METHOD or METHOD/CLAIM")
    method, slash, _ = word.replace("_", "-").partition("/")
    claims = [name for name in known if "/" in name]
    close = difflib.get_close_matches(word, claims if slash else known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    expected = [name for name in claims if name.startswith(f"{method}/")] or methods.names()
    return InputError(repr(word), f"no such method or claim; {hint}expected one of {', '.join(expected)}")


def _check_seeds(chosen: dict[str, _Entry], seeds: int) -> None:
    for name, (_, claim) in chosen.items():
        if seeds < claim.seeds:
            raise InputError("--seeds", f"is {seeds}; expected at least {claim.seeds} to record {name}")


def _measure(
    chosen: dict[str, _Entry], kept: dict[str, Result | None], options: ClaimsOptions
) -> dict[str, Result | None]:
    """What is known of each claim after measuring, and what was recorded of it if asked to."""
    seeds = {name: options.seeds or claim.seeds for name, (_, claim) in chosen.items()}
    results = dict(kept) if options.resume else dict[str, Result | None].fromkeys(chosen)
    begun: set[str] = set()
    for name, seed in _turns(chosen, seeds):
        method, claim = chosen[name]
        if not _is_next(seed, results[name], seeds[name]):
            continue
        if name not in begun:
            note(f"{name}: {claim.description}{_last_time(kept[name])}")
            begun.add(name)
        result = results[name] = measure_next(claim, results[name])
        _tell(name, claim, result, seeds[name])
        if options.record and (options.resume or result.reason or result.is_whole(seeds[name])):
            gone = record(results_path(method), claims_of(method), result)
            warn(f"{method}/{old} is no longer claimed; its recorded result was dropped" for old in gone)
    return results


def _turns(chosen: dict[str, _Entry], seeds: dict[str, int]) -> Iterator[tuple[str, int]]:
    """Method by method, seed by seed, its claims, which may share what they train for a seed."""
    for method in dict.fromkeys(entry.method for entry in chosen.values()):
        own = [name for name, entry in chosen.items() if entry.method == method]
        for seed in range(max(seeds[name] for name in own)):
            yield from ((name, seed) for name in own)


def _is_next(seed: int, so_far: Result | None, num_seeds: int) -> bool:
    """Whether a seed is what a result lacks; after one that failed nothing is."""
    if so_far is None:
        return seed == 0
    return not so_far.is_whole(num_seeds) and len(so_far.figures) == seed < num_seeds


def _last_time(kept: Result | None) -> str:
    """How long measuring took, where it is known."""
    return f" Last time: {kept.seconds} s, seeds: {kept.seeds}." if kept and not kept.reason else ""


def _tell(name: str, claim: Claim, result: Result, num_seeds: int) -> None:
    """Say what a seed gave, or, after the last one, what all gave."""
    if result.reason or result.is_whole(num_seeds):
        figure = result.reason or claim.figure(result.measured)
        note(f"{name}: {status(claim, result)}: {figure}; expected {claim.requirement}")
    else:
        note(f"{name}: seed {result.seeds - 1} of {num_seeds}: {claim.figure(result.figures[-1])}")


def _row(entry: _Entry, result: Result | None) -> dict[str, Any]:
    method, claim = entry
    return {
        "method": method,
        "claim": claim.name,
        "measured": result and result.measured,
        "threshold": claim.threshold,
        "better": claim.better,
        "unit": claim.unit,
        "analysis": claim.analysis,
        "baseline": result and result.baseline,
        "seeds": result and result.seeds,
        "status": status(claim, result),
        "seconds": result and result.seconds,
        "device": result and result.device,
        "date": result and result.date,
    }


def _cells(claim: Claim, row: dict[str, Any]) -> list[str]:
    """A line of the table: figures carry their unit, and the threshold its direction."""
    figures = {key: claim.figure(row[key]) for key in ("measured", "baseline")}
    texts = row | figures | {"threshold": claim.requirement}
    return ["-" if texts[key] in (None, "") else str(texts[key]) for key in HEADER]
