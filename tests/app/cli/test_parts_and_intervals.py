"""``--variance-parts`` and ``--intervals``: what both levels write."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from drmbids.app.cli.bids_app import bids_app_parser
from drmbids.app.cli.main import main

pytestmark = pytest.mark.usefixtures("no_figures_in_module")

MODEL = """schema_version: 1
name: {name}
stimuli: {{events: {{conditions: all}}}}
populations:
  V1: {{kind: leaky, units: 1, nonlinearity: linear}}
  {more_population}
projections:
  - {{from: events, to: V1}}
  {more_projection}
readout: {{kind: bold, regions: {{brain: [{fed}]}}, hrf: {{kind: double_gamma, trainable: false}}}}
training: {{n_epochs: 1}}
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory, write_bids) -> Path:
    folder = tmp_path_factory.mktemp("parts")
    small, large = folder / "small.yaml", folder / "large.yaml"
    nothing = {"more_population": "", "more_projection": ""}
    more = {
        "more_population": "V2: {kind: leaky, units: 1, nonlinearity: linear}",
        "more_projection": "- {from: V1, to: V2, delay_s: 0.5}",
    }
    small.write_text(MODEL.format(name="small", fed="V1", **nothing))
    large.write_text(MODEL.format(name="large", fed="V1, V2", **more))
    data, out = write_bids(folder / "data", n_runs=2), folder / "out"
    call = [str(data), str(out)]
    code = main([
        *call, "participant", "-q", "-m", str(small), str(large), "--variance-parts", "each",
        "--intervals", "laplace", "--n-permutations", "0",
    ])  # fmt: skip
    assert code == 0
    assert main([*call, "group", "-q"]) == 0
    return out


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", na_values=["n/a"], keep_default_na=False)


def test_parts_add_up_to_the_scores(done):
    parts = table(done / "sub-01/models/sub-01_task-look_desc-parts_scores.tsv")
    scores = table(done / "sub-01/func/sub-01_task-look_desc-scores_timeseries.tsv")
    r2 = scores.groupby(["model", "target"])["r2"].mean()
    for measure in ("unique", "product"):
        some = parts[(parts["model"] == "glm") & (parts["measure"] == measure)]
        np.testing.assert_allclose(some.groupby("target")["r2"].sum(), r2["glm"], atol=1e-6)
    nested = parts[parts["model"] == "large"].set_index("target")
    assert nested["part"].unique().tolist() == ["large"]
    np.testing.assert_allclose(nested["r2"], r2["large"] - r2["small"], atol=1e-6)


def test_intervals_are_written_for_each_model(done):
    found = table(done / "sub-01/models/sub-01_task-look_desc-large_intervals.tsv")
    assert found["parameter"].tolist() == ["tau", "tau"]
    assert (found["low"] <= found["value"]).all() and (found["value"] <= found["high"]).all()
    assert found["method"].unique().tolist() == ["laplace"]


def test_the_given_models_are_compared_with_each_other_first(done):
    pairs = table(done / "sub-01/models/sub-01_task-look_desc-pairs_scores.tsv")
    scores = table(done / "sub-01/func/sub-01_task-look_desc-scores_timeseries.tsv")
    r = scores.pivot(index=["fold", "target"], columns="model", values="r")
    difference = (r["large"] - r["small"]).groupby("fold").median().mean()
    assert pairs["fold_mean"].tolist() == pytest.approx([difference], abs=1e-6)
    assert pairs["simpler"].tolist() == ["small"]
    described = json.loads(
        (done / "sub-01/models/sub-01_task-look_desc-pairs_scores.json").read_text()
    )
    assert set(pairs) <= set(described)
    said = [re.findall('class="lead">(.*?)<', (done / f"{name}.html").read_text())[0]
            for name in ("sub-01", "group")]  # fmt: skip
    assert all(re.match("Held-out r: (these data do not|large|small)", text) for text in said)
    logs = [path.read_text() for path in done.glob("logs/*/drmbids.log")]
    (log,) = [text for text in logs if "median r" in text]
    told = [line for line in log.splitlines() if "sub-01: " in line]
    told = told[next(k for k, line in enumerate(told) if "median r" in line) :]
    for model in ("glm", "freehrf", "small", "large"):
        assert re.search(rf"median r \(R²\) in held-out runs: .*{model} \S+ \(", told[0])
    assert said[0] in told[1].replace("'", "&#39;")
    paired = table(done / "group/desc-paired_participants.tsv")
    assert ((paired["model"] == "large") & (paired["baseline"] == "small")).sum() == 3


def test_both_levels_describe_and_show_them(done):
    group = done / "group"
    for path in [
        *(done / "sub-01/models").glob("*_desc-parts_scores.tsv"),
        *(done / "sub-01/models").glob("*_intervals.tsv"),
        group / "desc-parts_participants.tsv",
        group / "desc-intervals_participants.tsv",
    ]:
        described = json.loads(path.with_suffix(".json").read_text())
        assert all(described[column].get("Description") for column in table(path).columns)
    for page in (done / "sub-01.html", done / "group.html"):
        text = page.read_text("utf-8")
        assert "Parts of the variance" in text and "Intervals of parameters" in text
    methods = (done / "logs/CITATION.md").read_text()
    for phrase in ("(Mood, 1971): face, house", "Hoffman, 1960", "White, 1982", "Lazarus"):
        assert phrase in methods
    configs = [path.read_text() for path in (done / "logs").glob("*/config.toml")]
    asked = [text for text in configs if 'intervals = "laplace"' in text]
    assert len(asked) == 1 and "[variance_parts]" in asked[0]


def test_groups_of_trial_types_come_from_the_command_line(capsys):
    parser, base = bids_app_parser(), ["ds", "out", "participant"]
    found = parser.parse_args([*base, "--variance-parts", "pictures=face,house", "words=word"])
    assert found.variance_parts == {"pictures": ("face", "house"), "words": ("word",)}
    assert parser.parse_args([*base, "--variance-parts", "each"]).variance_parts == {}
    alone = parser.parse_args([*base, "--variance-parts", "face,house", "word"])
    assert alone.variance_parts == {"face+house": ("face", "house"), "word": ("word",)}
    with pytest.raises(SystemExit):
        parser.parse_args([*base, "--variance-parts", "face="])
    assert "needs name=trial_type,..., got 'face='" in capsys.readouterr().err
