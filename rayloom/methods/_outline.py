"""What a source file says about a name, found without running the rest of the file.

Listing methods and printing help must not wait for torch. A method's citation and presets are literals
and one dataclass, so that the statements which define them can be picked out of the file and run alone.
"""

import ast
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from rayloom.errors import InputError

# Modules of the package that import neither torch nor anything that does.
_LIGHT = {"rayloom.paper", "rayloom.scene_info", "rayloom.errors"}
_PACKAGE = Path(__file__).resolve().parents[1]


class Outline:
    """The top-level names of one source file, each evaluated when it is asked for."""

    def __init__(self, path: Path, module_name: str) -> None:
        self.path = path
        self.tree = parse(path)
        # Reading the help text under a field looks for the class's module and its file.
        self.module = ModuleType(f"{module_name} (outline)")
        self.module.__file__ = str(path)
        sys.modules[self.module.__name__] = self.module
        self.statements: dict[str, ast.stmt] = {}
        for statement in self.tree.body:
            self.statements.update(dict.fromkeys(_defined_names(statement), statement))

    def evaluate(self, expression: ast.expr) -> Any:  # noqa: ANN401
        """The value of an expression in this file."""
        self._define_names_in(expression)
        return self._run(compile(ast.Expression(expression), str(self.path), "eval"), expression)

    def value(self, name: str) -> Any:  # noqa: ANN401
        """The value of a top-level name."""
        self._define(name)
        if name not in self.module.__dict__:
            raise InputError(self.path, f"defines no {name!r}")
        return self.module.__dict__[name]

    def _define(self, name: str) -> None:
        if name in self.module.__dict__ or name not in self.statements:
            return
        statement = self.statements[name]
        if isinstance(statement, ast.ImportFrom):
            self.module.__dict__[name] = self._imported(statement, name)
            return
        if isinstance(statement, ast.ClassDef):
            statement = _without_functions(statement)
        self._define_names_in(statement)
        self._run(compile(ast.Module([statement], []), str(self.path), "exec"), statement)

    def _define_names_in(self, node: ast.AST) -> None:
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
                self._define(part.id)

    def _imported(self, statement: ast.ImportFrom, name: str) -> Any:  # noqa: ANN401
        module = statement.module or ""
        original = next(alias.name for alias in statement.names if (alias.asname or alias.name) == name)
        if module in _LIGHT or module.partition(".")[0] in sys.stdlib_module_names:
            return getattr(importlib.import_module(module), original)
        if not module.startswith("rayloom."):
            where = f"{self.path}:{statement.lineno}"
            raise InputError(
                where, f"{name!r} of {module!r} must not be needed by a method's paper or settings"
            )
        return Outline(_file_of(module), module).value(original)

    def _run(self, code: Any, node: ast.stmt | ast.expr) -> Any:  # noqa: ANN401
        try:
            return eval(code, self.module.__dict__)
        except InputError:
            raise
        except Exception as error:  # The file is the user's, and may raise anything.
            raise InputError(f"{self.path}:{node.lineno}", f"{type(error).__name__}: {error}") from error


def parse(path: Path) -> ast.Module:
    """The syntax tree of a source file; raises InputError with file and line."""
    try:
        return ast.parse(path.read_text(encoding="utf-8"), str(path))
    except SyntaxError as error:
        raise InputError(f"{path}:{error.lineno}", f"not valid Python: {error.msg}") from error
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read as Python source: {error}") from error


def method_class(outline: Outline) -> ast.ClassDef:
    """The one class of the file that derives from Method; raises InputError for none or several."""
    found = [node for node in outline.tree.body if isinstance(node, ast.ClassDef) and _derives(node)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(outline.path, "defines no class that derives from Method; expected one")
    lines = ", ".join(f"{node.name} in line {node.lineno}" for node in found)
    raise InputError(
        f"{outline.path}:{found[1].lineno}", f"defines {len(found)} methods ({lines}); expected one"
    )


def class_attribute(outline: Outline, node: ast.ClassDef, name: str) -> Any:  # noqa: ANN401
    """The value assigned to `name` in the body of a class."""
    for statement in node.body:
        assigned = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
        if assigned is not None and name in _defined_names(statement):
            return outline.evaluate(assigned)
    raise InputError(f"{outline.path}:{node.lineno}", f"{node.name} has no `{name}`")


def _file_of(module: str) -> Path:
    """The file of a module of the package; asking importlib would run the packages above it."""
    path = _PACKAGE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _derives(node: ast.ClassDef) -> bool:
    bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
    return any(ast.unparse(base).rpartition(".")[2] == "Method" for base in bases)


def _defined_names(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [(alias.asname or alias.name).partition(".")[0] for alias in names]
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case _:
            return []


def _without_functions(node: ast.ClassDef) -> ast.ClassDef:
    """The class with its fields alone; its functions may need torch, and listing calls none of them."""
    body = [statement for statement in node.body if not isinstance(statement, ast.FunctionDef)]
    fields_only = ast.ClassDef(
        node.name, node.bases, node.keywords, body or [ast.Pass()], node.decorator_list
    )
    return ast.fix_missing_locations(ast.copy_location(fields_only, node))
