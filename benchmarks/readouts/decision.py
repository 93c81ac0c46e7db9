"""Nets trained on behaviour alone: a perceptual decision, and a cue that has to be remembered."""

import numpy as np

from benchmarks.accuracy.data import SEEDS
from benchmarks.rows import Row
from drmbids import DelayedResponse, DRMClassifier, PerceptualDecision
from drmbids.data.tasks.base import Task

#: Runs, and trials in each, that a net has not seen: a share is then known to about a hundredth.
UNSEEN = (20, 600)


def model(population: str, **options: object) -> dict:
    """Return one population that sees the task and chooses."""
    return {
        "schema_version": 1,
        "resolution_s": 0.1,
        "stimuli": {"task": {}},
        "populations": {population: {"kind": "leaky", **options}},
        "projections": [{"from": "task", "to": population}],
        "readout": {"kind": "choice", "length_s": 0.2},
    }


def trained(task: Task, stated: dict, seed: int) -> np.ndarray:
    """Return the hits in unseen trials of a net that was trained on four runs of 120 trials."""
    runs, _ = task.draw(4, 120, random_state=seed)
    net = DRMClassifier(stated, n_epochs=100, random_state=seed).fit(runs)
    unseen, trials = task.draw(*UNSEEN, random_state=1000 + seed)
    return np.concatenate(list(net.predict(unseen))) == trials["answer"].to_numpy()


def decision() -> list[Row]:
    """Return accuracies of a perceptual decision, mean over seeds; trials of another draw."""
    task = PerceptualDecision()
    accuracy, rightward = [], []
    for seed in SEEDS:
        hits = trained(task, model("LIP", units=6), seed)
        table = task.draw(*UNSEEN, random_state=1000 + seed)[1]
        coherence, signed = table["coherence"].to_numpy(), table["signed_coherence"].to_numpy()
        right = hits == (table["answer"] == "right").to_numpy()
        accuracy.append([hits[coherence == c].mean() for c in task.coherences])
        rightward.append([right[signed == c].mean() for c in np.unique(signed)])
    mean, spread = np.mean(accuracy, axis=0), np.ptp(accuracy, axis=0)
    ideal = np.array([task.ideal_accuracy(c) for c in task.coherences])
    detail = f"3 seeds, range {spread[-1]:.4f}; ideal observer {ideal[-1]:.3f}"
    step = float(np.diff(np.mean(rightward, axis=0)).min())
    share = float(((mean - 0.5).sum()) / (ideal - 0.5).sum())
    figures = ", ".join(f"{c:g}: {a:.3f}" for c, a in zip(task.coherences, mean, strict=True))
    remembered = [trained(DelayedResponse(), model("PFC", units=24), s).mean() for s in SEEDS]
    return [
        Row("decision", "leaky", "accuracy at coherence .512", mean[-1], 0.9, False, detail),
        Row("decision", "leaky", "least step of the psychometric curve", step, 0.0, False, figures),
        Row("decision", "leaky", "above chance, over the ideal", share, 0.9, False, ""),
        Row(
            "decision", "leaky", "delayed response, 8 places", float(np.mean(remembered)), 0.9,
            False, f"chance .125; 3 seeds, range {np.ptp(remembered):.4f}",
        ),
    ]  # fmt: skip
