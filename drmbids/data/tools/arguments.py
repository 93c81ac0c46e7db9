"""Arguments that a user gives: numbers and seeds of any kind, or one line of what is wrong."""

from numbers import Integral
from typing import Any

import numpy as np

from drmbids.data.tools.exceptions import UsageError
from drmbids.data.tools.given import positive_number, shortly

#: What seeds may be: a number, or random numbers that one is drawn from, so that each fit differs.
Seed = int | np.random.RandomState | np.random.Generator

# Seeds that are drawn are below this: what a RandomState can draw on all systems.
_LARGEST = 2**31


def whole_number(name: str, value: Any, least: int = 0) -> int:
    """Return an integer, or raise.

    Parameters
    ----------
    name : str
        Of the argument, for the message.
    value : object
        An integer of Python, numpy or pandas.
    least : int
        Smallest value.

    Raises
    ------
    UsageError
        If it is something else, or smaller.

    Examples
    --------
    >>> whole_number("n_epochs", np.int16(5))
    5
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise UsageError(f"{name} must be an integer, {least} or more, got {shortly(value)}")
    return int(value)


def numbers(name: str, values: Any) -> tuple[float, ...]:
    """Return numbers, of a single one too, or raise.

    Parameters
    ----------
    name : str
        Of the argument, for the message.
    values : float, or sequence or array of float

    Raises
    ------
    UsageError
        If one is something else.

    Examples
    --------
    >>> numbers("alphas", np.array([1, 10])), numbers("alphas", 2)
    ((1.0, 10.0), (2.0,))
    """
    found = np.ravel(values) if not isinstance(values, str) else np.array([values], dtype=object)
    if found.dtype.kind not in "iuf":
        raise UsageError(f"{name} must be a number or numbers, got {shortly(values)}")
    return tuple(float(value) for value in found)


def seed_of(name: str, value: Any) -> int:
    """Return a seed: the number itself, or one drawn from random numbers.

    Parameters
    ----------
    name : str
        Of the argument, for the message.
    value : int, numpy.random.RandomState or numpy.random.Generator

    Raises
    ------
    UsageError
        If it is something else, or negative.

    Examples
    --------
    >>> seed_of("random_state", 7), seed_of("random_state", np.random.default_rng(0))
    (7, 1826701615)
    """
    if isinstance(value, np.random.RandomState):
        return int(value.randint(_LARGEST, dtype=np.int64))
    if isinstance(value, np.random.Generator):
        return int(value.integers(_LARGEST))
    try:
        return whole_number(name, value)
    except UsageError:
        raise UsageError(
            f"{name} must be an integer, 0 or more, a numpy RandomState or Generator, got "
            f"{shortly(value)}"
        ) from None


def setting(name: str, value: Any) -> Any:
    """Return a setting of a training, checked by what its name says of it.

    Parameters
    ----------
    name : str
        ``"random_state"``, ``"learning_rate"``, a number ``"n_..."``, or a choice, which is checked
        where it is made.
    value : object

    Raises
    ------
    UsageError
        If it makes no sense.
    """
    if name == "random_state":
        return seed_of(name, value)
    if name == "learning_rate":
        return positive_number(name, value)
    if name == "n_epochs" and value == "auto":
        return value
    return whole_number(name, value) if name.startswith("n_") else value
