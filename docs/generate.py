"""Write the pages that are made from the code: one for each method, their gallery, and the reference.

Everything on them is read from the methods' files, the recorded claims and the figures of `rayloom bench`,
so that no number is typed twice. Torch is not imported.

Usage:

    python docs/generate.py
"""

import ast
import dataclasses
import inspect
import json
import textwrap
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import rayloom
from rayloom import methods
from rayloom.bench.rows import COLUMNS, Row
from rayloom.claims.records import Claim, Result, status
from rayloom.claims.store import claims_of, read_results, results_path
from rayloom.methods import MethodSummary
from rayloom.paper import Paper

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "results"
BENCHES = ("kernels", "train", "render")
DEVICES = {"cpu": "CPU", "cuda": "GPU"}


def main() -> None:
    """Write all pages into the folder of this file."""
    write_methods(DOCS / "methods")
    write_reference(DOCS / "reference")
    write_pages(DOCS / "generated", {"engine.md": engine_table(RESULTS), "share.md": share_table(RESULTS)})


def write_methods(folder: Path) -> None:
    """A page for each method, and `index.md`, which lists them by tag."""
    summaries = [methods.describe(name) for name in methods.names()]
    pages = {f"{summary.name}.md": method_page(summary) for summary in summaries}
    write_pages(folder, {"index.md": gallery(summaries), **pages})


def write_reference(folder: Path) -> None:
    """A page for each room of the package, for mkdocstrings to fill, and `index.md`."""
    rooms: dict[str, list[str]] = {}
    for name in public_modules():
        rooms.setdefault(name.split(".")[1], []).append(name)
    pages = {
        f"{room}.md": f"# {room}\n\n" + "\n\n".join(f"::: {name}" for name in names) + "\n"
        for room, names in rooms.items()
    }
    links = "\n".join(f"* [`rayloom.{room}`]({room}.md)" for room in rooms)
    write_pages(folder, {"index.md": f"# Reference\n\n{links}\n", **pages})


def public_modules() -> list[str]:
    """Modules that other programs may import, found by their files, a package before what is in it."""
    package = Path(rayloom.__file__).parent
    paths = [path.relative_to(package.parent).with_suffix("") for path in package.rglob("*.py")]
    names = sorted(".".join(path.parts).removesuffix(".__init__") for path in paths)
    # Commands and methods have pages of their own; claims modules only measure.
    own_page = [f"rayloom.claims.{name.replace('-', '_')}" for name in methods.names()]
    inside = ("rayloom.cli", "rayloom.methods.", "rayloom.kernels.numba", "rayloom.kernels.triton")
    return [
        name
        for name in names
        if "._" not in name and name != "rayloom" and name not in own_page and not name.startswith(inside)
    ]


def write_pages(folder: Path, pages: dict[str, str]) -> None:
    """Write pages, and remove those of methods and modules that are gone."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.md"):
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")


def method_page(summary: MethodSummary) -> str:
    """Citation, idea, options, presets, claims and the source of a method."""
    source = methods.source(summary.name).read_text(encoding="utf-8")
    title, _, body = docstring(source).partition("\n")
    return f"""# {title.rstrip(".")}

{citation(summary.paper)}

```sh
rayloom train {summary.name} --data DIR
```

{body.strip()}

## Options

{table(("option", "default", "meaning"), option_rows(summary))}

## Presets

{table(("preset", "what it changes"), preset_rows(summary))}

## Claims

{claims_section(summary.name)}

## Source

````python
{source.rstrip()}
````
"""


def engine_table(results: Path) -> str:
    """What `rayloom bench` measured on each device; what was not measured yet stands as open."""
    rows: list[tuple[str, ...]] = []
    machines: list[str] = []
    for device, name in DEVICES.items():
        for word in BENCHES:
            path = results / f"bench-{word}-{device}.json"
            if not path.exists():
                rows.append((name, word, f"open: `rayloom bench {word} --device {device}`", *[""] * 5))
                continue
            found = json.loads(path.read_text(encoding="utf-8"))
            machine = found["machine"]
            machines.append(f"{word}: {machine['gpu'] or machine['cpu']}, {machine['date']}")
            rows += [(name, word, *Row.from_json(row).cells()) for row in found["rows"]]
    measured_on = f"\n\nMeasured on {'; '.join(machines)}." if machines else ""
    parts = [table(("device", "bench", *COLUMNS), rows) + measured_on, *_of_captures(results, "patience")]
    return "\n\n".join(parts) + "\n"


def share_table(results: Path) -> str:
    """What `rayloom bench share` measured of each capture, on each device."""
    parts = [f"{part}\n" for part in _of_captures(results, "share")]
    return "\n".join(parts) or "Open: `rayloom bench share --data CAPTURE`.\n"


def _of_captures(results: Path, word: str) -> list[str]:
    """A table for each capture and device on which a bench was measured."""
    parts: list[str] = []
    for path in sorted(results.glob(f"bench-{word}-*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        machine, capture = found["machine"], found["word"].partition("-")[2]
        measured_on = f"`{capture}`, measured on {machine['gpu'] or machine['cpu']}, {machine['date']}:"
        rows = [Row.from_json(row).cells() for row in found["rows"]]
        parts.append(f"{measured_on}\n\n{table(COLUMNS, rows)}")
    return parts


def gallery(summaries: list[MethodSummary]) -> str:
    """Every method, by tag; a method with several tags is listed under each."""
    parts = ["# Methods", "One file each, and one page each, with its options, claims and source."]
    for tag in sorted({tag for summary in summaries for tag in summary.paper.tags or ("other",)}):
        tagged = [summary for summary in summaries if tag in (summary.paper.tags or ("other",))]
        rows = [gallery_row(summary) for summary in sorted(tagged, key=lambda s: (s.paper.year, s.name))]
        parts += [f"## {tag.capitalize()}", table(("method", "year", "idea", "claims"), rows)]
    return "\n\n".join(parts) + "\n"


def gallery_row(summary: MethodSummary) -> tuple[str, ...]:
    """Link, year, one-line idea, and how many claims are in which state."""
    idea = docstring(methods.source(summary.name).read_text(encoding="utf-8")).partition("\n")[0]
    states = [status(claim, result) for claim, result in claims_with_results(summary.name)]
    counts = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states))) or "none yet"
    link = f"[{summary.name}]({summary.name}.md)"
    return link, str(summary.paper.year), idea.partition(": ")[2] or idea, counts


def citation(paper: Paper) -> str:
    """Title and year, with a link to arXiv where there is one."""
    link = f", [arXiv:{paper.arxiv}](https://arxiv.org/abs/{paper.arxiv})" if paper.arxiv else ""
    return f"*{paper.title}*, {paper.year}{link}. Tags: {', '.join(paper.tags) or 'none'}."


def option_rows(summary: MethodSummary) -> list[tuple[str, ...]]:
    """Option, default and help text of every setting, those of the method itself first."""
    texts = help_texts(summary.config_class)
    own = list(inspect.get_annotations(summary.config_class))
    settings = sorted(dataclasses.fields(summary.config_class), key=lambda item: item.name not in own)
    return [
        (f"`{option(item)}`", f"`{shown(item.default)}`", " ".join(texts.get(item.name, "").split()))
        for item in settings
    ]


def preset_rows(summary: MethodSummary) -> list[tuple[str, ...]]:
    """Each preset, as the options that would give it."""
    rows: list[tuple[str, ...]] = []
    for name, preset in summary.presets.items():
        changed = [
            f"`--{item.name.replace('_', '-')} {shown(getattr(preset, item.name))}`"
            for item in dataclasses.fields(preset)
            if getattr(preset, item.name) != item.default
        ]
        rows.append((f"`{summary.name}@{name}`", " ".join(changed) or "nothing"))
    return rows


def claims_section(method: str) -> str:
    """The recorded table of claims, and how to measure them anew."""
    rows = [claim_row(claim, result) for claim, result in claims_with_results(method)]
    if not rows:
        return "This method makes no claims yet."
    header = ("claim", "status", "measured", "threshold", "baseline", "seeds", "seconds", "device and date")
    command = f"```sh\nrayloom claims {method} --run\n```"
    return f"{table(header, rows)}\n\nMeasure them anew:\n\n{command}"


def claims_with_results(method: str) -> list[tuple[Claim, Result | None]]:
    """Each claim of a method and what was recorded for it."""
    results = read_results(results_path(method))
    return [(claim, results.get(claim.name)) for claim in claims_of(method)]


def claim_row(claim: Claim, result: Result | None) -> tuple[str, ...]:
    """What is claimed, and the figures that show it or not."""
    what = " ".join(f"**{claim.name}**: {claim.description} {claim.analysis}".split())
    if result is None:
        return what, status(claim, result), "", claim.requirement, "", "", "", ""
    return (
        what,
        status(claim, result),
        result.reason or claim.figure(result.measured),
        claim.requirement,
        claim.figure(result.baseline),
        str(result.seeds),
        str(result.seconds),
        f"{result.device}, {result.date}",
    )


def option(item: dataclasses.Field[Any]) -> str:
    """How a setting is spelt on the command line, with its choices where they are few."""
    name = f"--{item.name.replace('_', '-')}"
    if get_origin(item.type) is Literal:
        return f"{name} {{{','.join(map(str, get_args(item.type)))}}}"
    return name


def shown(value: object) -> str:
    """A setting's value as it is typed."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def help_texts(config_class: type) -> dict[str, str]:
    """The docstring under each field of a dataclass, also of inherited fields."""
    texts: dict[str, str] = {}
    for kind in reversed(config_class.__mro__):
        if dataclasses.is_dataclass(kind):
            (node,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
            assert isinstance(node, ast.ClassDef)
            texts |= field_docstrings(node)
    return texts


def field_docstrings(node: ast.ClassDef) -> dict[str, str]:
    """Strings that stand directly under an annotated name in the body of a class."""
    texts: dict[str, str] = {}
    for field, text in zip(node.body, node.body[1:], strict=False):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                texts[name] = words
            case _:
                pass
    return texts


def docstring(source: str) -> str:
    """The docstring of a module, given as text."""
    return ast.get_docstring(ast.parse(source)) or ""


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    main()
