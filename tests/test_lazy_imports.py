"""Importing the package and asking for help stay cheap: heavy libraries load on first use.

When a test here fails, look for the library with ``python -X importtime -c "import drmbids"`` (or
``-m drmbids --help``) and import it one level further in: a name that is only needed by one
command belongs behind the look-up in ``drmbids/__init__.py`` or a registry, not at the top of the
command line.
"""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

HEAVY = ["torch", "nilearn", "nibabel", "bids", "sklearn", "scipy", "pandas", "matplotlib"]

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


def test_the_probe_sees_a_heavy_library() -> None:
    code = f"import sys\nimport drmbids\ndrmbids.Results\n{REPORT}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pandas" in done.stdout, done.stderr


def test_console_script_is_the_same_command() -> None:
    (script,) = entry_points(group="console_scripts", name="drmbids")
    assert script.value == "drmbids.cli.main:main"
