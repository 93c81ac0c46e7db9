"""`drmbids demo`: from BIDS to group report on data of known truth."""

from pathlib import Path

import pytest

from drmbids.app.commands.demo import demo_recovery, demo_summary, run_demo
from drmbids.data.tools.exceptions import UsageError


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, no_figures_in_module: None) -> Path:
    """Return the folder of a demonstration with fits cut short."""
    out_dir = tmp_path_factory.mktemp("demo")
    assert run_demo(out_dir, n_epochs=1, verbosity=-1) == 0
    return out_dir


@pytest.mark.slow
def test_reports_are_written(demo: Path) -> None:
    pages = {path.name for path in demo.glob("*.html")}
    assert pages == {"sub-01.html", "sub-02.html", "group.html"}


@pytest.mark.slow
def test_report_shows_estimate_against_truth(demo: Path) -> None:
    assert "Recovery of the truth" in (demo / "sub-01.html").read_text()
    table = demo_recovery(demo)
    assert table["sub-02", "truth"]["time constant", "V2"] == 3.0
    assert table["sub-01", "estimate"].notna().all()


@pytest.mark.slow
def test_summary_compares_all_models(demo: Path) -> None:
    table = demo_summary(demo)
    assert list(table.columns) == ["glm", "freehrf", "mean", "twoareas", "nofeedback"]
    assert len(table) == 4
    assert table.notna().all(axis=None)


def test_a_folder_of_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(UsageError, match=r"thesis\.txt"):
        run_demo(tmp_path)
