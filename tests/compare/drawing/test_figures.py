"""Every figure shows the numbers it is given, in the style of the project and nowhere else."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from drmbids.compare.drawing.connection_matrix import connection_matrix
from drmbids.compare.drawing.design import design
from drmbids.compare.drawing.fold_scores import MOST_REGIONS, fold_scores
from drmbids.compare.drawing.group_scores import group_scores
from drmbids.compare.drawing.hrfs import hrfs
from drmbids.compare.drawing.model_frequencies import model_frequencies
from drmbids.compare.drawing.participant_differences import participant_differences
from drmbids.compare.drawing.recovery import recovery
from drmbids.compare.drawing.score_histogram import score_histogram
from drmbids.compare.drawing.score_map import score_map
from drmbids.compare.drawing.score_scatter import score_scatter
from drmbids.compare.drawing.series import series
from drmbids.compare.drawing.style import model_colors, shorten, svg
from drmbids.compare.drawing.training_curve import training_curve
from drmbids.compare.drawing.variance_parts import variance_parts
from drmbids.data.tools.exceptions import DataError

PEOPLE = pd.DataFrame(
    {
        "participant_id": ["sub-1", "sub-2", "sub-3"] * 2,
        "model": ["a"] * 3 + ["b"] * 3,
        "baseline": "glm",
        "fold_mean": [0.1, 0.2, 0.3, -0.1, np.nan, 0.0],
        "fold_se": [0.02, np.nan, 0.03, 0.01, np.nan, 0.02],
    }
)
MEANS = pd.DataFrame(
    [("a", 0.2, 0.1, 0.3, 0.19, 0.08, 0.3), ("b", -0.05, np.nan, np.nan, np.nan, np.nan, np.nan)],
    columns=[
        *("model", "mean_difference", "ci_low", "ci_high"),
        *("mixed_mean", "mixed_ci_low", "mixed_ci_high"),
    ],
)
SELECTION = pd.DataFrame(
    {
        "model": ["glm", "drm"] * 2,
        "prior_count": [1.0, 1.0, 0.5, 0.5],
        "frequency": [0.3, 0.7, 0.2, 0.8],
        "protected_exceedance": [0.2, 0.8, 0.1, 0.9],
        "n_participants": 9,
    }
)


@pytest.fixture
def scores():
    rng = np.random.default_rng(0)
    rows = [(m, "V1", t, rng.normal(0.2 + 0.1 * k, 0.1)) for k, m in enumerate(("glm", "drm"))
            for t in range(50)]  # fmt: skip
    return pd.DataFrame(rows, columns=["model", "region", "target", "r"])


def test_every_axis_says_what_it_shows_and_in_which_unit(scores):
    events = pd.DataFrame({"onset": [0.0], "duration": [2.0], "condition": ["a"]})
    response = pd.DataFrame({"region": "V1", "time_s": [0.0, 5.0], "hrf": [0.0, 1.0]})
    edge = {"source": ["a"], "target": ["b"], "delay_s": [0.5], "weight_mean": [1.0]}
    recovered = {"quantity": ["delay"], "name": "x", "unit": "s", "truth": 1.0, "estimate": 1.1}
    log = pd.DataFrame({"epoch": [1, 2], "train_loss": [1.0, 0.5]})
    people = pd.DataFrame({"participant_id": "sub-01", "model": ["a", "b"], "r_median": [0.1, 0.2]})
    said = {
        design(events): ("Time (s)", "Condition"),
        series(np.arange(3.0), np.ones(3), {}): ("Time (s)", "Signal (image units)"),
        hrfs(response): ("Time after activity (s)", "Response (peak = 1)"),
        connection_matrix(pd.DataFrame(edge), ["a"], ["b"]): ("from", "to"),
        recovery(pd.DataFrame(recovered)): ("truth (s)", "estimate (s)"),
        training_curve(log): ("Epoch", "Loss (error / variance)"),
        score_histogram(scores): ("r", "Targets (n = 50)"),
        fold_scores(scores.assign(fold="1")): ("r", "Region"),
        participant_differences(PEOPLE, MEANS, "r"): ("Difference in r", "Participant (n = 3)"),
        model_frequencies(SELECTION): ("Share of participants", "Model"),
        score_scatter(scores, "glm", "drm"): ("r, glm", "r, drm"),
        group_scores(people, label="median r"): ("Model", "median r"),
    }
    for figure, labels in said.items():
        assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == labels
    assert score_map(np.ones((2, 2, 1)), label="r").axes[-1].get_ylabel() == "r"
    titles = [a.get_title("left") for a in connection_matrix(pd.DataFrame(edge), ["a"], ["b"]).axes]
    assert {"Mean weight", "Delay (s)"} <= set(titles)


def test_design_draws_each_event_at_its_time():
    events = pd.DataFrame(
        {"onset": [0.0, 5.0, 8.0], "duration": [2.0, 0.0, 1.0], "condition": ["b", "a", "b"]}
    )
    axes = design(events, duration=20.0).axes[0]
    bars = axes.patches
    assert sorted(bar.get_x() for bar in bars) == [0.0, 5.0, 8.0]
    assert all(bar.get_width() > 0 for bar in bars)  # an impulse is seen too
    assert [t.get_text() for t in axes.get_yticklabels()] == ["b", "a"]
    assert axes.get_xlim() == (0.0, 20.0)


def test_design_height_follows_amplitude():
    events = pd.DataFrame(
        {"onset": [0.0, 5.0], "duration": 1.0, "condition": "a", "amplitude": [1.0, 0.5]}
    )
    full, half = (bar.get_height() for bar in design(events).axes[0].patches)
    assert half == pytest.approx(full / 2)


def test_series_draws_what_it_is_given():
    times, measured = np.arange(5) * 2.0, np.arange(5.0)
    axes = series(times, measured, {"glm": measured * 2, "drm": measured * 3}, baseline="glm").axes[
        0
    ]
    for line, factor in zip(axes.lines, (1, 2, 3), strict=True):
        assert np.array_equal(line.get_ydata(), measured * factor)
        assert np.array_equal(line.get_xdata(), times)
    assert axes.get_xlabel() == "Time (s)"


def test_hrfs_have_unit_peak_and_the_canonical_ones_peak_where_they_should():
    times = np.arange(0, 20, 0.5)
    table = pd.DataFrame({"region": "V1", "time_s": times, "hrf": 7 * np.exp(-((times - 6) ** 2))})
    lines = {line.get_label(): line for line in hrfs(table).axes[0].lines}
    for name in ("SPM", "Glover", "V1"):
        assert np.max(lines[name].get_ydata()) == pytest.approx(1.0)
    assert lines["V1"].get_xdata()[np.argmax(lines["V1"].get_ydata())] == 6.0
    # both canonical functions peak near 5 s (Friston et al., 1998; Glover, 1999)
    for name in ("SPM", "Glover"):
        peak = lines[name].get_xdata()[np.argmax(lines[name].get_ydata())]
        assert 4.5 < peak < 5.6


def test_hrfs_of_many_regions_are_summed_up():
    table = pd.concat(
        pd.DataFrame({"region": f"r{k}", "time_s": [0.0, 5.0, 10.0], "hrf": [0.0, 1.0, 0.01 * k]})
        for k in range(40)
    )
    labels = [text.get_text() for text in hrfs(table).axes[0].get_legend().get_texts()]
    assert labels == ["SPM", "Glover", "median of 40 regions"]


def test_a_response_that_regions_share_is_drawn_once():
    table = pd.concat(
        pd.DataFrame({"region": f"r{k}", "time_s": [0.0, 5.0], "hrf": [0.0, float(k < 4)]})
        for k in range(6)
    )
    labels = [text.get_text() for text in hrfs(table).axes[0].get_legend().get_texts()]
    assert labels == ["SPM", "Glover", "4 regions", "r4, r5"]


def test_histogram_counts_every_target_once(scores):
    with_missing = pd.concat([scores, scores.tail(1).assign(r=np.nan)])
    axes = score_histogram(with_missing, baseline="glm").axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    medians = scores.groupby("model")["r"].median()
    assert f"drm (median {medians['drm']:.3g})" in labels
    assert axes.get_xlabel() == "r"


def test_histogram_without_a_score_says_so(scores):
    figure = score_histogram(scores.assign(r=np.nan))
    assert figure.axes[0].texts[0].get_text() == "no finite score"


def test_scatter_pairs_targets_whatever_their_order(scores):
    wide = scores.pivot(index="target", columns="model", values="r")
    better = int((wide["drm"] > wide["glm"]).sum())
    shuffled = scores.sample(frac=1, random_state=0)
    axes = score_scatter(shuffled, "glm", "drm").axes[0]
    assert axes.get_title(loc="left") == f"drm higher in {better} of 50 targets"
    points = np.asarray(axes.collections[0].get_offsets())
    assert np.allclose(np.sort(points[:, 0]), np.sort(wide["glm"]))


@pytest.mark.parametrize("shape", [(40, 20, 1), (6, 10, 10), (97, 115, 97), (1, 1, 1)])
def test_map_of_any_shape(shape):
    volume = np.full(shape, np.nan)
    inner = tuple(slice(n // 4, max(n // 4 + 1, 3 * n // 4)) for n in shape)
    volume[inner] = np.random.default_rng(0).normal(size=volume[inner].shape)
    figure = score_map(volume, (3.5, 3.5, 3.5), label="r")
    images = [axes.images[0] for axes in figure.axes if axes.images]
    n_filled = min(18, volume[inner].shape[2])
    assert len(images) == n_filled
    assert np.nanmax(images[0].get_array()) == np.nanmax(volume[:, :, inner[2].start])
    width, height = figure.get_size_inches()
    assert width <= 8
    assert height <= 8


def test_map_shows_voxels_in_proportion():
    axes = score_map(np.ones((4, 4, 1)), (2.0, 6.0, 1.0)).axes[0]
    assert axes.get_aspect() == 3.0


def test_map_of_a_difference_is_symmetric_around_zero():
    volume = np.linspace(-0.1, 0.4, 16).reshape(4, 4, 1)
    image = score_map(volume, diverging=True).axes[0].images[0]
    low, high = image.get_clim()
    assert low == -high < 0


def test_map_refuses_other_than_three_axes():
    with pytest.raises(DataError, match=r"3 axes, got an array of shape \(2, 2\)"):
        score_map(np.ones((2, 2)))


def test_training_curve_marks_the_best_epoch():
    log = pd.DataFrame({"epoch": [1, 2, 3], "train_loss": [3.0, 2, 1], "val_loss": [3.0, 1.5, 2]})
    labels = [text.get_text() for text in training_curve(log).axes[0].get_legend().get_texts()]
    assert labels == ["training", "validation", "lowest validation loss (epoch 2)"]
    alone = training_curve(log.assign(val_loss=np.nan)).axes[0]
    assert len(alone.lines) == 1


def test_recovery_has_a_panel_for_each_quantity_that_has_an_estimate():
    table = pd.DataFrame(
        {
            "quantity": ["delay", "delay", "weight"],
            "name": ["a", "b", "c"],
            "unit": ["s", "s", "1"],
            "truth": [0.1, 0.2, 0.5],
            "estimate": [0.1, 0.25, np.nan],
        }
    )
    (first,) = recovery(table).axes
    assert (first.get_title(loc="left"), first.get_xlabel()) == ("delay", "truth (s)")
    assert np.allclose(first.collections[0].get_offsets(), [[0.1, 0.1], [0.2, 0.25]])
    assert "no quantity was recovered" in [t.get_text() for t in recovery(table[2:]).axes[0].texts]


def test_group_scores_joins_a_participants_dots():
    rows = [(p, m, r) for p, a, b in (("01", 0.1, 0.3), ("02", 0.2, 0.25))
            for m, r in (("drm", b), ("glm", a))]  # fmt: skip
    table = pd.DataFrame(rows, columns=["participant_id", "model", "r_median"])
    lines = group_scores(table, baseline="glm").axes[0].lines
    assert [list(line.get_ydata()) for line in lines] == [[0.1, 0.3], [0.2, 0.25]]


def test_style_is_not_global_and_ignores_the_users(scores):
    before = {k: mpl.rcParams[k] for k in mpl.rcParams}
    with mpl.rc_context({"font.size": 40, "axes.spines.top": True}):
        figure = score_histogram(scores)
        assert mpl.rcParams["font.size"] == 40
    assert not figure.axes[0].spines["top"].get_visible()
    assert figure.axes[0].xaxis.label.get_size() == 8
    assert {k: mpl.rcParams[k] for k in mpl.rcParams} == before


def test_svg_is_the_same_text_each_time_and_names_are_no_mathematics():
    events = pd.DataFrame({"onset": [0.0], "duration": [1.0], "condition": ["$x_{<b>--"]})
    first, second = svg(design(events)), svg(design(events))
    assert first == second
    assert "metadata" not in first
    assert "<b>" not in first


def test_model_colors_repeat_only_when_they_run_out():
    colors = model_colors(["glm", "a", "b", "c", "d", "e", "f"], baseline="glm")
    assert len(set(colors.values())) == 7
    assert model_colors(["a", "glm"], "glm")["a"] == colors["a"]


def test_shorten_keeps_both_ends():
    assert shorten("abcdefghij", 5) == "ab…ij"
    assert shorten("abc", 5) == "abc"


def test_fold_scores_draw_each_fold_and_their_mean():
    rows = [(m, g, f, k + 0.1 * f) for k, (m, g) in enumerate([("glm", "V1"), ("drm", "V1"),
            ("drm", "V2")]) for f in range(3)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["model", "region", "fold", "r"])
    axes = fold_scores(table, baseline="glm").axes[0]
    dots = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 3]
    assert sorted(np.concatenate(dots)) == pytest.approx(sorted(table["r"]))
    bars = [c.get_segments()[0][0][0] for c in axes.collections]
    assert sorted(bars) == pytest.approx([0.1, 1.1, 2.1])
    assert [t.get_text() for t in axes.get_yticklabels()] == ["V1", "V2"]
    assert axes.lines[0].get_color() == model_colors(["glm", "drm"], "glm")["glm"]


def test_fold_scores_of_many_regions_say_how_many_are_left_out():
    table = pd.DataFrame(
        {"model": "m", "region": [f"r{k}" for k in range(50)], "fold": 1, "r": 0.1}
    )
    axes = fold_scores(table).axes[0]
    assert len(axes.get_yticks()) == MOST_REGIONS
    assert f"first {MOST_REGIONS} of 50 regions" in axes.get_title(loc="left")
    assert fold_scores(table.assign(r=np.nan)).axes[0].texts[0].get_text() == "no finite score"


def test_histogram_shows_the_ceiling(scores):
    ceiling = pd.Series([0.4, 0.5, np.nan, 0.6])
    axes = score_histogram(scores, "glm", ceiling=ceiling).axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[-1] == "noise ceiling (median 0.5)"
    assert axes.get_xlim()[1] > 0.6


def test_differences_have_every_participant_and_both_means():
    first, second = participant_differences(PEOPLE, MEANS).axes
    assert first.get_title(loc="left") == "a - glm"
    (dots, *means) = [line for line in first.lines if line.get_marker() in ("o", "s", "D")]
    assert dots.get_xdata() == pytest.approx([0.1, 0.2, 0.3])
    assert [line.get_xdata()[0] for line in means] == [0.2, 0.19]
    intervals = [c.get_segments()[0][:, 0].tolist() for c in first.collections[1:]]
    assert intervals == [[0.1, 0.3], [0.08, 0.3]]
    assert [text.get_text() for text in second.texts] == ["n/a"]  # no mixed mean of b
    assert [t.get_text() for t in first.get_yticklabels()][-2:] == [
        "mean, bootstrap",
        "mean, mixed",
    ]


def test_frequencies_are_those_of_each_prior():
    figure = model_frequencies(SELECTION)
    for axes, column in zip(figure.axes, ("frequency", "protected_exceedance"), strict=True):
        assert [bar.get_width() for bar in axes.patches] == SELECTION[column].tolist()
    assert "n = 9 participants" in figure.get_suptitle()


def test_shared_parts_are_hatched_and_negative_ones_drawn():
    rows = [("a", 1, "V1", t, -0.1) for t in (0, 1)] + [("a & b", 2, "V1", t, 0.2 + 0.2 * t)
            for t in (0, 1)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["part", "n_spaces", "region", "target", "r2"])
    axes = variance_parts(table).axes[0]
    unique, shared = axes.patches
    assert (unique.get_width(), shared.get_width()) == pytest.approx((-0.1, 0.3))
    assert (unique.get_hatch(), shared.get_hatch()) == (None, "////")
    assert axes.get_title(loc="left") == "V1 (2 targets)"
