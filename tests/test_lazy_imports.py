"""Importing the package and asking for help stay cheap: heavy libraries load on first use.

When a test here fails, look for the library with ``python -X importtime -c "import drmbids"`` (or
``-m drmbids --help``) and import it one level further in: a name that is only needed by one
command belongs behind the look-up in ``drmbids/__init__.py`` or a registry, not at the top of the
command line.
"""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

HEAVY = ["torch", "nilearn", "nibabel", "bids", "sklearn", "scipy", "pandas", "matplotlib"]
LIBRARIES = [*HEAVY, "numpy", "sqlalchemy"]

IMPORT = "import drmbids"
HELP = """
import runpy
sys.argv = ["drmbids", "--help"]
try:
    runpy.run_module("drmbids", run_name="__main__", alter_sys=True)
except SystemExit as end:
    assert not end.code, end.code
else:
    raise AssertionError("--help did not end the program")
"""
REPORT = f'print("loaded:", *[name for name in {HEAVY} if name in sys.modules])'


@pytest.mark.parametrize("statement", [IMPORT, HELP], ids=["import", "help"])
def test_loads_no_heavy_library(statement: str) -> None:
    code = f"import sys\n{statement}\n{REPORT}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_finding_runs_loads_no_library(tmp_path: Path) -> None:
    func = tmp_path / "sub-01" / "func"
    func.mkdir(parents=True)
    (tmp_path / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.1"}')
    for name in ("bold.nii.gz", "events.tsv", "physio.tsv.gz"):
        (func / f"sub-01_task-x_{name}").touch()
    code = (
        f"import sys, drmbids\nfound = drmbids.find_runs({str(tmp_path)!r}, task='x')\n"
        f"assert found[0].recordings\n"
        f'print("loaded:", *[name for name in {LIBRARIES} if name in sys.modules])'
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_the_probe_sees_a_heavy_library() -> None:
    code = f"import sys\nimport drmbids\ndrmbids.Results\n{REPORT}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pandas" in done.stdout, done.stderr


def test_console_script_is_the_same_command() -> None:
    (script,) = entry_points(group="console_scripts", name="drmbids")
    assert script.value == "drmbids.__main__:main"
