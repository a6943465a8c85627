"""Finding methods by name and by file."""

import subprocess
import sys
from pathlib import Path

import pytest

from rayloom import methods
from rayloom.errors import InputError

GOOD = '''
from dataclasses import dataclass
import torch
from rayloom.method import Method, MethodConfig, Paper

WIDE = 64

@dataclass(frozen=True)
class GoodConfig(MethodConfig):
    width: int = WIDE // 2
    """Units."""
    def network(self) -> torch.nn.Module:
        return torch.nn.Linear(self.width, 1)

class Good(Method[GoodConfig]):
    paper = Paper("Good", year=2020)
    presets = {"default": GoodConfig(), "tiny": GoodConfig(width=2)}
    def render(self, rays): ...
    def losses(self, rendering, batch, progress): ...
'''


def refused(path: Path, source: str) -> str:
    """What is said about a method file that cannot be used, by describe and by load alike."""
    path.write_text(source)
    with pytest.raises(InputError) as by_load:
        methods.load(str(path))
    with pytest.raises(InputError) as by_describe:
        methods.describe(str(path))
    assert str(by_load.value) == str(by_describe.value)
    return str(by_load.value)


def test_names_and_descriptions_do_not_import_torch() -> None:
    code = (
        "import sys; from rayloom import methods; [methods.describe(name) for name in methods.names()];"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_file_is_a_method(tmp_path: Path) -> None:
    path = tmp_path / "good.py"
    path.write_text(GOOD)
    assert methods.load(str(path)).__name__ == "Good"
    assert [preset.width for preset in methods.describe(str(path)).presets.values()] == [32, 2]  # pyright: ignore[reportAttributeAccessIssue]


def test_an_unknown_name_gets_the_closest_one() -> None:
    with pytest.raises(InputError, match=r"did you mean 'nerf'\? known are .*nerf"):
        methods.load("nefr")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(InputError, match=r"nowhere.py: no such file"):
        methods.describe("nowhere.py")


def test_a_file_without_a_method_is_refused(tmp_path: Path) -> None:
    assert "defines no class that derives from Method" in refused(tmp_path / "a.py", "x = 1\n")


def test_a_file_with_two_methods_is_refused(tmp_path: Path) -> None:
    message = refused(tmp_path / "a.py", GOOD + GOOD.replace("class Good(", "class Better("))
    assert "Good in line 15, Better in line" in message


def test_a_syntax_error_is_told_with_its_line(tmp_path: Path) -> None:
    assert "a.py:2: not valid Python" in refused(tmp_path / "a.py", "x = 1\ndef f(:\n")


def test_an_error_while_importing_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(GOOD + "import no_such_package\n")
    with pytest.raises(InputError, match=r"a.py:20: ModuleNotFoundError: No module named 'no_such_package'"):
        methods.load(str(path))


def test_a_preset_with_an_unknown_setting_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(GOOD.replace("width=2", "depth=2"))
    with pytest.raises(InputError, match=r"a.py:17: TypeError.*depth"):
        methods.describe(str(path))


def test_a_method_that_is_not_complete_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(GOOD.replace("    def losses(self, rendering, batch, progress): ...\n", ""))
    with pytest.raises(InputError, match="Good does not define losses"):
        methods.load(str(path))


def test_settings_that_need_torch_are_refused_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    source = GOOD.replace("WIDE // 2", "relu(3)").replace("import torch\n", "from torch import relu\n")
    path.write_text(source)
    with pytest.raises(InputError, match=r"a.py:3: 'relu' of 'torch'"):
        methods.describe(str(path))
