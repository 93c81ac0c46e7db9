"""Several workers give the numbers of one, and stop together."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from drmbids.fit.maps.passes import RunData
from drmbids.fit.training.parallel import Workers

SCRIPT = Path(__file__).resolve().parent / "torchrun_script.py"
SECONDS = 300  # an upper limit, so that workers that wait for each other fail the test

spec = spec_from_file_location("torchrun_script", SCRIPT)
script = module_from_spec(spec)
spec.loader.exec_module(script)

Found = dict[str, list[dict[str, Any]]]
TRAINED = [
    "one window for each",
    "one window for one, two for the other",
    "several lengths",
    "windows",
    "maps trained by gradient",
    "other initial weights",
    "finish",
    "several nets",
]

pytestmark = pytest.mark.skipif(
    not torch.distributed.is_available(), reason="torch was built without torch.distributed"
)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Return what each of two workers found."""
    folder = tmp_path_factory.mktemp("workers")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2",
        "--master-addr=127.0.0.1", f"--master-port={port}", str(SCRIPT), str(folder),
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        command, env=environment, timeout=SECONDS, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr[-5000:]
    return {
        name: [json.loads((folder / f"{name}-{k}.json").read_text("utf-8")) for k in (0, 1)]
        for name in script.SCENARIOS
    }


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def same(got: Any, wanted: Any) -> None:
    assert got.keys() == wanted.keys()
    for name, values in wanted["state"].items():
        np.testing.assert_allclose(got["state"][name], values, rtol=1e-10, atol=1e-10)
    for one, other in zip(got["losses"], wanted["losses"], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)
    for one, other in zip(got.get("predicted", []), wanted.get("predicted", []), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-10)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:training stopped before a minimum")  # after four passes
@pytest.mark.parametrize("name", TRAINED)
def test_two_workers_equal_one(name: str, two: Found) -> None:
    alone = script.SCENARIOS[name]()
    first, second = two[name]
    same(first, alone)
    same(second, alone)
    # the two are one net, not two nearly equal ones
    assert first["state"] == second["state"] and first["losses"] == second["losses"]


@pytest.mark.slow
def test_only_the_first_calls_back(two: Found) -> None:
    assert [found["n_rows"] for found in two["callbacks"]] == [4, 0]


@pytest.mark.slow
def test_all_halve_the_window_where_one_has_no_memory(two: Found) -> None:
    wanted = script.SCENARIOS["half the window"]()
    for found in two["no memory in one"]:
        (warned,) = found["warned"]
        assert warned.startswith("out of memory with gradients that flow back 72 ticks; going on")
        same({**found, "warned": []}, wanted)


@pytest.mark.slow
def test_all_stop_where_one_fails(two: Found) -> None:
    for found in two["never enough memory"]:
        assert found["kind"] == "TrainingError" and found["error"].startswith("out of memory: ")
    first, second = two["broken in one"]
    assert first == {
        "error": "another worker failed; its own message says why", "kind": "TrainingError",
    }  # fmt: skip
    assert second == {"error": "a broken part", "kind": "DRMError"}
    first, second = two["not finite"]
    assert first == second and first["error"].startswith("epoch 0: the loss is nan; lower the")
    first, second = two["other data in one"]
    assert first == second
    assert first["error"].startswith("workers are at different fits: parameters, measured")
    first, second = two["a run for each is missing"]
    assert first == second
    assert first["error"] == "2 workers for 1 runs; start at most one for each"


def test_one_worker_changes_nothing() -> None:
    workers = Workers(torch.device("cpu"))
    assert (workers.size, workers.rank, workers.is_first) == (1, 0, True)
    data = script.iterate((24, 17))
    assert workers.share(data) is data
    net = script.shared.make_net()
    net.populations[0].weight.grad = gradient = torch.ones_like(net.populations[0].weight)
    workers.sum_gradients(net)
    workers.agree(net, RunData(2))
    assert net.populations[0].weight.grad is gradient and net.populations[0].bias.grad is None
    assert workers.sum([1.5]) == [1.5]
    with pytest.raises(ValueError, match="mine"), workers.together():
        raise ValueError("mine")
