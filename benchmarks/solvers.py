"""Ridge with a penalty for each target against himalaya, where samples are fewer than features."""

from collections.abc import Callable

import numpy as np
import torch
from himalaya.backend import set_backend
from himalaya.kernel_ridge import KernelRidgeCV
from sklearn.model_selection import PredefinedSplit

from benchmarks.rows import Row, compare
from drmbids.maths.estimation.ridge_search import kernel_errors, search_ridge

N_SAMPLES, N_FEATURES, N_DELAYS, N_TARGETS, N_RUNS = 1000, 500, 4, 5000, 5
ALPHAS = np.logspace(0, 4, 10)


def delayed_features() -> tuple[torch.Tensor, torch.Tensor]:
    """Return 500 features at 4 delays and 5,000 targets they explain in part, in float32."""
    make = np.random.RandomState(0)
    features = make.randn(N_SAMPLES, N_FEATURES).astype(np.float32)
    x = np.zeros((N_SAMPLES, N_DELAYS * N_FEATURES), dtype=np.float32)
    for d in range(1, N_DELAYS + 1):
        x[d:, N_FEATURES * (d - 1) : N_FEATURES * d] = features[:-d]
    weights = make.randn(x.shape[1], N_TARGETS).astype(np.float32) / np.sqrt(x.shape[1])
    y = x @ weights + make.randn(N_SAMPLES, N_TARGETS)
    return torch.as_tensor(x), torch.as_tensor(y, dtype=torch.float32)


def against_himalaya() -> list[Row]:
    """Return the time of choosing and fitting over himalaya's, and how far the scores differ."""
    torch.set_num_threads(1)
    set_backend("torch")
    x, y = delayed_features()
    alphas, length = torch.as_tensor(ALPHAS, dtype=torch.float32), N_SAMPLES // N_RUNS
    runs = [(a, b, 0.0) for a, b in zip(x.split(length), y.split(length), strict=True)]
    folds = PredefinedSplit(np.repeat(np.arange(N_RUNS), length))
    peer = KernelRidgeCV(alphas, cv=folds)
    ours, theirs = compare(
        lambda: search_ridge(runs, alphas, torch.ones(1, x.shape[1])), lambda: peer.fit(x, y)
    )
    errors = kernel_errors([a for a, _, _ in runs], [b for _, b, _ in runs], alphas)
    score, wanted = -float((errors.min(0)[0] / N_SAMPLES).mean()), float(peer.cv_scores_.mean())
    weights = search_ridge(runs, alphas, torch.ones(1, x.shape[1])).weights
    apart = float((weights - torch.as_tensor(peer.get_primal_coef(x))).abs().max())
    set_backend("numpy")
    seconds = f"{ours:.2f} s, with weights of features, against {theirs:.2f} s, without"
    scores = f"{score:.5f} against {wanted:.5f}"
    return [
        Row("W", "kernel ridge", "time over himalaya", ours / theirs, 1.2, True, seconds),
        Row(
            "W", "kernel ridge", "difference of mean score", abs(score - wanted), 1e-4, True, scores
        ),
        Row("W", "kernel ridge", "largest difference of weights", apart, 1e-5, True),
    ]


ROWS: dict[str, Callable[[], list[Row]]] = {"W": against_himalaya}
