"""Maps and series of a model lie at the voxels of its regions, whatever their order."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from drmbids.app.analysis.cross_validation import CrossValidation
from drmbids.app.analysis.write import write_series
from drmbids.bids.derivatives import DerivativeDataset
from drmbids.data.runs.fold import Fold
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.results import SCORE_COLUMNS, Results
from drmbids.data.runs.run import Run, VoxelSpace
from drmbids.data.runs.stream import Stream

VOXELS = {"V1": np.array([(0, 0, 0), (0, 0, 1)]), "V2": np.array([(1, 1, 1)])}


@pytest.mark.parametrize("regions", [("V1", "V2"), ("V2", "V1"), ("V2",), ("V1",)])
def test_series_of_a_model_lie_in_its_regions(tmp_path: Path, regions: tuple[str, ...]) -> None:
    rng, times = np.random.default_rng(0), 2.0 * np.arange(30)
    space = VoxelSpace((2, 2, 2), np.eye(4), VOXELS)
    bold = {name: rng.normal(size=(30, len(v))) for name, v in VOXELS.items()}
    responses = {name: Stream(x, times, space.columns(name)) for name, x in bold.items()}
    run = Run(responses, tr=2.0, entities={"subject": "01", "task": "x"}, space=space)
    predicted = {name: rng.normal(size=x.shape) for name, x in bold.items()}
    rows = [("drm", "f", n, k, 0.0, 0.0) for n in regions for k in range(len(VOXELS[n]))]
    table = pd.DataFrame(rows, columns=list(SCORE_COLUMNS))
    held_out = np.concatenate([predicted[name] for name in regions], axis=1)
    fold, predictions = Fold("f", (), (0,)), {"drm": {run.label: held_out}}
    results = Results(table, predictions, nuisance=Nuisance("none"), splits=[fold])
    dataset = DerivativeDataset(tmp_path, tmp_path)
    write_series(dataset, [run], results, CrossValidation("run", 1))
    for kind in ("predicted", "residual"):
        file = f"sub-01/func/sub-01_task-x_desc-drm{kind}_bold.nii.gz"
        found = nib.load(tmp_path / file).get_fdata()
        for name, voxels in VOXELS.items():
            whole = predicted[name] if kind == "predicted" else bold[name] - predicted[name]
            expected = (whole - whole.mean(0)).T if name in regions else 0.0
            i, j, k = voxels.T
            shape = (len(voxels), 30)
            np.testing.assert_allclose(found[i, j, k], expected + np.zeros(shape), atol=1e-6)
