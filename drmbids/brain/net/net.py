"""DRMNet: the artificial brain."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.net.carry import Carry
from drmbids.brain.net.engine import Afferent, run_window
from drmbids.brain.net.gating import earliest_delays, with_gates
from drmbids.brain.net.graph import make_schedule
from drmbids.brain.net.grouping import Grouping
from drmbids.brain.net.mass_loop import make_mass_loop
from drmbids.brain.net.parts import NetParts
from drmbids.brain.net.readouts import Readouts
from drmbids.brain.net.stability import delay_problems, loop_problems, mass_problems
from drmbids.brain.net.tables import connection_rows, net_text, parameter_rows, schedule_text
from drmbids.brain.net.wiring import (
    afferent_widths,
    as_matrix,
    as_named,
    check_sizes,
    connection_states,
    hold_signs,
    stimulus_columns,
)
from drmbids.brain.nodes import DRMNode
from drmbids.brain.populations.base import DRMPopulation
from drmbids.brain.readouts.base import DRMReadout
from drmbids.data.runs.time import check_resolution
from drmbids.data.tools.exceptions import ModelError, TrainingWarning


class DRMNet(NetParts):
    """Populations, the connections between them, and the readout that observes them.

    At every tick each population receives the stimuli and the activity of others as they were a
    delay ago; all populations update at once. Within a window the order of computation is that
    of :meth:`schedule`; it does not change the result.

    A copy, and a net that was pickled, starts from silence.

    Parameters
    ----------
    populations : sequence of DRMPopulation, or mapping of str to DRMPopulation
        Named ``P0, P1, ...`` when given as a sequence.
    ws : sequence or matrix ``[to][stimulus]`` of DRMConnection or None
        Connections from the stimuli; a plain sequence means one stimulus. A list, or an array of
        objects.
    Wp : matrix ``[to][from]`` of DRMConnection or None
        Connections between populations; nested lists, or an array of objects.
    readout : DRMReadout, or mapping or sequence of DRMReadout, or Readouts
        From activity to measurement; several of them for several kinds of measurement of one brain,
        then kept as :class:`~drmbids.Readouts`.
    resolution : float
        Seconds per tick.
    stimuli : mapping of str to (sequence of str or int), optional
        Names of the stimuli and their columns, or how many columns; worked out from the sizes of
        the populations when absent.

    Raises
    ------
    ModelError
        If sizes do not fit, a population has no input, a delay is no multiple of the resolution,
        connections without delay form a loop, or what modulates a connection is not there. All
        faults of one kind are listed together.

    Examples
    --------
    >>> import torch
    >>> from drmbids import BOLD, Additive, DRMConnection, DRMNet
    >>> V1, V2 = Additive(4, 2 + 3), Additive(3, 4)
    >>> net = DRMNet(
    ...     {"V1": V1, "V2": V2},
    ...     ws=[DRMConnection(0.0), None],
    ...     Wp=[[None, DRMConnection(0.5)], [DRMConnection(0.1), None]],
    ...     readout=BOLD(n_units=[4, 3], n_targets=[10, 20], regions=["V1", "V2"]),
    ...     resolution=0.1,
    ... )
    >>> print(net.schedule())
    stage 1: loop of V1, V2 in blocks of 6 ticks (0.6 s), limited by V1 -> V2 -> V1
    """

    def __init__(
        self,
        populations: Sequence[DRMPopulation] | Mapping[str, DRMPopulation],
        ws: Sequence[Any] | np.ndarray,
        Wp: Sequence[Sequence[DRMConnection | None]] | np.ndarray,
        readout: DRMReadout | Mapping[str, DRMReadout] | Sequence[DRMReadout] | Readouts,
        resolution: float = 0.1,
        stimuli: Mapping[str, Sequence[str] | int] | None = None,
    ):
        super().__init__()
        self.resolution = check_resolution(resolution)
        named = as_named(populations)
        self.population_names = tuple(named)
        self.populations = nn.ModuleList(named.values())
        self.readout = Readouts(readout) if isinstance(readout, Mapping | Sequence) else readout
        n = len(named)
        from_stimuli = as_matrix(ws, n, "ws")
        from_populations = as_matrix(Wp, n, "Wp", n)
        self.connections = nn.ModuleList()
        self.afferents = []
        for node in self._nodes():
            node.set_resolution(self.resolution)
        for to in range(n):
            line = [
                self._connect(connection, to, source, is_stimulus)
                for row, is_stimulus in ((from_stimuli[to], True), (from_populations[to], False))
                for source, connection in enumerate(row)
                if connection is not None
            ]
            self.afferents.append(line)
        if len({id(c) for c in self.connections}) < len(self.connections):
            raise ModelError("the same DRMConnection object is used twice; make one for each place")
        self.stimuli = stimulus_columns(stimuli, len(from_stimuli[0]), self)
        widths = afferent_widths(self)
        check_sizes(self, widths)
        hold_signs(self, widths)
        self.afferents = with_gates(self)
        delays = earliest_delays(self)
        grouping = Grouping(self.afferents, self.population_list, widths)
        self.stages = grouping.join_chains(make_schedule(n, delays, self.population_names))
        found = {
            s.members: make_mass_loop(s, self.afferents, self.population_list) or grouping.group(s)
            for s in self.stages
        }
        self.groups = {members: group for members, group in found.items() if group is not None}
        self._carry: Carry | None = None

    def _connect(
        self, connection: DRMConnection, to: int, source: int, is_stimulus: bool
    ) -> Afferent:
        origin = f"stimulus {source}" if is_stimulus else self.population_names[source]
        connection.set_resolution(self.resolution)
        try:
            shortest, longest = connection.shortest_ticks, connection.longest_ticks
            for gate in connection.gates:
                cast(DRMConnection, gate).shortest_ticks  # noqa: B018
        except ModelError as error:
            where = f"{origin} -> {self.population_names[to]}"
            raise ModelError([f"{where}: {problem}" for problem in error.problems]) from error
        self.connections.append(connection)
        return Afferent(source, is_stimulus, shortest, longest, connection)

    def _nodes(self) -> list[DRMNode | Readouts]:
        return [*self.population_list, self.readout]

    def initial_carry(self, batch: int, runs: Sequence[int] | None = None) -> Carry:
        """Return the past of a run that has not begun: silence.

        Parameters
        ----------
        batch : int
            Runs side by side.
        runs : sequence of int, optional
            Number of each run in its data set, which noise follows from; 0, 1 ... when absent.
        """
        like = next(self.parameters())
        numbers = torch.tensor(range(batch) if runs is None else runs, device=like.device)
        past = [self.readout.memory] * len(self.populations)
        shown = [0] * len(self.stimuli)
        for line in self.afferents:
            for a in (part for afferent in line for part in afferent.parts):
                reach = shown if a.is_stimulus else past
                reach[a.source] = max(reach[a.source], a.longest)
        return Carry(
            tuple(
                like.new_zeros(n, batch, len(columns))
                for n, columns in zip(shown, self.stimuli.values(), strict=True)
            ),
            tuple(
                like.new_zeros(n, batch, population.n_units)
                for n, population in zip(past, self.population_list, strict=True)
            ),
            tuple(
                population.number_runs(population.initial_state(batch), numbers, name)
                for name, population in zip(
                    self.population_names, self.population_list, strict=True
                )
            ),
            connection_states(self, batch),
        )

    def run(
        self, stimulus: Sequence[Tensor], carry: Carry
    ) -> tuple[list[Tensor], list[Tensor], Carry]:
        """Return activity, activity with the readout's past before it, and the carry of one window.

        Parameters
        ----------
        stimulus : sequence of Tensor of shape (n_ticks, batch, n_columns)
            One for each stimulus.
        carry : Carry
        """
        wanted = {name: len(columns) for name, columns in self.stimuli.items()}
        if [s.shape[-1] for s in stimulus] != list(wanted.values()):
            raise ModelError(
                f"the net takes stimuli (columns) {wanted}, got {[s.shape[-1] for s in stimulus]}"
            )
        activity, new_carry = run_window(
            self.stages, self.afferents, self.population_list, stimulus, carry, self.groups
        )
        memory = self.readout.memory
        seen = [
            torch.cat((past[past.shape[0] - memory :], now))
            for past, now in zip(carry.activity, activity, strict=True)
        ]
        return activity, seen, new_carry

    def window(
        self,
        stimulus: Sequence[Tensor],
        times: Any,
        confounds: Any,
        carry: Carry,
    ) -> tuple[Any, list[Tensor], Carry]:
        """Return the prediction of one window, without touching the state of the net.

        Parameters
        ----------
        stimulus : sequence of Tensor of shape (n_ticks, batch, n_columns)
            One for each stimulus.
        times : Tensor of shape (n_measured,)
            Measured times in seconds from the start of the window, at most its length.
        confounds : Tensor of shape (n_measured, batch, n_confounds) or None
            With several readouts these are mappings, and so is the prediction.
        carry : Carry
            From :meth:`initial_carry` or the window before.

        Returns
        -------
        prediction : Tensor of shape (n_measured, batch, n_targets)
        activity : list of Tensor of shape (n_ticks, batch, n_units)
        carry : Carry
        """
        activity, seen, carry = self.run(stimulus, carry)
        return self.readout(seen, times, confounds), activity, carry

    def forward(self, item: Mapping[str, Any]) -> Any:
        """Return the prediction for the next item of a :class:`~drmbids.DRMIterator`.

        The net remembers where the item before ended; an item that starts a run resets it.

        Parameters
        ----------
        item : mapping
            With ``stimulus``, ``times``, ``confounds`` and ``first``; with several readouts their
            times and confounds are in ``readouts``.

        Returns
        -------
        Tensor of shape (n_measured, batch, n_targets)
            With several readouts a dict of one for each.
        """
        if self._carry is None or item.get("first", False):
            batch = item["stimulus"][0].shape[1]
            self._carry = self.initial_carry(batch, item.get("runs"))
        several = item.get("readouts")
        if several is None:
            times, confounds = item["times"], item.get("confounds")
        else:
            times, confounds = (
                {name: part.get(key) for name, part in several.items()}
                for key in ("times", "confounds")
            )
        prediction, _, self._carry = self.window(item["stimulus"], times, confounds, self._carry)
        return prediction

    def reset(self) -> None:
        """Forget all activity, as at the start of a run."""
        self._carry = None

    def detach_(self) -> None:
        """Keep the activity, but cut it off from the graph: no gradient flows further back."""
        if self._carry is not None:
            self._carry = self._carry.detach()

    def __repr__(self) -> str:
        return net_text(self)

    def __getstate__(self) -> dict[str, Any]:
        # activity in the middle of a run hangs on a graph, which can be neither copied nor pickled
        return {**self.__dict__, "_carry": None}

    def check_stability(self) -> None:
        """Raise where the model cannot be run, before any data are: training starts with it.

        Masses are linearised at their fixed points, loops of rate units where all units are active
        (:mod:`drmbids.brain.net.stability`).

        Raises
        ------
        ModelError
            If a step is too long for the dynamics of a mass, naming the population, eigenvalue and
            step, and how many steps it takes.

        Warns
        -----
        TrainingWarning
            If activity can grow without end in a loop, or ticks are too long for learned delays.
        """
        problems = mass_problems(self)
        if problems:
            raise ModelError(problems)
        for problem in (*loop_problems(self), *delay_problems(self)):
            warnings.warn(problem, TrainingWarning, stacklevel=2)

    def schedule(self) -> str:
        """Return what runs when, in blocks of what length, and what limits it."""
        return schedule_text(self)

    def connection_rows(self) -> list[dict[str, Any]]:
        """Return one row for each connection.

        Returns
        -------
        list of dict
            Keys ``source, conditions, target, delay_s, weight_mean, weight_norm, through,
            gated_by``: columns of a stimulus that drive the target, ``n/a`` for a population; mean
            and Frobenius norm of the weights of the target on units of the source, NaN where it is
            not linear in them; what the connection is made of, and what modulates it.
        """
        return connection_rows(self)

    def parameter_rows(self) -> list[dict[str, Any]]:
        """Return one row for each physical parameter of every node, named by ``node``."""
        return parameter_rows(self)
