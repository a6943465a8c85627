"""`rayloom methods`: which methods there are."""

from dataclasses import dataclass

from rayloom import methods
from rayloom.cli.options import parse
from rayloom.cli.output import print_json, print_table


@dataclass(frozen=True)
class MethodsOptions:
    """Options of `rayloom methods`."""

    json: bool = False
    """Print JSON on stdout."""


def run(args: list[str]) -> int:
    """List every method with its paper and presets."""
    options = parse(MethodsOptions, "methods", "List the methods.", args)
    summaries = [methods.describe(name) for name in methods.names()]
    if options.json:
        print_json(
            [
                {
                    "name": summary.name,
                    "title": summary.paper.title,
                    "year": summary.paper.year,
                    "arxiv": summary.paper.arxiv,
                    "tags": summary.paper.tags,
                    "presets": list(summary.presets),
                }
                for summary in summaries
            ]
        )
        return 0
    rows = [(s.name, s.paper.year, s.paper.title, " ".join(s.presets)) for s in summaries]
    print_table(("method", "year", "paper", "presets"), rows)
    return 0
