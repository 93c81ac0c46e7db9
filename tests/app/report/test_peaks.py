"""A response that peaks when none does is named beside its figure."""

import pandas as pd
import pytest

from drmbids.app.report.model_sections import _note_odd_peaks
from drmbids.app.report.page import Section


@pytest.mark.parametrize(("peak", "named"), [(1.0, True), (5.0, False), (9.5, True)])
def test_odd_peaks_are_named(peak: float, named: bool) -> None:
    curve = {"time_s": [0.0, peak, 20.0], "hrf": [0.0, 1.0, 0.0]}
    table = pd.concat(pd.DataFrame({"region": name, **curve}) for name in ("V1", "V2"))
    section = Section("Hemodynamic responses", "hrf")
    _note_odd_peaks(section, table.reset_index(drop=True))
    assert bool(section.blocks) == named
    if named:
        assert f"V1 and 1 more peaks at {peak:.1f} s" in str(section.blocks[0])
