import json
import subprocess
import sys
from pathlib import Path

from PIL import Image


def test_inspect_prints_its_contract_without_torch(capture: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from rayloom.cli.main import run; code = run(sys.argv[1:]);"
        "sys.exit(code or ('torch' in sys.modules))"
    )
    plot = tmp_path / "plot.png"
    args = ["inspect", str(capture), "--plot", str(plot), "--json"]
    said = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    report = json.loads(said.stdout)
    assert set(report) == {
        *("format", "images", "used", "resolution", "camera_models"),
        *("moments", "near", "far", "split", "masks", "warnings"),
    }
    assert report["split"] == {"train": 8, "val": 0, "test": 2}
    with Image.open(plot) as picture:
        assert picture.width > 300
