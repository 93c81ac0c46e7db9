"""What is known of a physical parameter besides its value."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ParameterSpec:
    """Unit, meaning, limits and prior of one parameter of a node.

    Parameters
    ----------
    name : str
        Name of the parameter, the same in the model file, tables and messages.
    unit : str
        Unit in the SI sense (``"s"``, ``"Hz"``, ``"m/s"``) or ``"1"`` where it has none.
    meaning : str
        What it is, in a few words.
    lower, upper : float or None
        Limits that training keeps to; None for none.
    trainable : bool
        Whether training moves it.
    source : str
        Paper or program that the default comes from.
    prior_mean, prior_sd : float or None
        Mean and standard deviation of a Gaussian prior on the parameter itself, in its unit; None
        and None for no prior.
    """

    name: str
    unit: str = "1"
    meaning: str = ""
    lower: float | None = None
    upper: float | None = None
    trainable: bool = True
    source: str = ""
    prior_mean: float | None = None
    prior_sd: float | None = None
