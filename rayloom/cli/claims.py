"""`rayloom claims`: the table of claims, as it was recorded or measured anew."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rayloom import methods
from rayloom.claims.records import Claim, Result, status
from rayloom.claims.runner import measure
from rayloom.claims.store import claims_of, read_results, results_path, write_results
from rayloom.cli.options import Word, parse
from rayloom.cli.output import note, print_json, print_table, warn
from rayloom.errors import InputError


@dataclass(frozen=True)
class ClaimsOptions:
    """Options of `rayloom claims`."""

    methods: Word[tuple[str, ...]] = ()
    """Methods to list; all where none is named."""
    run: bool = False
    """Measure the quick claims anew."""
    long: bool = False
    """With --run: measure the long claims as well."""
    seeds: int | None = None
    """With --run: number of seeds; by default each claim's own."""
    record: bool = False
    """With --run: keep the figures, with date and device, as the recorded ones."""
    json: bool = False
    """Print JSON on stdout."""

    def __post_init__(self) -> None:
        if not self.run and (self.long or self.record or self.seeds is not None):
            raise InputError("--long, --seeds, --record", "were given without --run; expected it beside them")
        if self.seeds is not None and self.seeds < 1:
            raise InputError("--seeds", f"is {self.seeds}; expected a positive number")


def run(args: list[str]) -> int:
    """Print every claim with its figure; measure first if asked to."""
    options = parse(ClaimsOptions, "claims", "List what the methods are claimed to do, or measure it.", args)
    for name in options.methods:
        methods.source(name)
    rows = [row for name in options.methods or methods.names() for row in _rows(name, options)]
    if options.json:
        print_json(rows)
    else:
        header = ("method", "claim", "status", "measured", "threshold", "baseline", "seeds", "date")
        print_table(header, [[_cell(row[key]) for key in header] for row in rows])
    return 0


def _rows(method: str, options: ClaimsOptions) -> Iterator[dict[str, Any]]:
    claims, path = claims_of(method), results_path(method)
    results = read_results(path)
    for claim in claims:
        if options.run and (options.long or not claim.long):
            note(f"{method}: {claim.description}")
            results[claim.name] = measure(claim, options.seeds)
            note(f"{method}: {claim.name} {_figure(claim, results[claim.name])}")
            if options.record:
                write_results(path, [results[c.name] for c in claims if c.name in results])
    for claim in claims:
        result = results.get(claim.name)
        if result is not None and result.reason:
            warn([f"{method}: {claim.name} could not be measured: {result.reason}"])
        yield _row(method, claim, result)


def _row(method: str, claim: Claim, result: Result | None) -> dict[str, Any]:
    return {
        "method": method,
        "claim": claim.name,
        "measured": result and result.measured,
        "threshold": claim.threshold,
        "baseline": result and result.baseline,
        "seeds": result and result.seeds,
        "status": status(claim, result),
        "seconds": result and result.seconds,
        "device": result and result.device,
        "date": result and result.date,
    }


def _figure(claim: Claim, result: Result) -> str:
    sign = "at least" if claim.better == "higher" else "at most"
    figure = result.reason if result.measured is None else f"{result.measured:.4g} {claim.unit}".strip()
    return f"{status(claim, result)}: {figure}; expected {sign} {claim.threshold:.4g} {claim.unit}".strip()


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
