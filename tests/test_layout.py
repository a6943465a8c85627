"""The habits of the house, held by tests. Each failure names the file, the line and what is wrong."""

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
SETTINGS = tomllib.loads((PROJECT / "pyproject.toml").read_text())

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40
METHOD_LINES = range(60, 251)

# Tests of something that is no single module. Every other test module mirrors one.
CROSS_CUTTING = {
    "tests/test_layout.py": "this file",
    "tests/docs/*": "the documentation's generator, which lies outside the package",
    "tests/methods/test_contract.py": "every method",
}

# Modules that `rayloom --help`, `rayloom inspect` and errors in arguments need.
QUICK_MODULES = [
    "rayloom",
    "rayloom.errors",
    "rayloom.scene_info",
    "rayloom.paper",
    "rayloom.pretrained",
    "rayloom.cameras.intrinsics",
    "rayloom.data.capture",
    "rayloom.data.scene",
    "rayloom.data.detect",
    "rayloom.data.prepare",
    "rayloom.data.inspection",
    "rayloom.methods",
    "rayloom.claims",
    "rayloom.training.config",
    "rayloom.cli",
]
SLOW_PACKAGES = ["torch", "viser", "matplotlib", "numba"]

Offences = Iterator[tuple[int, str]]


@dataclass(frozen=True)
class Source:
    """A Python file, as text and as a syntax tree."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def nodes(self) -> Iterator[ast.AST]:
        return ast.walk(self.tree)

    @property
    def comments(self) -> Iterator[tuple[int, str]]:
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string

    @property
    def docstrings(self) -> Iterator[tuple[int, str]]:
        for node in self.nodes:
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                yield node.lineno, str(node.value.value)


@cache
def project_files() -> list[str]:
    """Every file that is in the repository or would enter it with `git add`."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    return sorted(path for path in set(found.splitlines()) if (PROJECT / path).is_file())


@cache
def source(path: str) -> Source:
    return Source(path, (PROJECT / path).read_text())


def is_method(path: str) -> bool:
    return fnmatch(path, "rayloom/methods/[!_]*.py")


def in_core(path: str) -> bool:
    return fnmatch(path, "rayloom/*.py") and not is_method(path)


def outside_cli(path: str) -> bool:
    return fnmatch(path, "rayloom/*.py") and not fnmatch(path, "rayloom/cli/*")


def is_python(path: str) -> bool:
    return path.endswith(".py")


def in_package(path: str) -> bool:
    return fnmatch(path, "rayloom/*.py")


def file_is_short(file: Source) -> Offences:
    count = len(file.text.splitlines())
    if count > MAX_FILE_LINES:
        yield MAX_FILE_LINES + 1, f"the file has {count} lines; expected at most {MAX_FILE_LINES}"


def method_fits_its_budget(file: Source) -> Offences:
    count = len(file.text.splitlines())
    if count not in METHOD_LINES:
        yield count, f"the method has {count} lines; expected {METHOD_LINES[0]} to {METHOD_LINES[-1]}"


def functions_are_short(file: Source) -> Offences:
    for node in file.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            count = (node.end_lineno or node.lineno) - node.lineno + 1
            if count > MAX_FUNCTION_LINES:
                yield node.lineno, f"{node.name} has {count} lines; expected at most {MAX_FUNCTION_LINES}"


def public_names_have_docstrings(file: Source) -> Offences:
    if ast.get_docstring(file.tree) is None:
        yield 1, "the module has no docstring"
    yield from _undocumented(file.tree.body)


def _undocumented(body: Iterable[ast.stmt]) -> Offences:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            if ast.get_docstring(node) is None:
                yield node.lineno, f"{node.name} has no docstring"
            if isinstance(node, ast.ClassDef):
                yield from _undocumented(node.body)


def name_says_what_is_inside(file: Source) -> Offences:
    vague = {"util", "utils", "helper", "helpers", "common", "misc", "base", "manager"}
    for part in Path(file.path).with_suffix("").parts:
        if part.strip("_") in vague:
            yield 1, f"{part!r} names no idea; name the file after what is in it"


def tensors_carry_their_shape(file: Source) -> Offences:
    for node in file.nodes:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            annotated = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            for annotation in [arg.annotation for arg in annotated] + [node.returns]:
                if annotation is not None and ast.unparse(annotation) in {"Tensor", "torch.Tensor"}:
                    yield annotation.lineno, f"{node.name} has a bare Tensor; expected a jaxtyping shape"


def annotations_are_evaluated(file: Source) -> Offences:
    for node in file.nodes:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            yield node.lineno, "a __future__ import hides annotations from jaxtyping"
        if isinstance(node, ast.ImportFrom) and {alias.name for alias in node.names} & {"Self"}:
            yield node.lineno, "jaxtyping cannot check Self; use a TypeVar"


def nothing_is_printed(file: Source) -> Offences:
    for node in file.nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "pprint", "pprint.pprint"}:
            yield node.lineno, "print belongs to the command line"


def nothing_is_pickled(file: Source) -> Offences:
    forbidden = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    for node in file.nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            for name in forbidden & {name.partition(".")[0] for name in names}:
                yield node.lineno, f"{name} runs code from files; expected JSON, npy or safetensors"
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"torch.load", "torch.save"}:
            yield node.lineno, f"{ast.unparse(node)} pickles; expected safetensors"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
            yield node.value.lineno, "allow_pickle runs code from files"


def nothing_is_left_to_do(file: Source) -> Offences:
    for line, text in [*file.comments, *file.docstrings]:
        if found := re.search(r"\b(TODO|FIXME|XXX|HACK)\b", text):
            yield line, f"{found[0]} belongs into an issue"


def modules_have_no_banners(file: Source) -> Offences:
    for line, text in file.comments:
        if re.search(r"([-=#*~_+/\u2500-\u257f])\1{3,}", text):
            yield line, "a section banner asks for a module of its own"


def torchvision_stays_out(file: Source) -> Offences:
    for node in file.nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]:
                if name.partition(".")[0] == "torchvision":
                    yield node.lineno, "torchvision pulls a CUDA build of torch"


@dataclass(frozen=True)
class Rule:
    """What a file must obey, the files it holds for, and a sample that breaks it."""

    check: Callable[[Source], Offences]
    applies: Callable[[str], bool]
    broken: str
    broken_path: str = "rayloom/sample.py"


RULES = [
    Rule(file_is_short, in_core, "x = 1\n" * 301),
    Rule(method_fits_its_budget, is_method, "x = 1\n" * 59),
    Rule(method_fits_its_budget, is_method, "x = 1\n" * 251),
    Rule(functions_are_short, in_core, "def f():\n" + "    x = 1\n" * 40),
    Rule(public_names_have_docstrings, in_package, '"""A module."""\nclass A:\n    """A."""\n    def f(self): 0\n'),
    Rule(public_names_have_docstrings, in_package, ""),
    Rule(name_says_what_is_inside, is_python, "", "rayloom/data/utils.py"),
    Rule(name_says_what_is_inside, is_python, "", "tests/common/test_x.py"),
    Rule(tensors_carry_their_shape, in_package, "def f(x: Tensor): ..."),
    Rule(annotations_are_evaluated, is_python, "from __future__ import annotations"),
    Rule(annotations_are_evaluated, is_python, "from typing import Self"),
    Rule(nothing_is_printed, outside_cli, "print(1)"),
    Rule(nothing_is_pickled, is_python, "import pickle"),
    Rule(nothing_is_pickled, is_python, "from joblib import dump"),
    Rule(nothing_is_pickled, is_python, "torch.load('x')"),
    Rule(nothing_is_pickled, is_python, "np.load('x', allow_pickle=True)"),
    Rule(nothing_is_left_to_do, is_python, "# TODO: more"),
    Rule(nothing_is_left_to_do, is_python, '"""FIXME"""'),
    Rule(modules_have_no_banners, is_python, "# ---- losses ----"),
    Rule(torchvision_stays_out, is_python, "from torchvision.io import read_image"),
]


@pytest.mark.parametrize("rule", {rule.check: rule for rule in RULES}.values(), ids=lambda r: r.check.__name__)
def test_every_file_obeys(rule: Rule):
    files = [source(path) for path in project_files() if rule.applies(path)]
    report(f"{file.path}:{line}: {what}" for file in files for line, what in rule.check(file))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.check.__name__)
def test_a_rule_finds_what_breaks_it(rule: Rule):
    assert list(rule.check(Source(rule.broken_path, rule.broken)))


def test_every_method_makes_claims_and_records_them():
    methods = [Path(path).stem for path in project_files() if is_method(path)]
    wanted = [f"rayloom/claims/{name}{suffix}" for name in methods for suffix in (".py", ".toml")]
    report(f"{path}:1: missing; expected one for each method" for path in wanted if path not in project_files())


def test_recorded_claims_belong_to_a_method():
    recorded = [path for path in project_files() if fnmatch(path, "rayloom/claims/*.toml")]
    methods = {Path(path).stem for path in project_files() if is_method(path)}
    report(f"{path}:1: no method of that name" for path in recorded if Path(path).stem not in methods)


def test_every_test_module_mirrors_a_module():
    tests = [path for path in project_files() if fnmatch(path, "tests/*test_*.py")]
    own = [path for path in tests if not any(fnmatch(path, pattern) for pattern in CROSS_CUTTING)]
    report(f"{path}:1: mirrors no module of the package" for path in own if not _mirrored(Path(path)))


def _mirrored(test: Path) -> bool:
    module = PROJECT / "rayloom" / test.relative_to("tests").with_name(test.stem.removeprefix("test_"))
    return module.with_suffix(".py").is_file() or module.is_dir()


def test_cross_cutting_tests_exist():
    gone = [pattern for pattern in CROSS_CUTTING if not any(fnmatch(path, pattern) for path in project_files())]
    report(f"{pattern}:1: listed as cross-cutting, but not there" for pattern in gone)


def test_the_drawn_layers_are_those_of_the_linter():
    page = (PROJECT / "docs/architecture.md").read_text()
    drawing = re.search(r"^```text\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert drawing, "docs/architecture.md:1: has no drawing of the layers"
    drawn = [line.strip() for line in drawing[1].splitlines() if line.strip()]
    (contract,) = (c for c in SETTINGS["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    assert drawn == contract["layers"], "docs/architecture.md: the drawing is not the contract of pyproject.toml"
    rooms = {room.strip() for line in drawn for room in line.split("|")}
    listed = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert listed == rooms, f"docs/architecture.md: rooms not described or not there: {sorted(listed ^ rooms)}"


def test_quick_modules_import_nothing_slow():
    script = "import importlib, sys\n" + "".join(
        f"importlib.import_module({name!r})\n"
        f"for slow in set({SLOW_PACKAGES}) & set(sys.modules): sys.exit({name!r} + ' imports ' + slow)\n"
        for name in QUICK_MODULES
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=PROJECT)
    assert done.returncode == 0, done.stderr


def test_no_file_knows_the_machine_it_was_written_on():
    machine = re.compile(r"(?<![\w.~*])/(?:work|tmp|root|home)/")
    offences = []
    for path in project_files():
        content = (PROJECT / path).read_bytes()
        lines = [] if b"\0" in content else content.decode().splitlines()
        offences += [f"{path}:{i}: {line.strip()}" for i, line in enumerate(lines, 1) if machine.search(line)]
    report(offences)


def test_no_dependency_is_torchvision():
    files = [path for path in ("pyproject.toml", "constraints.txt") if (PROJECT / path).is_file()]
    for path in files:
        lines = (PROJECT / path).read_text().splitlines()
        report(f"{path}:{i}: {line}" for i, line in enumerate(lines, 1) if "torchvision" in line.partition("#")[0])


def report(offences: Iterable[str]) -> None:
    """Fail with one line for each offence."""
    found = list(offences)
    assert not found, "\n" + "\n".join(found)
