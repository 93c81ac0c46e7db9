"""Public figures take estimators, results and runs, and show their numbers."""

import inspect
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import drmbids
from drmbids import plotting
from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.drawing import style
from drmbids.compare.figures import words
from drmbids.compare.inference.event_responses import event_responses
from drmbids.compare.statistics.pairs import compare_pairs
from drmbids.data.runs.results import Results
from drmbids.data.runs.run import Run, VoxelSpace
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.baselines.mean import MeanBaseline
from drmbids.fit.estimators.drm import DRMRegressor

PLACES = {"V1": np.array([[1, 1, 0], [2, 1, 0], [1, 2, 1]]), "V2": np.array([[2, 2, 1]])}
SPACE = VoxelSpace((4, 4, 2), np.diag([2.0, 2.0, 2.0, 1.0]), PLACES)


def make_run(k: int) -> Run:
    rng, times = np.random.default_rng(k), 2.0 * np.arange(40)
    onsets = np.arange(4.0, 60.0, 14.0) + rng.uniform(0, 4)
    seen = ((times[:, None] - onsets > 3) & (times[:, None] - onsets < 9)).sum(1)[:, None]
    responses = {
        name: Stream(
            seen + 0.3 * rng.normal(size=(40, len(places))),
            times,
            SPACE.columns(name),
            unit="percent",
        )
        for name, places in PLACES.items()
    }
    events = Events(onsets, np.full(4, 4.0), ["a", "b"] * 2, columns=("b", "a"))
    return Run(responses, {"events": events}, tr=2.0, entities={"run": str(k)}, space=SPACE)


RUNS = [make_run(k) for k in range(3)]


@pytest.fixture(scope="module")
def results() -> Results:
    return compare_models({"mean": MeanBaseline(), "glm": GLMBaseline()}, RUNS, log_likelihood=True)


@pytest.fixture(scope="module")
def fitted() -> DRMRegressor:
    return DRMRegressor(n_epochs=2).fit(RUNS)


def test_the_place_of_figures_loads_nothing_heavy_and_lists_them() -> None:
    code = (
        "import sys, drmbids; names = drmbids.plotting.__all__; "
        "assert not {'matplotlib', 'torch', 'pandas'} & set(sys.modules); print(len(names))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == len(plotting.__all__) >= 20


@pytest.mark.parametrize("name", plotting.__all__)
def test_each_is_documented_and_returns_a_figure(name: str) -> None:
    function = getattr(drmbids.plotting, name)
    assert function.__name__ == name
    assert inspect.signature(function).return_annotation is Figure
    text = inspect.getdoc(function)
    assert "Parameters\n---" in text and "Returns\n---" in text
    assert f"from drmbids.plotting import {name}" in text.partition("Examples\n---")[2]


def test_every_drawing_can_be_had_by_a_user() -> None:
    """No module of drawings is left without a public figure that uses it."""
    folder, package = Path(style.__file__).parent, style.__name__.rpartition(".")[0]
    figures = Path(words.__file__).parent.glob("*.py")
    used = "".join(path.read_text("utf-8") for path in figures)
    helpers = {"__init__", "style", "brain_layout"}
    drawings = {path.stem for path in folder.glob("*.py")} - helpers
    assert [name for name in drawings if f"{package}.{name} import" not in used] == []


def test_scores_are_those_of_the_results(results: Results) -> None:
    figure = plotting.plot_scores(results, baseline="glm")
    dots = np.concatenate([line.get_xdata() for line in figure.axes[0].lines])
    medians = results.table.groupby(["model", "region", "fold"])["r"].median()
    assert np.isin(medians.to_numpy().round(9), np.asarray(dots, dtype=float).round(9)).all()
    in_sample = replace(results, splits=[replace(results.splits[0], kind="none")])
    assert "in sample" in plotting.plot_scores(in_sample).axes[0].get_xlabel()
    pairs = compare_pairs(results)
    (means,) = [
        line.get_xdata()
        for line in plotting.plot_pairs(results).axes[0].lines
        if line.get_marker() == "o"
    ]
    np.testing.assert_allclose(means, pairs["fold_mean"])
    scatter = plotting.plot_score_scatter(results, "glm", "mean").axes[0]
    offsets = np.asarray(scatter.collections[0].get_offsets())
    wide = results.per_target().pivot(index=["region", "target"], columns="model", values="r")
    np.testing.assert_allclose(offsets, wide[["mean", "glm"]].to_numpy())
    assert plotting.plot_score_histogram(results).axes[0].get_ylabel() == "Targets (n = 4)"


def test_maps_put_scores_at_their_voxels(results: Results) -> None:
    r = results.per_target().set_index(["model", "region", "target"])["r"]
    figure = plotting.plot_score_map(results, RUNS, "glm")
    first = np.ma.filled(figure.axes[0].images[0].get_array(), np.nan)
    values = first[np.isfinite(first)]
    np.testing.assert_allclose(np.sort(values), np.sort([r["glm", "V1", 0], r["glm", "V1", 1]]))
    change = plotting.plot_score_map(results, RUNS, "glm", baseline="mean")
    second = np.ma.filled(change.axes[1].images[0].get_array(), np.nan)
    expected = [r["glm", v, t] - r["mean", v, t] for v, t in (("V1", 2), ("V2", 0))]
    np.testing.assert_allclose(np.sort(second[np.isfinite(second)]), np.sort(expected))
    assert change.axes[-1].get_ylabel() == "r of glm - r of mean"


def test_series_are_those_that_were_scored(results: Results) -> None:
    axes = plotting.plot_series(results, RUNS, run=1, region="V2").axes[0]
    measured, mean, glm = (line.get_ydata() for line in axes.lines)
    fold = RUNS[1].label
    rows = results.table[(results.table["fold"] == fold) & (results.table["region"] == "V2")]
    scores = rows.set_index("model")["r"]
    assert np.corrcoef(measured, glm)[0, 1] == pytest.approx(scores["glm"], abs=1e-6)
    assert np.corrcoef(measured, mean)[0, 1] == pytest.approx(scores["mean"], abs=1e-6)
    assert "2_2_1" in axes.get_title(loc="left") and axes.get_ylabel() == "Signal (percent)"


def test_conditions_have_one_colour_in_all_figures(fitted: DRMRegressor) -> None:
    axes = plotting.plot_events(RUNS[0]).axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["b", "a"]
    bars = {round(bar.get_x(), 6): bar.get_facecolor()[:3] for bar in axes.patches}
    figure = plotting.plot_event_responses(fitted, RUNS, durations=[1.0])
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    for onset, name in zip(RUNS[0].stimuli["events"].onsets, ["a", "b"], strict=False):
        assert bars[round(onset, 6)] == to_rgb(lines[f"{name}, 1 s"].get_color())
    table = event_responses(fitted, RUNS, [1.0])
    part = table[(table["region"] == "V1") & (table["condition"] == "a")]
    np.testing.assert_allclose(lines["a, 1 s"].get_ydata(), part["response"])
    assert figure.axes[0].get_ylabel() == "Signal (percent)"


def test_a_fit_shows_its_brain_training_and_hemodynamics(fitted: DRMRegressor) -> None:
    for model in (fitted, fitted.net_):
        texts = [text.get_text() for text in plotting.plot_brain_graph(model).axes[0].texts]
        assert {"V1", "V2", "events"} <= set(texts)
        image = plotting.plot_connections(model).axes[0].images[0].get_array()
        rows = pd.DataFrame(fitted.net_.connection_rows())
        shown = np.ma.filled(image, np.nan)
        np.testing.assert_allclose(
            np.sort(shown[np.isfinite(shown)]), np.sort(rows["weight_mean"]), rtol=1e-6
        )
        assert "SPM" in plotting.plot_hrfs(model).axes[0].get_legend_handles_labels()[1]
    (line,) = plotting.plot_training(fitted).axes[0].lines
    assert list(line.get_ydata()) == [row["train_loss"] for row in fitted.history_]


def test_participants_are_drawn_from_the_results_of_each(results: Results) -> None:
    people = {}
    for k in range(3):
        table = results.table.copy()
        table.loc[table["model"] == "glm", ["r", "log_likelihood"]] += 0.01 * k
        people[f"sub-{k}"] = replace(results, table=table)
    figure = plotting.plot_group_scores(people, baseline="mean")
    drawn = [np.asarray(c.get_offsets())[:, 1] for c in figure.axes[0].collections[:1]]
    medians = [p.per_target().query("model == 'mean'")["r"].median() for p in people.values()]
    np.testing.assert_allclose(np.sort(drawn[0]), np.sort(medians))
    figure = plotting.plot_participant_differences(people, "mean")
    assert figure.axes[0].get_title(loc="left") == "glm - mean"
    frequencies = plotting.plot_model_frequencies(people)
    assert "n = 3 participants" in frequencies.get_suptitle()
    with pytest.raises(UsageError, match="give the results of each participant"):
        plotting.plot_group_scores(results)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda r, f: plotting.plot_scores(r, "rho"), UsageError, r"no score 'rho' in the results"),
        (lambda r, f: plotting.plot_scores(r, baseline="drm"), UsageError, "no model 'drm' in"),
        (lambda r, f: plotting.plot_brain_graph(GLMBaseline().fit(RUNS)), UsageError, "no brain"),
        (lambda r, f: plotting.plot_brain_graph("model.yaml"), UsageError, "give a DRMNet"),
        (lambda r, f: plotting.plot_training(GLMBaseline().fit(RUNS)), UsageError, "no history"),
        (lambda r, f: plotting.plot_intervals(f), UsageError, "give the runs"),
        (lambda r, f: plotting.plot_events(RUNS[0], "film"), DataError, "no events 'film'"),
        (lambda r, f: plotting.plot_series(Results(r.table), RUNS), UsageError, "no predictions"),
        (lambda r, f: plotting.plot_series(r, RUNS, region="V9"), UsageError, "no region 'V9'"),
        (lambda r, f: plotting.plot_series(r, RUNS, target=9), UsageError, "no target 9"),
        (
            lambda r, f: plotting.plot_score_map(r, [replace(RUNS[0], space=None)], "glm"),
            DataError,
            "not read from a volume",
        ),
        (
            lambda r, f: plotting.plot_score_surface(r, RUNS, "glm", {}),
            DataError,
            "no target is a vertex",
        ),
        (lambda r, f: plotting.plot_physiology(RUNS[0].responses["V1"]), UsageError, "cardiac or"),
    ],
)
def test_what_cannot_be_drawn_is_said(results, fitted, call, error, message) -> None:
    with pytest.raises(error, match=message):
        call(results, fitted)


def test_a_net_without_data_has_a_graph() -> None:
    net = DRMNet({"V1": Leaky(2, 1)}, [DRMConnection()], [[None]], BOLD([2], [3]), 0.5)
    assert plotting.plot_connections(net).axes[0].get_xlabel() == "from"
