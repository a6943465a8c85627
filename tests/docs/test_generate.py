"""The pages that docs/generate.py makes say what the code says."""

import dataclasses
import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from rayloom import methods
from rayloom.bench.rows import Bar, Report, Row
from rayloom.claims.records import Claim, Measurement, Result
from rayloom.claims.store import claims_of

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", PROJECT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(generate: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    generate.write_methods(folder / "methods")
    generate.write_reference(folder / "reference")
    return folder


@pytest.mark.parametrize("name", methods.names())
def test_a_method_page_shows_citation_every_option_every_preset_and_the_source(pages: Path, name: str):
    page = (pages / "methods" / f"{name}.md").read_text(encoding="utf-8")
    summary = methods.describe(name)
    assert summary.paper.title in page
    assert f"https://arxiv.org/abs/{summary.paper.arxiv}" in page
    for item in dataclasses.fields(summary.config_class):
        row = re.search(
            rf"^\| `--{item.name.replace('_', '-')}( .*)?` \| `(.*)` \| (.+) \|$", page, re.MULTILINE
        )
        assert row, f"{item.name} has no row with a help text"
        assert row[2] == str(item.default) or float(row[2]) == item.default
    for preset in summary.presets:
        assert f"`{name}@{preset}`" in page
    assert methods.source(name).read_text(encoding="utf-8").rstrip() in page


def test_the_gallery_links_every_method_under_each_of_its_tags(pages: Path):
    gallery = (pages / "methods/index.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", gallery, re.DOTALL | re.MULTILINE))
    for name in methods.names():
        for tag in methods.describe(name).paper.tags:
            assert f"[{name}]({name}.md)" in sections[tag.capitalize()]


def test_the_reference_has_the_modules_that_others_may_import(pages: Path):
    listed = {name for page in (pages / "reference").glob("*.md") for name in modules_on(page)}
    assert {
        "rayloom.types",
        "rayloom.method",
        "rayloom.cameras.camera",
        "rayloom.kernels.hash_grid",
    } <= listed
    assert not {name for name in listed if name.startswith(("rayloom.cli", "rayloom.kernels.numba"))}
    assert "rayloom.methods.nerf" not in listed


def modules_on(page: Path) -> list[str]:
    return re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)


def test_a_page_of_a_method_that_is_gone_is_removed(generate: ModuleType, tmp_path: Path):
    (tmp_path / "gone.md").write_text("# Gone\n")
    generate.write_pages(tmp_path, {"index.md": "# Here\n"})
    assert [path.name for path in tmp_path.iterdir()] == ["index.md"]


CLAIM = Claim("sharp", "Sharper | than blunt.", 2.0, "higher", lambda seed: Measurement(0.0), unit="dB")


@pytest.mark.parametrize(
    ("result", "cells"),
    [
        (None, ["unverified", "", ">= 2 dB", "", "", "", ""]),
        (
            Result("sharp", 3, 9.0, "a CPU, 2 cores", "2030-01-02", measured=2.51234, baseline=0.5),
            ["shown", "2.512 dB", ">= 2 dB", "0.5 dB", "3", "9.0", "a CPU, 2 cores, 2030-01-02"],
        ),
        (
            Result("sharp", 1, 9.0, "a CPU", "2030-01-02", measured=1.0),
            ["failed", "1 dB", ">= 2 dB", "", "1", "9.0", "a CPU, 2030-01-02"],
        ),
        (
            Result("sharp", 1, 9.0, "a CPU", "2030-01-02", reason="ValueError: no"),
            ["failed", "ValueError: no", ">= 2 dB", "", "1", "9.0", "a CPU, 2030-01-02"],
        ),
    ],
)
def test_a_claim_is_shown_failed_or_unverified_with_its_figures(
    generate: ModuleType, result: Result | None, cells: list[str]
):
    assert list(generate.claim_row(CLAIM, result)) == ["**sharp**: Sharper | than blunt.", *cells]


@pytest.mark.parametrize("name", [name for name in methods.names() if claims_of(name)])
def test_every_line_of_a_table_of_claims_has_a_cell_for_each_column(generate: ModuleType, name: str):
    lines = [line for line in generate.claims_section(name).splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(claims_of(name))
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {9}


def test_a_bar_in_a_cell_does_not_split_it(generate: ModuleType):
    assert generate.table(("a",), [("x | y",)]).splitlines()[-1] == r"| x \| y |"


MACHINE = {"cpu": "a CPU, 2 cores", "gpu": None, "date": "2030-01-02"}


def test_the_table_of_the_engine_shows_what_was_measured_and_leaves_the_rest_open(
    generate: ModuleType, tmp_path: Path
):
    rows = (
        Row("slow", 1.0, "M/s", limit=4.0, limited_by="loads", bar=Bar("share", 0.5)),
        Row("quick", 8.0, "M/s", reference=2.0, bar=Bar("ratio", 3.0)),
        Row("absent", None, "M/s", note="needs a CPU"),
    )
    (tmp_path / "bench-kernels-cpu.json").write_text(json.dumps(Report("kernels", rows).as_json(MACHINE)))
    lines = generate.engine_table(tmp_path).splitlines()
    assert "| CPU | kernels | slow | 1 M/s | 25 % of loads |  | at least 50 %: missed |  |" in lines
    assert "| CPU | kernels | quick | 8 M/s |  | 4 | at least 3: met |  |" in lines
    assert "| CPU | kernels | absent | - |  |  |  | needs a CPU |" in lines
    assert lines[-1] == "Measured on kernels: a CPU, 2 cores, 2030-01-02."
    open_rows = [line for line in lines if "| open: `rayloom bench" in line]
    assert len(open_rows) == 5
    assert sum(line.startswith("| GPU |") for line in open_rows) == 3
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1


def test_the_table_of_web_pages_has_a_part_for_each_capture(generate: ModuleType, tmp_path: Path):
    assert "Open: `rayloom bench share" in generate.share_table(tmp_path)
    for name, value in (("fox", 1.0), ("chair", None)):
        report = Report(f"share-{name}", (Row("page below field", value, "dB", better="lower"),))
        (tmp_path / f"bench-share-{name}-cpu.json").write_text(json.dumps(report.as_json(MACHINE)))
    lines = generate.share_table(tmp_path).splitlines()
    assert lines[0] == "`chair`, measured on a CPU, 2 cores, 2030-01-02:"
    assert "| page below field | - |  |  |  |  |" in lines
    assert "| page below field | 1 dB |  |  |  |  |" in lines


def test_the_page_of_the_engine_includes_the_table_that_is_made(generate: ModuleType):
    page = (PROJECT / "docs/engine.md").read_text(encoding="utf-8")
    assert '--8<-- "docs/generated/engine.md"' in page
    assert generate.engine_table(PROJECT / "nowhere").count("open:") == 6
    page = (PROJECT / "docs/share.md").read_text(encoding="utf-8")
    assert '--8<-- "docs/generated/share.md"' in page
