"""What a source file must obey, each rule with samples that break it; `test_layout.py` applies them."""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40
METHOD_LINES = range(60, 251)
VAGUE_NAMES = {"util", "utils", "helper", "helpers", "common", "misc", "base", "manager"}
PICKLES = "runs code from files; expected JSON, npy or safetensors"
FORBIDDEN_IMPORTS = dict.fromkeys(["pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"], PICKLES)
FORBIDDEN_IMPORTS |= {"torchvision": "pulls a CUDA build of torch"}

RUNS_TEXT = {"eval", "exec", "compile", "__import__", "runpy.run_path"}
METHOD_LOADERS = {"rayloom/methods/_outline.py"}
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
UNSAFE_YAML = {"yaml.load", "yaml.unsafe_load", "yaml.full_load"}

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Offences = Iterator[tuple[int, str]]


@dataclass(frozen=True)
class Source:
    """A Python file, as text and as a syntax tree."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def public(self) -> list[Definition]:
        """Functions and classes that other modules may use, with the functions of these classes."""
        return list(public_definitions(self.tree.body))

    @cached_property
    def num_lines(self) -> int:
        return len(self.text.splitlines())

    def comments(self) -> Offences:
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string

    def docstrings(self) -> Offences:
        for node in self.nodes:
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                yield node.lineno, str(node.value.value)


def public_definitions(body: Iterable[ast.stmt]) -> Iterator[Definition]:
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node.body)


def file_is_short(file: Source) -> Offences:
    if file.num_lines > MAX_FILE_LINES:
        yield file.num_lines, f"the file has {file.num_lines} lines; expected at most {MAX_FILE_LINES}"


def method_fits_its_budget(file: Source) -> Offences:
    if file.num_lines not in METHOD_LINES:
        low, high = METHOD_LINES[0], METHOD_LINES[-1]
        yield file.num_lines, f"the method has {file.num_lines} lines; expected {low} to {high}"


def functions_are_short(file: Source) -> Offences:
    for node in file.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            count = (node.end_lineno or node.lineno) - node.lineno + 1
            if count > MAX_FUNCTION_LINES:
                yield node.lineno, f"{node.name} has {count} lines; expected at most {MAX_FUNCTION_LINES}"


def public_names_have_docstrings(file: Source) -> Offences:
    if ast.get_docstring(file.tree) is None:
        yield 1, "the module has no docstring"
    for node in file.public:
        if ast.get_docstring(node) is None:
            yield node.lineno, f"{node.name} has no docstring"


def name_says_what_is_inside(file: Source) -> Offences:
    for part in Path(file.path).with_suffix("").parts:
        if part.strip("_") in VAGUE_NAMES:
            yield 1, f"{part!r} names no idea; name the file after what is in it"


def tensors_carry_their_shape(file: Source) -> Offences:
    for node in file.public:
        if not isinstance(node, ast.ClassDef):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            for annotation in [argument.annotation for argument in arguments] + [node.returns]:
                if annotation is not None and ast.unparse(annotation) in {"Tensor", "torch.Tensor"}:
                    yield annotation.lineno, f"{node.name} has a bare Tensor; expected a jaxtyping shape"


def annotations_can_be_checked(file: Source) -> Offences:
    for node in file.nodes:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            yield node.lineno, "a __future__ import hides annotations from jaxtyping"
        if isinstance(node, ast.ImportFrom) and "Self" in {alias.name for alias in node.names}:
            yield node.lineno, "jaxtyping cannot check Self; use a TypeVar"


def nothing_is_printed(file: Source) -> Offences:
    for node in file.nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "pprint", "pprint.pprint"}:
            yield node.lineno, "print belongs to the command line"


def forbidden_packages_stay_out(file: Source) -> Offences:
    for node in file.nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]:
                if reason := FORBIDDEN_IMPORTS.get(name.partition(".")[0]):
                    yield node.lineno, f"{name} {reason}"


def nothing_is_pickled(file: Source) -> Offences:
    for node in file.nodes:
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"torch.load", "torch.save"}:
            yield node.lineno, f"{ast.unparse(node)} {PICKLES}"
        if (
            isinstance(node, ast.keyword)
            and node.arg == "allow_pickle"
            and ast.unparse(node.value) != "False"
        ):
            yield node.value.lineno, f"allow_pickle {PICKLES}"


def nothing_from_files_is_run(file: Source) -> Offences:
    for node in file.nodes:
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if name in RUNS_TEXT and file.path not in METHOD_LOADERS:
            yield node.lineno, f"{name} runs text; only a method's own file is ever run"
        if name in SHELLS or any(k.arg == "shell" and ast.unparse(k.value) != "False" for k in node.keywords):
            yield node.lineno, f"{name} starts a shell, in which names of files are commands"
        if name in UNSAFE_YAML:
            yield node.lineno, f"{name} {PICKLES}"


def nothing_is_left_to_do(file: Source) -> Offences:
    for line, text in [*file.comments(), *file.docstrings()]:
        if found := re.search(r"\b(TODO|FIXME|XXX|HACK)\b", text):
            yield line, f"{found[0]} belongs into an issue"


def modules_have_no_banners(file: Source) -> Offences:
    for line, text in file.comments():
        if re.search(r"([-=#*~_+/\u2500-\u257f])\1{3,}", text):
            yield line, "a section banner asks for a module of its own"


def matching(pattern: str, *, but: str = "") -> Callable[[str], bool]:
    return lambda path: fnmatch(path, pattern) and not fnmatch(path, but)


EVERYWHERE = matching("*.py")
PACKAGE = matching("rayloom/*.py")
METHODS = matching("rayloom/methods/[!_]*.py")
CORE = matching("rayloom/*.py", but="rayloom/methods/[!_]*.py")
TESTS = matching("tests/*.py")


@dataclass(frozen=True)
class Rule:
    """What a file must obey, the files that it holds for, and samples that break it."""

    check: Callable[[Source], Offences]
    applies: Callable[[str], bool]
    broken: tuple[str, ...]


RULES = [
    Rule(file_is_short, lambda path: CORE(path) or TESTS(path), ("x = 1\n" * 301,)),
    Rule(method_fits_its_budget, METHODS, ("x = 1\n" * 59, "x = 1\n" * 251)),
    Rule(functions_are_short, CORE, ("def f():\n" + "    x = 1\n" * 40,)),
    Rule(public_names_have_docstrings, PACKAGE, ("", '"""A."""\nclass A:\n    """A."""\n    def f(self): 0')),
    Rule(name_says_what_is_inside, EVERYWHERE, ("",)),
    Rule(tensors_carry_their_shape, PACKAGE, ("def f(x: Tensor): 0", "def f() -> torch.Tensor: 0")),
    Rule(annotations_can_be_checked, EVERYWHERE, ("from __future__ import x", "from typing import Self")),
    Rule(nothing_is_printed, matching("rayloom/*.py", but="rayloom/cli/*"), ("print(1)",)),
    Rule(forbidden_packages_stay_out, EVERYWHERE, ("import pickle", "from torchvision.io import x")),
    Rule(nothing_is_pickled, EVERYWHERE, ("torch.load('x')", "np.load('x', allow_pickle=True)")),
    Rule(
        nothing_from_files_is_run, PACKAGE, ("eval(x)", "os.system(x)", "run(x, shell=True)", "yaml.load(x)")
    ),
    Rule(nothing_is_left_to_do, EVERYWHERE, ("# TODO: more", '"""FIXME"""')),
    Rule(modules_have_no_banners, EVERYWHERE, ("# ---- losses ----", "########")),
]
