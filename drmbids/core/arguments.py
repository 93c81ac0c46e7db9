"""Arguments that a user gives: numbers and seeds of any kind, or one line of what is wrong."""

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

from drmbids.core.exceptions import UsageError

#: What seeds may be: a number, or random numbers that one is drawn from, so that each fit differs.
Seed = int | np.random.RandomState | np.random.Generator

# Seeds that are drawn are below this: what a RandomState can draw on all systems.
_LARGEST = 2**31


# Longer texts of values are not shown.
_LONGEST = 60


def shortly(value: Any) -> str:
    """Return a value for a message; of what is long its type.

    Parameters
    ----------
    value : object

    Examples
    --------
    >>> shortly("2.0"), shortly(np.zeros((2, 3))), shortly(list(range(99)))
    ("'2.0'", 'an array of shape (2, 3)', 'a list')
    """
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    text = repr(value)
    if len(text) <= _LONGEST and text.isprintable():
        return text
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'AEIOUaeiou' else 'a'} {kind}"


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


def positive_number(name: str, value: Any, zero: bool = False) -> float:
    """Return a finite number above 0, or raise.

    Parameters
    ----------
    name : str
        Of the argument, for the message.
    value : object
        A number of Python, numpy or pandas.
    zero : bool
        Whether 0 is allowed too.

    Raises
    ------
    UsageError
        If it is something else, 0, negative or not finite.

    Examples
    --------
    >>> positive_number("learning_rate", np.float32(0.5))
    0.5
    """
    number = isinstance(value, Real) and not isinstance(value, bool)
    found = float(value) if number else math.nan
    if not (0 < found < math.inf or (zero and found == 0)):
        least = "of 0 or more" if zero else "above 0"
        raise UsageError(f"{name} must be a finite number {least}, got {shortly(value)}")
    return found


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
    return whole_number(name, value) if name.startswith("n_") else value
