"""The pages written by hand say what the code does."""

import dataclasses
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from rayloom import types
from rayloom.cli.export import FORMS
from rayloom.cli.main import COMMANDS, run
from rayloom.data.scene import DataConfig
from rayloom.method import Method
from rayloom.metrics.protocol import Protocol
from rayloom.training.evaluate import EvalResult, Scores
from rayloom.training.records import Outcome

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(command: str, name: str = "cli.md") -> str:
    return page(name).split(f"\n## rayloom {command}\n")[1].split("\n## ")[0]


def test_every_command_has_a_section():
    sections = re.findall(r"^## rayloom (\w+)$", page("cli.md"), re.MULTILINE)
    assert sections == list(COMMANDS)


ALSO = {"train": ["resuming"], "export": [f"export_{form}" for form in FORMS]}
"""Modules with further options of a command."""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_section_is_one_of_the_command(command: str):
    modules = [importlib.import_module(f"rayloom.cli.{name}") for name in (command, *ALSO.get(command, []))]
    kinds = [value for module in modules for name, value in vars(module).items() if name.endswith("Options")]
    mentioned = set(re.findall(r"--([a-z][a-z-]*)", section(command)))
    assert kinds
    assert mentioned <= {name for kind in kinds for name in option_names(kind)} | {"help"}


def example(command: str) -> Any:
    (block,) = re.findall(r"^```json\n(.*?)^```", section(command, "json.md"), re.DOTALL | re.MULTILINE)
    return json.loads(block)


def test_the_example_of_train_has_the_fields_of_an_outcome():
    outcome = {item.name for item in dataclasses.fields(Outcome)} - {"interrupted", "signal"}
    assert set(example("train")) == {"run", "method", "peak_memory_mb", "eval"} | outcome


def test_the_example_of_eval_has_the_fields_of_the_protocol_and_the_scores():
    shown = example("eval")
    assert set(shown) == set(get_type_hints(EvalResult))
    assert set(shown["protocol"]) == {item.name for item in dataclasses.fields(Protocol)}
    assert set(shown["mean"]) == set(get_type_hints(Scores))
    assert set(shown["views"][0]) == set(get_type_hints(Scores)) | {"name"}


@pytest.mark.parametrize("command", ["methods", "claims"])
def test_the_example_of_a_list_has_the_fields_of_the_list(command: str, capsys: pytest.CaptureFixture[str]):
    assert run([command, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(example(command)[0]) == set(printed[0])


def option_names(options: type) -> Iterator[str]:
    for item in dataclasses.fields(options):
        kind = next(iter(get_args(item.type)), item.type)
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            yield from option_names(kind)
        else:
            yield item.name.replace("_", "-")


def first_column(page_name: str, heading: str) -> set[str]:
    (text,) = re.findall(rf"^## {heading}\n(.*?)^## ", page(page_name), re.DOTALL | re.MULTILINE)
    return set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


def test_the_table_of_records_is_complete():
    records = {name for name, value in vars(types).items() if dataclasses.is_dataclass(value)}
    elsewhere = {"Record", "SceneInfo", "NDCFrame"}
    assert first_column("architecture.md", "Records") == records - elsewhere


def test_the_table_of_hooks_is_complete():
    functions = {name for name, value in vars(Method).items() if inspect.isfunction(value) and name[0] != "_"}
    assert first_column("architecture.md", "The contract") == functions - Method.__abstractmethods__


def test_the_page_on_captures_explains_every_option_of_reading():
    explained = set(re.findall(r"^\| `--([a-z-]+)", page("data.md"), re.MULTILINE))
    assert explained == set(option_names(DataConfig))


@pytest.mark.parametrize("name", sorted(path.name for path in DOCS.glob("*.md")))
def test_a_page_is_short(name: str):
    assert len(page(name).splitlines()) <= 150


def test_files_that_pages_name_exist():
    text = "\n".join(path.read_text(encoding="utf-8") for path in [*DOCS.glob("*.md"), *PROJECT.glob("*.md")])
    named = set(re.findall(r"`((?:rayloom|tests|docs)/[\w/]+\.(?:py|md))`", text))
    # The claims of the invented method are only spoken of.
    missing = sorted(
        path for path in named - {"rayloom/claims/haze_nerf.py"} if not (PROJECT / path).exists()
    )
    assert named
    assert not missing
