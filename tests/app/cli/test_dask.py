"""Dask shares work among its workers; numbers are those of one process.

Runs where ``distributed`` is installed: two workers take longer to start than a test should take.
"""

import filecmp
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

from drmbids.app.analysis.config import Config
from drmbids.app.commands.participant import run_participants
from drmbids.app.jobs.outcomes import Outcome
from drmbids.app.jobs.side_by_side import run_side_by_side
from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.interruption import Interrupted, watching
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.estimators.drm import DRMRegressor

distributed = pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def client() -> Iterator[object]:
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, distributed.Client(cluster) as one:
        yield one


def test_a_comparison(client: object) -> None:
    rng = np.random.default_rng(0)
    events = Events([10.0, 60.0], [20.0, 20.0], ["face", "house"])
    runs = [
        Run(
            {"V1": Stream(rng.normal(size=(60, 2)), 2.0 * np.arange(60))},
            {"events": events},
            tr=2.0,
            entities={"run": str(k)},
        )
        for k in range(3)
    ]
    models = {"glm": GLMBaseline(), "drm": DRMRegressor(n_epochs=2, random_state=0)}
    alone = compare_models(models, runs).table
    for backend in ("dask", "loky"):
        with joblib.parallel_config(backend):
            shared = compare_models(models, runs, n_jobs=2).table
        pd.testing.assert_frame_equal(shared, alone, check_exact=True)
    with joblib.parallel_config("dask"), watching(Path(os.devnull)), pytest.raises(Interrupted):
        compare_models(models, runs, n_jobs=2)  # the file that asks for a stop is there


def test_participants(client: object, tmp_path: Path, two_participants: Path) -> None:
    config = Config(two_participants, tmp_path / "one", "participant", n_epochs=1, n_permutations=0)
    assert run_participants(config) == 0
    with joblib.parallel_config("dask"):
        assert run_participants(replace(config, out_dir=tmp_path / "dask")) == 0
    names = [
        str(p.relative_to(tmp_path / "one"))
        for p in (tmp_path / "one").glob("sub-*/**/*")
        if p.suffix in (".tsv", ".gz", ".safetensors") and "traininglog" not in p.name  # seconds
    ]
    assert len(names) > 10
    same, *_ = filecmp.cmpfiles(tmp_path / "one", tmp_path / "dask", names, shallow=False)
    assert sorted(same) == sorted(names)


def test_what_a_killed_worker_was_at_is_done_by_another(client: object, tmp_path: Path) -> None:
    def work(config: Config, subject: str) -> Outcome:
        if subject == "02" and not (config.out_dir / "killed").exists():
            (config.out_dir / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Outcome(subject, 0.0)

    config = Config(tmp_path, tmp_path, "participant", verbosity=-1)
    with joblib.parallel_config("dask"):
        found = list(run_side_by_side(work, config, ["01", "02", "03"], tmp_path))
    assert (tmp_path / "killed").exists()
    assert sorted((o.subject, o.error) for o in found) == [("01", None), ("02", None), ("03", None)]
