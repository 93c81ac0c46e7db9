"""DRMNet: wiring faults, tables, schedule text."""

import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.connections.tracts import Tracts
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.additive import Additive
from drmbids.brain.populations.base import DRMPopulation
from drmbids.brain.populations.gru import GRU
from drmbids.brain.populations.hopf import Hopf
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.data.tools.exceptions import ModelError, UsageError


def arguments(**changes: Any) -> dict[str, Any]:
    """Return what builds a good net of two populations, with some arguments changed."""
    good: dict[str, Any] = {
        "populations": [Leaky(4, 2 + 3), Leaky(3, 4)],
        "ws": [DRMConnection(0.0), None],
        "Wp": [[None, DRMConnection(0.5)], [DRMConnection(0.1), None]],
        "readout": BOLD([4, 3], [5, 6]),
        "resolution": 0.1,
    }
    return {**good, **changes}


def twice() -> list[DRMPopulation]:
    population = Additive(2, 2)
    return [population, population]


def one_connection() -> list[list[DRMConnection]]:
    connection = DRMConnection(0.1)
    return [[connection, connection], [connection, connection]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"populations": []}, "at least one population"),
        ({"populations": [nn.Linear(2, 2), Leaky(3, 4)]}, "P0: Linear is not a DRMPopulation"),
        ({"populations": twice()}, "same population object is used twice"),
        ({"ws": [DRMConnection()]}, "ws has 1 rows for 2 populations"),
        ({"ws": [[DRMConnection()], [None, None]]}, "ws row 1 has 2 entries, expected 1"),
        ({"ws": DRMConnection()}, "ws is a list of connections, or a matrix of them, got DRMConn"),
        ({"populations": Leaky(4, 5)}, "populations is one DRMPopulation; give a list of them"),
        ({"ws": [1.0, None]}, "ws row 0: 1.0 is neither a DRMConnection nor None"),
        ({"Wp": [[None, None]]}, "Wp has 1 rows for 2 populations"),
        ({"Wp": [[None], [None]]}, "Wp row 0 has 1 entries, expected 2"),
        ({"Wp": one_connection()}, "Wp: the same DRMConnection object is used twice"),
        (
            {"Wp": [[None, DRMConnection(0.55)], [DRMConnection(0.1), None]]},
            "P1 -> P0: 0.55 s is no multiple of the resolution 0.1 s; use 0.5 s or 0.6 s",
        ),
        ({"ws": [DRMConnection(-0.1), None]}, "stimulus 0 -> P0: a delay must be 0 s or more"),
        ({"Wp": [[None, None], [None, None]]}, "P1: no stimulus and no population"),
        ({"stimuli": {"events": ["a", "b", "c"]}}, "P0: takes 5 inputs, its afferents give 6"),
        ({"ws": [[], []]}, "ws has no column: a net needs at least one stimulus"),
        ({"stimuli": {"a": 1, "b": 1}}, "ws connects 1 stimuli"),
        ({"readout": BOLD([4, 4], [5, 6])}, "readout: made for populations of [4, 4] units"),
        (
            {"Wp": [[None, DRMConnection(0.0)], [DRMConnection(0.0), None]]},
            "connections without delay form a loop",
        ),
        ({"populations": [Leaky(4, 3), Leaky(3, 4)]}, "name them: DRMNet(..., stimuli="),
    ],
)
def test_faults_of_wiring(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=re.escape(message)):
        DRMNet(**arguments(**changes))


def test_matrices_of_connections_are_arrays_of_objects_too() -> None:
    """``ws`` of one stimulus has one dimension, or two."""
    x = torch.rand(30, 1, 2, generator=torch.Generator().manual_seed(0))
    predicted = []
    for as_array, shape in ((False, ()), (True, (2,)), (True, (2, 1))):
        torch.manual_seed(0)
        given = arguments()
        if as_array:
            Wp = np.empty((2, 2), dtype=object)
            for to, row in enumerate(given["Wp"]):
                Wp[to, :] = row
            ws = np.array(given["ws"], dtype=object).reshape(shape)
            populations = np.array(given["populations"], dtype=object)
            given |= {"ws": ws, "Wp": Wp, "populations": populations}
        net = DRMNet(**given)
        _, activity, _ = net.window([x], torch.zeros(0), None, net.initial_carry(1))
        predicted.append(torch.cat(activity, -1).detach())
    torch.testing.assert_close(predicted[0], predicted[1])
    torch.testing.assert_close(predicted[0], predicted[2])


@pytest.mark.parametrize("resolution", [0.0, -0.1, float("nan"), float("inf")])
def test_faulty_resolution(resolution: float) -> None:
    with pytest.raises(UsageError, match="resolution"):
        DRMNet(**arguments(resolution=resolution))


def test_all_faults_of_one_kind_are_listed() -> None:
    wrong = arguments(
        populations=[Leaky(4, 9), Leaky(3, 8)], stimuli={"s": 2}, readout=BOLD([1, 1], [2, 2])
    )
    with pytest.raises(ModelError) as caught:
        DRMNet(**wrong)
    assert len(caught.value.problems) == 3


def test_wrong_number_of_stimuli_in_a_window() -> None:
    net = DRMNet(**arguments())
    x = torch.zeros(4, 1, 2)
    with pytest.raises(ModelError, match="the net takes stimuli"):
        net.window([x, x], torch.zeros(0), None, net.initial_carry(1))


def test_sizes_behind_connection_weights() -> None:
    net = DRMNet(
        [Leaky(4, 2 + 7)],
        ws=[DRMConnection()],
        Wp=[[DRMConnection(0.1, nn.Linear(4, 7))]],
        readout=BOLD([4], [5]),
    )
    assert net.stimuli == {"stimulus": ("0", "1")}


def test_schedule_text() -> None:
    net = DRMNet(
        {"V1": Additive(4, 2 + 3), "V2": Additive(3, 4), "IT": Leaky(2, 3), "S1": GRU(2, 4)},
        ws=[DRMConnection(), None, None, None],
        Wp=[
            [None, DRMConnection(0.5), None, None],
            [DRMConnection(0.1), None, None, None],
            [None, DRMConnection(0.0), None, None],
            [None, None, DRMConnection(0.2), DRMConnection(0.1)],
        ],
        readout=BOLD([4, 3, 2, 2], [1, 1, 1, 1]),
        resolution=0.1,
    )
    assert net.schedule().splitlines() == [
        "stage 1: loop of V1, V2 in blocks of 6 ticks (0.6 s), limited by V1 -> V2 -> V1",
        "stage 2: IT, the whole window at once",
        "stage 3: loop of S1 as one recurrence, tick by tick",
    ]


@pytest.mark.parametrize("seed", range(20))
def test_schedule_names_the_loop_that_limits_the_block(
    seed: int, draw_net: Callable[[int], DRMNet]
) -> None:
    check_limits(draw_net(seed))


def test_the_loop_of_least_delay_is_not_always_the_one_that_limits() -> None:
    # P1 -> P2 -> P1 has 8 ticks and points back once: 8. The least delay, but the ring of all
    # three has 15 and points back twice: 7.
    ticks = {(0, 1): 6, (0, 2): 4, (1, 0): 6, (1, 2): 4, (2, 0): 5, (2, 1): 4}
    matrix = [
        [DRMConnection(ticks[to, s] * 0.1) if (to, s) in ticks else None for s in range(3)]
        for to in range(3)
    ]
    net = DRMNet(
        [Additive(1, 3), Additive(1, 2), Additive(1, 2)],
        ws=[DRMConnection(), None, None],
        Wp=matrix,
        readout=BOLD([1, 1, 1], [1, 1, 1]),
    )
    assert net.stages[0].block == 7
    check_limits(net)


def check_limits(net: DRMNet) -> None:
    """Raise unless every loop named in the schedule allows just the block that it has."""
    for stage, line in zip(net.stages, net.schedule().splitlines(), strict=True):
        if stage.block is None:
            continue
        loop = [int(name[1:]) for name in re.search(r"limited by ([^;]*)", line)[1].split(" -> ")]
        assert loop[0] == loop[-1] and len(set(loop)) == len(loop) - 1
        at = {node: k for k, node in enumerate(stage.members)}
        arcs = list(itertools.pairwise(loop))
        total = sum(
            min(
                part.shortest
                for a in net.afferents[to]
                for part in a.parts
                if part.source == s and not part.is_stimulus
            )
            for s, to in arcs
        )
        assert total // sum(at[s] >= at[to] for s, to in arcs) == stage.block


def test_tables() -> None:
    net = DRMNet(**arguments(populations={"V1": Leaky(4, 5), "V2": GRU(3, 4)}))
    rows = net.connection_rows()
    assert [(r["source"], r["target"], r["delay_s"]) for r in rows] == [
        ("stimulus", "V1", 0.0),
        ("V2", "V1", 0.5),
        ("V1", "V2", pytest.approx(0.1)),
    ]
    weights = net.populations[0].weight.detach()
    assert rows[0]["weight_mean"] == pytest.approx(weights[:, :2].mean().item())
    assert rows[1]["weight_norm"] == pytest.approx(weights[:, 2:].norm().item())
    assert rows[2]["weight_mean"] != rows[2]["weight_mean"]  # a GRU is not linear in its input
    parameters = net.parameter_rows()
    assert {r["node"] for r in parameters} == {"V1", "readout"}
    taus = [r for r in parameters if r["parameter"] == "tau"]
    assert [r["index"] for r in taus] == [0, 1, 2, 3] and {r["unit"] for r in taus} == {"s"}
    assert next(r["parameter"] for r in parameters if r["node"] == "readout") == "hrf.delay"


class Gain(DRMConnection):
    """A connection with a physical parameter of its own."""

    def __init__(self, delay: float = 0.0):
        super().__init__(delay)
        self.add_parameter("gain", 2.0, unit="1", meaning="gain", lower=0.0)


def test_parameters_of_connections_are_told_by_their_ends() -> None:
    net = DRMNet(**arguments(ws=[Gain(), None], Wp=[[None, DRMConnection(0.5)], [Gain(0.1), None]]))
    rows = [r for r in net.parameter_rows() if r["parameter"] == "gain"]
    assert [r["node"] for r in rows] == ["stimulus -> P0", "P0 -> P1"]
    assert [r["value"] for r in rows] == [pytest.approx(2.0)] * 2


def test_resolution_reaches_every_part() -> None:
    net = DRMNet(**arguments(resolution=0.5, Wp=[[None, DRMConnection(0.5)],
                                                 [DRMConnection(1.0), None]]))  # fmt: skip
    assert all(p.resolution == 0.5 for p in net.populations)
    assert net.readout.hrf.resolution == net.readout.resolution == 0.5
    assert net.readout.memory == 64


def test_tracts_of_coupled_masses_come_last() -> None:
    """Else drives would be added from the columns of another population."""
    tracts = Tracts([[0.0, 1.0], [1.0, 0.0]], [[0.0, 30.0], [30.0, 0.0]], 0.1)
    masses = Hopf(2, 1 + 2 + 3, coupled=True)
    with pytest.raises(ModelError, match="brain: tracts must be the last of its inputs"):
        DRMNet(
            {"brain": masses, "other": Leaky(3, 1)},
            [DRMConnection(), DRMConnection()],
            [[tracts, DRMConnection(0.1)], [None, None]],
            BOLD([2, 3], [1]),
            stimuli={"s": 1},
        )


@pytest.mark.parametrize("n", [2, 40])
def test_a_net_fits_a_screen_and_names_what_it_is_made_of(n: int) -> None:
    populations = {f"area {k}": Leaky(3, 2 if k == 0 else 3) for k in range(n)}
    chain = [
        [DRMConnection(0.5) if source == to - 1 else None for source in range(n)] for to in range(n)
    ]
    net = DRMNet(
        populations,
        ws=[[DRMConnection()] if k == 0 else [None] for k in range(n)],
        Wp=chain,
        readout=BOLD([3] * n, [7] * n, regions=[f"region {k}" for k in range(n)]),
        stimuli={"events": ["face", "house"]},
    )
    text = repr(net)
    lines = text.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 130
    trained = sum(p.numel() for p in net.parameters() if p.requires_grad)
    assert lines[0] == f"DRMNet(ticks of 0.1 s, {trained} trainable numbers"
    for part in (
        "stimulus events: 2 columns (face, house)",
        "population area 0: Leaky, 3 units, read out by region 0",
        "area 0 -> area 1 after 0.5 s",
        "readout: BOLD through DoubleGamma, targets of region 0 7",
    ):
        assert part in text
    assert ("and 34 more populations" in text) == (n == 40)
