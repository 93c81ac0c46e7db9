import numpy as np

from drmbids.brain.modelfile.default import default_model, new_model_text
from drmbids.brain.modelfile.load import as_model, parse_model
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream


def test_the_template_is_the_default_model() -> None:
    assert parse_model(new_model_text()) == default_model()


def test_what_is_commented_out_in_the_template_is_right() -> None:
    lines = new_model_text().splitlines()
    marked = {"events:", "V1:", "FFA:", "- {from", "hrf:", "regions:", "drift:", "training:"}
    for line in lines:
        body = line.strip().removeprefix("# ")
        if line.strip().startswith("# ") and body.startswith(tuple(marked)):
            lines[lines.index(line)] = line.replace("# ", "", 1)
    text = "\n".join(lines)
    for active in (
        "  events: {conditions: all}\n",
        "  hrf: {kind: double_gamma, shape: spm, derivatives: time, trainable: true, "
        "per_region: false}\n",
        "  drift: {kind: polynomial, order: 2}\n",
    ):
        assert active in text
        text = text.replace(active, "")
    spec = parse_model(text)
    assert (spec.training.n_epochs, spec.training.stacking) == (20, "linear")
    assert spec.readout.hrf is not None
    assert spec.readout.hrf.kind == "smooth"
    assert list(spec.populations) == ["each_region", "V1", "FFA"]
    assert [p.label for p in spec.projections[-2:]] == ["V1 -> FFA", "FFA -> V1"]
    assert spec.projections[-1].limited and not spec.projections[-2].limited


def test_default_model_of_runs(runs: list[Run]) -> None:
    spec = as_model(default_model(runs))
    assert spec == default_model()
    net = spec.build(runs)
    assert net.population_names == ("V1", "FFA")
    assert net.resolution == 0.5
    delays = {(r["source"], r["target"]): r["delay_s"] for r in net.connection_rows()}
    assert delays == {
        ("events", "V1"): 0.0, ("events", "FFA"): 0.0, ("V1", "FFA"): 0.5, ("FFA", "V1"): 0.5
    }  # fmt: skip


def test_default_model_takes_all_stimuli_of_the_runs(runs: list[Run]) -> None:
    movie = Stream(np.ones((40, 3)), np.arange(40.0), ["a", "b", "c"])
    run = Run(runs[0].responses, {**runs[0].stimuli, "movie": movie}, tr=2.0)
    net = default_model([run]).build([run])
    assert net.stimuli == {"events": ("face", "house"), "movie": ("a", "b", "c")}
    assert [p.n_units for p in net.populations] == [15, 15]


def test_default_model_of_one_region(runs: list[Run]) -> None:
    run = Run({"V1": runs[0].responses["V1"]}, runs[0].stimuli, tr=2.0)
    assert default_model([run]).build([run]).schedule() == "stage 1: V1, the whole window at once"
