"""Elementwise tensor functions as plain Python for one element, for a compiler to take.

A loop over ticks costs more in calls of small tensor operations than in arithmetic: 84 regions take
25 us a tick where the arithmetic takes 2. The function is traced to a graph of elementwise
operations, and each becomes a line of Python on floats, which numba turns into machine code.
"""

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from drmbids.data.tools.exceptions import ModelError, UsageError

_SAME = ("alias", "clone", "detach", "lift_fresh_copy", "expand", "view", "_to_copy")
_SIGN = "(one if {0} > zero else -one if {0} < zero else zero)"
#: Operations of a traced graph and what they are for one element; what is not here is refused.
_LINES = {
    **dict.fromkeys(_SAME, "{0}"),
    **dict.fromkeys(("ones_like", "ones"), "one"),
    **dict.fromkeys(("zeros_like", "zeros", "new_zeros"), "zero"),
    "full_like": "{1}",
    "full": "{1}",
    "scalar_tensor": "{0}",
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "rsub": "{1} - {0}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "neg": "-{0}",
    "reciprocal": "one / {0}",
    "pow": "{0} ** {1}",
    "sqrt": "sqrt({0})",
    "exp": "exp({0})",
    "expm1": "expm1({0})",
    "log": "log({0})",
    "log1p": "log1p({0})",
    "sin": "sin({0})",
    "cos": "cos({0})",
    "tanh": "tanh({0})",
    "tanh_backward": "{0} * (one - {1} * {1})",
    "sigmoid": "one / (one + exp(-{0}))",
    "sigmoid_backward": "{0} * {1} * (one - {1})",
    "abs": "abs({0})",
    **dict.fromkeys(("sign", "sgn"), _SIGN),
    "relu": "({0} if {0} > zero else zero)",
    "threshold_backward": "({0} if {1} > {2} else zero)",
    "maximum": "({0} if {0} > {1} else {1})",
    "minimum": "({0} if {0} < {1} else {1})",
    "clamp": "min(max({0}, {1}), {2})",
    "where": "({1} if {0} else {2})",
    "lt": "{0} < {1}",
    "le": "{0} <= {1}",
    "gt": "{0} > {1}",
    "ge": "{0} >= {1}",
    "eq": "{0} == {1}",
    "masked_fill": "({2} if {1} else {0})",
    **dict.fromkeys(("logical_and", "bitwise_and"), "({0} and {1})"),
    **dict.fromkeys(("logical_or", "bitwise_or"), "({0} or {1})"),
    **dict.fromkeys(("logical_not", "bitwise_not"), "(not {0})"),
}


def scalar_code(function: Callable[..., Sequence[Tensor]], sizes: Sequence[int]) -> str:
    """Return the source of an elementwise function.

    Parameters
    ----------
    function : callable
        Takes ``sum(sizes)`` tensors of one shape, gives some of the same; elementwise operations
        only, the same ones for all values (``torch.where``, not ``if``).
    sizes : sequence of int
        How the arguments are grouped: group ``g`` is an array ``a<g>`` of shape ``(sizes[g], n)``.

    Returns
    -------
    str
        A function ``code(a0, a1, ..., out)`` that fills ``out``, one row for each result.

    Raises
    ------
    ModelError
        If an operation is not elementwise or not known.

    Examples
    --------
    >>> print(scalar_code(lambda x, y: (x * y + 2.0,), [1, 1]))
    def code(a0, a1, out):
        for i in range(out.shape[1]):
            v0 = a0[0, i]
            v1 = a1[0, i]
            v2 = v0 * v1
            v3 = v2 + number(2.0)
            out[0, i] = v3
    """
    places = [f"a{g}[{k}, i]" for g, size in enumerate(sizes) for k in range(size)]
    pure = torch.func.functionalize(function)  # a gradient may write in place
    graph = make_fx(pure)(*(torch.full((2,), 0.5 + 0.01 * k) for k in range(len(places))))
    graph.graph.eliminate_dead_code()
    names: dict[Any, str] = {}
    lines: list[str] = []
    inputs = iter(places)
    for node in graph.graph.nodes:
        if node.op == "output":
            lines += [f"out[{k}, i] = {_term(v, names)}" for k, v in enumerate(node.args[0])]
            continue
        names[node] = f"v{len(names)}"
        if node.op == "placeholder":
            right = next(inputs)
        elif node.op == "get_attr":
            right = f"number({getattr(graph, str(node.target)).item()!r})"
        else:
            right = _line(node, names)
        lines.append(f"{names[node]} = {right}")
    arguments = ", ".join(f"a{g}" for g in range(len(sizes)))
    head = f"def code({arguments}, out):\n    for i in range(out.shape[1]):"
    return "\n        ".join([head, *lines])


def _line(node: Any, names: dict[Any, str]) -> str:
    """Return what an operation of the graph is for one element."""
    name = node.target.name().removeprefix("aten::").split(".")[0]
    if name not in _LINES:
        raise ModelError(
            f"operation {name!r} cannot be compiled for single units; leave out compiled=True, or "
            f"use elementwise operations only: {', '.join(_LINES)}"
        )
    given = (*node.args, None, None)[:3] if name == "clamp" else node.args
    limits = ("", "-infinity", "infinity")
    terms = [limits[k] if a is None else _term(a, names) for k, a in enumerate(given)]
    alpha = node.kwargs.get("alpha", 1)
    if alpha != 1:
        terms[1] = f"({_term(alpha, names)} * {terms[1]})"
    return _LINES[name].format(*terms)


def _term(value: Any, names: dict[Any, str]) -> str:
    return names[value] if isinstance(value, torch.fx.Node) else f"number({value!r})"


def compile_code(source: str, dtype: str) -> Any:
    """Return the machine code of :func:`scalar_code` in single or double precision.

    The same source is compiled once.

    Parameters
    ----------
    source : str
    dtype : {"float32", "float64"}

    Raises
    ------
    UsageError
        If numba is not installed.
    """
    return _compiled(source, dtype)


@cache
def _compiled(source: str, dtype: str) -> Any:
    number = getattr(import_module("numpy"), dtype)
    scope: dict[str, Any] = {"number": number, "zero": number(0), "one": number(1)}
    scope["infinity"] = number("inf")
    math = import_module("math")
    for name in ("sqrt", "exp", "expm1", "log", "log1p", "sin", "cos", "tanh"):
        scope[name] = getattr(math, name)
    exec(source, scope)  # made of the table above
    return jit(scope["code"])


@cache
def jit(function: Callable[..., Any]) -> Any:
    """Return a function compiled by numba, sums in any order.

    Raises
    ------
    UsageError
        If numba is not installed.
    """
    try:
        numba: Any = import_module("numba")
    except ImportError as error:
        raise UsageError("compiled=True needs numba: pip install 'drmbids[compiled]'") from error
    # not "nnan" and "ninf": a branch that is not taken may divide by zero, which is no error either
    fast = {"reassoc", "contract", "arcp", "nsz"}
    return numba.njit(fastmath=fast, error_model="numpy")(function)
