"""What changes a number changes the hash, and nothing else does."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline

from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.storage.fingerprint import fingerprint
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.baselines.ridge import RidgeBaseline
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.estimators.transformers import ScaleStimuli

MODEL = """\
schema_version: 1
stimuli: {events: {conditions: all}}
populations: {V1: {kind: leaky}}
projections: [{from: events, to: V1}]
"""


def run(value: float = 0.0, sources: tuple[str, ...] = (), label: str = "1") -> Run:
    bold = Stream(np.full((5, 2), value), 2.0 * np.arange(5))
    events = Events([1.0], [2.0], ["face"])
    return Run({"V1": bold}, {"events": events}, tr=2.0, entities={"run": label}, sources=sources)


DIFFERENT = [
    run(), run(1e-300), run(label="2"), Nuisance(), Nuisance(confounds=False), GLMBaseline(),
    GLMBaseline("spm"), DRMRegressor(), DRMRegressor(random_state=1), DRMRegressor(n_epochs=5),
    RidgeBaseline(alphas=[1.0]), RidgeBaseline(alphas=[1]),
    make_pipeline(ScaleStimuli(), GLMBaseline()),
    GridSearchCV(GLMBaseline(), {"hrf_model": ["spm"]}, cv=KFold(2)),
    GridSearchCV(GLMBaseline(), {"hrf_model": ["spm"]}, cv=KFold(3)),
    0, False, None, "", b"", [], {}, [0], [[]], [[], []], np.zeros(2), np.zeros((1, 2)),
    np.float32(0),
    0.0, -0.0, float("nan"), np.sin, np.cos, {1}, {2}, range(2), Path("a"), "a",
]  # fmt: skip


def test_different_things_have_different_hashes() -> None:
    found = [fingerprint(thing) for thing in DIFFERENT]
    assert len(set(found)) == len(DIFFERENT)


def test_equal_things_have_one_hash() -> None:
    assert fingerprint(run()) == fingerprint(run(sources=("elsewhere/bold.nii.gz",)))
    assert fingerprint(run()) == fingerprint(pickle.loads(pickle.dumps(run())))
    shown = DRMRegressor(callbacks=[lambda row: None])
    assert fingerprint(shown) == fingerprint(DRMRegressor())
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"a": 1, "b": 2})


def test_the_content_of_a_model_file_counts(tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    path.write_text(MODEL)
    before = fingerprint(DRMRegressor(path))
    path.write_text(MODEL.replace("leaky", "gru"))
    assert fingerprint(DRMRegressor(path)) != before


def test_a_stimulus_in_a_file_counts_by_its_file(tmp_path: Path) -> None:
    np.save(tmp_path / "movie.npy", np.zeros((4, 2)))
    first = fingerprint(np.load(tmp_path / "movie.npy", mmap_mode="r"))
    assert first == fingerprint(np.load(tmp_path / "movie.npy", mmap_mode="r"))
    np.save(tmp_path / "movie.npy", np.ones((4, 2)))
    assert first != fingerprint(np.load(tmp_path / "movie.npy", mmap_mode="r"))


def test_what_has_no_content_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be told apart"):
        fingerprint(GLMBaseline(hrf_model=lambda tr, oversampling: None))


def test_the_order_of_regions_counts() -> None:
    """Predictions and weights stand side by side in that order."""
    one, other = np.zeros((3, 2)), np.ones((3, 2))
    assert fingerprint({"V1": one, "V2": other}) != fingerprint({"V2": other, "V1": one})


def test_parts_of_one_mapped_file_are_told_apart(tmp_path: Path) -> None:
    np.save(tmp_path / "film.npy", np.zeros((10, 2)))
    film = np.load(tmp_path / "film.npy", mmap_mode="r")
    parts = [film, film[:5], film[5:], film[::2]]
    assert len({fingerprint(part) for part in parts}) == 4
    assert fingerprint(film[5:]) == fingerprint(film[5:])
