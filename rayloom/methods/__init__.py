"""Published methods, one paper a file; a file's name is its method's name."""

import difflib
import importlib
import importlib.util
import inspect
import pkgutil
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from rayloom.errors import InputError
from rayloom.methods._outline import Outline, class_attribute, method_class
from rayloom.paper import MethodConfig, Paper

if TYPE_CHECKING:
    import rayloom.method


@dataclass(frozen=True)
class MethodSummary:
    """What can be said about a method without importing torch."""

    name: str
    paper: Paper
    config_class: type[MethodConfig]
    """Has the fields, defaults and help texts of the method's own settings, not its functions."""
    presets: Mapping[str, MethodConfig]


def names() -> list[str]:
    """Every method shipped, by name. Imports none of them."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name.replace("_", "-") for name in modules if not name.startswith("_"))


def is_file(name: str) -> bool:
    """Whether a method is given by a path to its file instead of by name."""
    return name.endswith(".py")


def load(name: str) -> type["rayloom.method.Method"]:
    """The one method class defined in `methods/<name>.py`, or in the file at path `name`.

    Raises InputError for an unknown name, and with file and line for a file that cannot be used.
    """
    path = source(name)
    outline = Outline(path, _module_name(name))
    class_name = method_class(outline).name
    module = _import_file(path) if is_file(name) else importlib.import_module(_module_name(name))
    method = getattr(module, class_name)
    if inspect.isabstract(method):
        missing = ", ".join(sorted(method.__abstractmethods__))
        raise InputError(path, f"{class_name} does not define {missing}")
    return method


def describe(name: str) -> MethodSummary:
    """Citation, settings and presets of a method. Does not import torch.

    Raises InputError as `load` does.
    """
    outline = Outline(source(name), _module_name(name))
    node = method_class(outline)
    paper = class_attribute(outline, node, "paper")
    presets = class_attribute(outline, node, "presets")
    where = f"{outline.path}:{node.lineno}"
    if not isinstance(paper, Paper):
        raise InputError(where, f"`paper` is {paper!r}; expected a Paper")
    if not isinstance(presets, Mapping) or "default" not in presets:
        raise InputError(where, '`presets` has no "default"')
    if not all(isinstance(preset, MethodConfig) for preset in presets.values()):
        raise InputError(where, "`presets` holds something else than a MethodConfig")
    return MethodSummary(name, paper, type(presets["default"]), presets)


def source(name: str) -> Path:
    """The file that defines a method; raises InputError for an unknown name."""
    if is_file(name):
        if not Path(name).is_file():
            raise InputError(name, "no such file; expected a Python file that defines a method")
        return Path(name)
    if name.replace("_", "-") not in names():
        close = difflib.get_close_matches(name, names(), n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise InputError(
            f"method {name!r}", f"unknown; {hint}known are {', '.join(names())}, or a path to a FILE.py"
        )
    return Path(__path__[0]) / f"{name.replace('-', '_')}.py"


def _module_name(name: str) -> str:
    stem = Path(name).stem if is_file(name) else name.replace("-", "_")
    return f"rayloom_file_{stem}" if is_file(name) else f"{__name__}.{stem}"


def _import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(_module_name(str(path)), path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # The file is the user's, and may raise anything.
        lines = [
            frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
        ]
        where = f"{path}:{lines[-1]}" if lines else path
        raise InputError(where, f"{type(error).__name__}: {error}") from error
    return module
