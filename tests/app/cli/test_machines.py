"""What a machine is like changes nothing of what is found."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from drmbids.app.cli.main import main

# No socket opens, and a decimal comma is used where the locale decides.
SITE = """
import locale, socket
def closed(*arguments, **options):
    raise OSError("there is no network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = closed
point = locale.localeconv
locale.localeconv = lambda: {**point(), "decimal_point": ",", "thousands_sep": "."}
"""


def test_a_strange_machine_changes_nothing(
    tmp_path: Path, write_bids: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Decimal comma, long path with blanks and umlauts, no home, network or terminal, TZ."""
    plain = write_bids(tmp_path / "ds", n_runs=2)
    late = plain / "sub-01" / "func" / "sub-01_task-look_run-1_events.tsv"
    late.write_text(late.read_text() + "90.25\t1.5\tface\n")
    deep = tmp_path.joinpath(*["ein langer Päth " + "x" * 60] * 3)
    strange = shutil.copytree(plain, deep / "ds")
    assert len(str(strange)) > 260
    site = tmp_path / "site" / "sitecustomize.py"
    site.parent.mkdir()
    site.write_text(SITE)
    sealed = {
        **os.environ, "HOME": str(site / "home"), "XDG_CACHE_HOME": str(site / "cache"),
        "TZ": "Asia/Kathmandu", "LC_ALL": "de_DE.UTF-8", "TERM": "dumb",
        "PYTHONPATH": os.pathsep.join([str(site.parent), os.environ.get("PYTHONPATH", "")]),
    }  # fmt: skip
    assert main(["check", str(plain), "--json"]) == 0
    here = capsys.readouterr().out
    done = subprocess.run(
        [sys.executable, "-m", "drmbids", "check", strange, "--json"],
        env=sealed, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    found, wanted = json.loads(done.stdout), json.loads(here.replace(str(plain), str(strange)))
    assert found == wanted and [problem["code"] for problem in found] == ["EV06"]
