"""The habits of the house, held by tests. Each failure names the file, the line and what is wrong."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from tests.source_rules import METHODS, PACKAGE, RULES, Rule, Source

PROJECT = Path(__file__).resolve().parents[1]

# Tests of something that is no single module. Every other test module mirrors one.
CROSS_CUTTING = {
    "tests/test_layout.py": "this file",
    "tests/docs/*": "the documentation, which lies outside the package",
    "tests/examples/*": "the examples, which lie outside the package",
    "tests/claims/test_claims_machinery.py": "claims from the record to the kept figure",
    "tests/data/formats/test_bad_captures.py": "damage to captures of every format",
    "tests/data/test_reader_agreement.py": "one scene through every writer and reader",
    "tests/data/synthetic/test_shapes.py": "laws that every shape obeys, primitive or composed",
    "tests/data/synthetic/test_worlds.py": "every world that can be made",
    "tests/cli/test_kills.py": "SIGKILL in commands that go on with their work",
    "tests/cli/test_disks.py": "full disks and folders that may not be written, for every command",
    "tests/fuzzing/*": "files of strangers, of every kind that is read",
    "tests/kernels/test_numba_kernels.py": "every fast kernel against its reference",
    "tests/kernels/test_triton_kernels.py": "the same for a GPU",
    "tests/kernels/test_poor_machines.py": "the fast kernels without cores, numba, a cache or vectors",
    "tests/methods/test_contract.py": "every method",
    "tests/methods/test_discovery.py": "the functions of the package itself: names, load, describe",
}

# What `rayloom --help`, `rayloom inspect`, lists and errors in arguments need.
QUICK_MODULES = [
    *("rayloom", "rayloom.errors", "rayloom.scene_info", "rayloom.paper", "rayloom.pretrained"),
    *("rayloom.cameras.intrinsics", "rayloom.data.capture", "rayloom.data.scene"),
    *("rayloom.data.formats.detect", "rayloom.data.prepare", "rayloom.data.inspection"),
    *("rayloom.methods", "rayloom.claims", "rayloom.claims.store", "rayloom.training.config"),
    *("rayloom.training.runs", "rayloom.cli", "rayloom.cli.main"),
]
SLOW_PACKAGES = ["torch", "viser", "matplotlib", "numba", "triton"]


@cache
def project_files() -> list[str]:
    """Every file that is in the repository or would enter it with the next commit."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    return sorted(path for path in set(found.splitlines()) if (PROJECT / path).is_file())


@cache
def source(path: str) -> Source:
    return Source(path, (PROJECT / path).read_text(encoding="utf-8"))


def report(offences: Iterable[str]) -> None:
    """Fail with one line for each offence."""
    if found := list(offences):
        pytest.fail("\n".join(found), pytrace=False)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.check.__name__)
def test_every_file_obeys(rule: Rule):
    files = [source(path) for path in project_files() if rule.applies(path)]
    report(f"{file.path}:{line}: {what}" for file in files for line, what in rule.check(file))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.check.__name__)
def test_a_rule_finds_what_breaks_it(rule: Rule):
    for text in rule.broken:
        assert list(rule.check(Source("rayloom/utils.py", text))), text


def test_methods_and_claims_belong_together():
    methods = {Path(path).stem for path in project_files() if METHODS(path)}
    recorded = {Path(path).stem for path in project_files() if fnmatch(path, "rayloom/claims/*.toml")}
    wanted = [f"rayloom/claims/{name}{suffix}" for name in sorted(methods) for suffix in (".py", ".toml")]
    missing = [path for path in wanted if path not in project_files()]
    report(
        [f"{path}:1: missing; expected one for each method" for path in missing]
        + [f"rayloom/claims/{name}.toml:1: no method of that name" for name in sorted(recorded - methods)]
    )


def test_every_test_module_mirrors_a_module():
    tests = [Path(path) for path in project_files() if fnmatch(path, "tests/*test_*.py")]
    own = [test for test in tests if not any(fnmatch(str(test), known) for known in CROSS_CUTTING)]
    report(f"{test}:1: mirrors no module of the package" for test in own if not mirrored(test))


def mirrored(test: Path) -> bool:
    name = test.stem.removeprefix("test_")
    # Tests of a nested package may stay flat: kernels/test_numba_marching.py for kernels/numba/marching.py.
    modules = [test.relative_to("tests").parent / stem for stem in (name, name.replace("_", "/", 1))]
    paths = [PROJECT / "rayloom" / module for module in modules]
    return any(path.with_suffix(".py").is_file() or path.is_dir() for path in paths)


def test_every_folder_of_the_package_is_installed():
    folders = {Path(path).parent.as_posix() for path in project_files() if PACKAGE(path)}
    report(
        f"{folder}/__init__.py:1: missing"
        for folder in folders
        if f"{folder}/__init__.py" not in project_files()
    )


def test_the_drawn_layers_are_those_of_the_linter():
    page = (PROJECT / "docs/architecture.md").read_text(encoding="utf-8")
    drawing = re.search(r"^```text\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert drawing, "docs/architecture.md:1: has no drawing of the layers"
    drawn = [line.strip() for line in drawing[1].splitlines() if line.strip()]
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert drawn == layers, "docs/architecture.md: the drawing is not the contract of pyproject.toml"
    rooms = {room.strip() for line in drawn for room in line.split("|")}
    (section,) = re.findall(r"^## Layers\n(.*?)^## ", page, re.DOTALL | re.MULTILINE)
    described = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    assert described == rooms, f"docs/architecture.md: {sorted(described ^ rooms)} in one list only"


def test_quick_modules_import_nothing_slow():
    script = "import importlib, sys\n" + "".join(
        f"importlib.import_module({name!r})\n"
        f"for slow in set({SLOW_PACKAGES}) & set(sys.modules): sys.exit({name!r} + ' imports ' + slow)\n"
        for name in QUICK_MODULES
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=PROJECT)
    assert done.returncode == 0, done.stderr


def test_no_file_knows_the_machine_it_was_written_on():
    machine = re.compile(r"(?<![\w.~*])/(?:work|tmp|root|home)/")
    for path in project_files():
        content = (PROJECT / path).read_bytes()
        lines = [] if b"\0" in content else content.decode(errors="replace").splitlines()
        report(f"{path}:{i}: {line.strip()}" for i, line in enumerate(lines, 1) if machine.search(line))


def test_no_dependency_is_torchvision():
    for path in {"pyproject.toml", "constraints.txt"} & set(project_files()):
        lines = (PROJECT / path).read_text(encoding="utf-8").splitlines()
        report(f"{path}:{i}: {line}" for i, line in enumerate(lines, 1) if re.match(r"\W*torchvision", line))
