"""How far an analysis is: lines where there is no terminal, a bar where there is one."""

import io
import logging

import pytest
from rich.console import Console

from drmbids.app.analysis import progress
from drmbids.app.analysis.progress import fold_progress


def test_plain_lines(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "drmbids"), fold_progress("sub-01") as on_fold:
        on_fold("glm", "run-1", 1, 4)
    assert caplog.messages == ["sub-01: fit 1/4: glm, run-1 held out (0 s)"]


@pytest.mark.parametrize("show", [True, False])
def test_bar_on_a_terminal(
    show: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80)
    monkeypatch.setattr(progress, "CONSOLE", console)
    with caplog.at_level(logging.INFO, "drmbids"), fold_progress("sub-01", show) as on_fold:
        on_fold("drm", "run-1", 2, 4)
    assert ("2/4 fits" in screen.getvalue()) == show
    assert bool(caplog.messages) != show
