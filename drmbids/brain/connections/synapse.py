"""What synapses do to what arrives: the shape of postsynaptic responses."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor

from drmbids.brain.nodes import DRMNode
from drmbids.data.tools.exceptions import UsageError
from drmbids.maths.loops.first_order import follow, tick_weights
from drmbids.maths.loops.scan import leaky_scan


class Synapse(DRMNode, ABC):
    """A part of a connection that remembers: what arrives is filtered, unit by unit.

    Write :meth:`initial_state` and :meth:`forward`. As for a population, how a run is cut into
    blocks must not change the result, and a run that has not begun was silent.
    """

    @abstractmethod
    def initial_state(self, batch: int, n_units: int) -> Any:
        """Return the state before the first tick of a run.

        Parameters
        ----------
        batch, n_units : int
            Runs side by side, and units whose activity arrives.
        """

    @abstractmethod
    def forward(self, arrived: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Return the mean response of each tick, and the state after a block of them.

        Parameters
        ----------
        arrived : Tensor of shape (L, batch, n_units)
            Constant within each tick.
        state : Tensor or tuple of Tensor
        """

    def add_time_constant(
        self,
        name: str,
        value: float,
        meaning: str,
        trainable: bool,
        lower: float = 0.0,
        upper: float | None = None,
    ) -> None:
        """Add a time constant in seconds.

        Parameters
        ----------
        name : str
        value : float
            Seconds.
        meaning : str
        trainable : bool
        lower, upper : float, optional
            Exclusive limits in seconds.
        """
        self.add_parameter(
            name,
            value,
            unit="s",
            meaning=meaning,
            lower=lower,
            upper=upper,
            trainable=trainable,
            source=SOURCE,
        )


SOURCE = "Gerstner et al. 2014, Neuronal Dynamics, section 3.1"


class ExponentialSynapse(Synapse):
    """A response that jumps and decays, ``exp(-t / tau) / tau``.

    The equation is solved exactly, and averaged over each tick. The response to a lasting input is
    the input.

    Parameters
    ----------
    tau : float
        Time constant in seconds.
    trainable : bool
        Whether training moves it.

    References
    ----------
    Gerstner et al. 2014, Neuronal Dynamics, equation 3.1.

    Examples
    --------
    >>> import torch
    >>> synapse = ExponentialSynapse(0.1)
    >>> synapse.set_resolution(0.1)
    >>> response, _ = synapse(torch.ones(2, 1, 1), synapse.initial_state(1, 1))
    >>> [round(x, 3) for x in response.flatten().tolist()]  # exp(-1), 1 - exp(-1) + exp(-2)
    [0.368, 0.767]
    """

    option_units: ClassVar = {"tau": "s"}

    def __init__(self, tau: float = 0.1, trainable: bool = True):
        super().__init__()
        self.add_time_constant("tau", tau, "decay time of the response", trainable)

    def initial_state(self, batch: int, n_units: int) -> Tensor:
        """Return the response before the run: zero, shape (batch, n_units)."""
        return self.value("tau").new_zeros(batch, n_units)

    def forward(self, arrived: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the response, shape (L, batch, n_units), and where it is at the end."""
        return follow(arrived, self.resolution / self.value("tau"), state)


class AlphaSynapse(Synapse):
    """A response that rises and decays with one time constant, ``t / tau^2 exp(-t / tau)``.

    It is largest after ``tau``. The equation is solved exactly, and averaged over each tick. The
    response to a lasting input is the input.

    Parameters
    ----------
    tau : float
        Time constant in seconds.
    trainable : bool
        Whether training moves it.

    References
    ----------
    Rall 1967, J Neurophysiol 30:1138; Gerstner et al. 2014, Neuronal Dynamics, section 3.1.

    Examples
    --------
    >>> import torch
    >>> synapse = AlphaSynapse(0.1)
    >>> synapse.set_resolution(0.1)
    >>> response, _ = synapse(torch.ones(2, 1, 1), synapse.initial_state(1, 1))
    >>> [round(x, 3) for x in response.flatten().tolist()]  # 3 exp(-1) - 1, 1 - 3/e + 4/e^2
    [0.104, 0.438]
    """

    option_units: ClassVar = {"tau": "s"}

    def __init__(self, tau: float = 0.1, trainable: bool = True):
        super().__init__()
        self.add_time_constant("tau", tau, "time to the peak of the response", trainable)

    def initial_state(self, batch: int, n_units: int) -> Tensor:
        """Return what the response follows, and the response: zero, (2, batch, n_units)."""
        return self.value("tau").new_zeros(2, batch, n_units)

    def forward(self, arrived: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the response, shape (L, batch, n_units), and the state."""
        ticks = self.resolution / self.value("tau")
        decay, (approach, late) = torch.exp(-ticks), tick_weights(ticks)
        followed = leaky_scan(decay, approach * arrived, state[0])
        before = torch.cat((state[:1], followed[:-1]))
        # the solution for an input and a followed value that were constant, and decayed, in a tick
        share = ticks * decay
        response = leaky_scan(decay, share * before + (approach - share) * arrived, state[1])
        # how far both were from the input decays: exp(-x) and x exp(-x), here their means
        away = torch.cat((state[1:], response[:-1])) - arrived
        means = (1 - approach * late) * away + approach * (1 - late) * (before - arrived)
        return arrived + means, torch.stack((followed[-1], response[-1]))


class DoubleExponentialSynapse(Synapse):
    """A response with a rise and a decay, ``(exp(-t / decay) - exp(-t / rise)) / (decay - rise)``.

    The equation is solved exactly, and averaged over each tick. The response to a lasting input is
    the input.

    Parameters
    ----------
    tau_rise, tau_decay : float
        Time constants in seconds, the first the shorter one. Training keeps them on the sides of
        their geometric mean that they start from, so that they cannot meet.
    trainable : bool
        Whether training moves them.

    Raises
    ------
    UsageError
        If the rise is not shorter than the decay.

    References
    ----------
    Gerstner et al. 2014, Neuronal Dynamics, equation 3.4.

    Examples
    --------
    >>> synapse = DoubleExponentialSynapse(0.02, 0.1)
    >>> synapse.value("tau_rise").item() < synapse.value("tau_decay").item()
    True
    """

    option_units: ClassVar = {"tau_rise": "s", "tau_decay": "s"}

    def __init__(self, tau_rise: float = 0.02, tau_decay: float = 0.1, trainable: bool = True):
        super().__init__()
        if not 0 < tau_rise < tau_decay:
            raise UsageError(
                f"a double exponential needs 0 < tau_rise < tau_decay in seconds, got "
                f"{tau_rise:g}, {tau_decay:g}; take an alpha synapse where they are equal"
            )
        between = (tau_rise * tau_decay) ** 0.5
        meanings = "rise time of the response", "decay time of the response"
        self.add_time_constant("tau_rise", tau_rise, meanings[0], trainable, upper=between)
        self.add_time_constant("tau_decay", tau_decay, meanings[1], trainable, lower=between)

    def initial_state(self, batch: int, n_units: int) -> Tensor:
        """Return the two parts of the response before the run: zero, (2, batch, n_units)."""
        return self.value("tau_rise").new_zeros(2, batch, n_units)

    def forward(self, arrived: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the response, shape (L, batch, n_units), and the state."""
        rise, decay = self.value("tau_rise"), self.value("tau_decay")
        fast, fast_end = follow(arrived, self.resolution / rise, state[0])
        slow, slow_end = follow(arrived, self.resolution / decay, state[1])
        response = (decay * slow - rise * fast) / (decay - rise)
        return response, torch.stack((fast_end, slow_end))
