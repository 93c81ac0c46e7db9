"""Normal random numbers by name: each is a function of what it is for, not of what came before.

A generator with a state gives other numbers when a run is cut otherwise, or is one of several side
by side. Here a number follows from a seed, a name, the number of a run, a tick and a place, by a
block cipher of few rounds: Threefry-2x32 with 20 rounds (Salmon et al. 2011, Proc SC11,
doi:10.1145/2063384.2063405), the generator of JAX too, and the transform of Box and Muller (1958,
Ann Math Stat 29:610). All is elementwise integer arithmetic, so it runs on any device, under
:func:`torch.vmap` and within CUDA graphs.
"""

import math
import zlib

import torch
from torch import Tensor

_MASK = 0xFFFFFFFF
# table 2 of the paper, for two words of 32 bits
_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_PARITY = 0x1BD11BDA
_ROUNDS = 20


def threefry(key: tuple[Tensor, Tensor], counter: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Return two random words of 32 bits for each key and counter.

    Parameters
    ----------
    key, counter : tuple of two Tensor of int64
        Words of 32 bits, of shapes that fit each other.

    Returns
    -------
    tuple of two Tensor of int64
        From 0 to ``2**32 - 1``.

    Examples
    --------
    >>> zero = torch.zeros((), dtype=torch.int64)
    >>> [hex(word) for word in threefry((zero, zero), (zero, zero))]
    ['0x6b200159', '0x99ba4efe']
    """
    keys = (*key, key[0] ^ key[1] ^ _PARITY)
    x, y = (counter[0] + keys[0]) & _MASK, (counter[1] + keys[1]) & _MASK
    for k in range(_ROUNDS):
        turn = _ROTATIONS[k % 8]
        x = (x + y) & _MASK
        y = (((y << turn) | (y >> (32 - turn))) & _MASK) ^ x
        if k % 4 == 3:
            injected = k // 4 + 1
            x = (x + keys[injected % 3]) & _MASK
            y = (y + keys[(injected + 1) % 3] + injected) & _MASK
    return x, y


def first_clock(seed: int, runs: Tensor, name: str) -> Tensor:
    """Return what noise follows from, before the first tick of some runs.

    Parameters
    ----------
    seed : int
        From 0 to ``2**32 - 1``.
    runs : Tensor of shape (batch,), int64
        Number of each run.
    name : str
        What the noise is for: another name gives other noise.

    Returns
    -------
    Tensor of shape (batch, 3), int64
        Two words of a key, and the tick, which is 0.
    """
    zero = torch.zeros_like(runs)
    named = zlib.crc32(name.encode())
    key = threefry((zero + seed, zero + named), (runs & _MASK, zero))
    return torch.stack((*key, zero), -1)


def noise_at(clock: Tensor, n_ticks: int, n: int) -> tuple[Tensor, Tensor]:
    """Return standard normal noise for the next ticks, and the clock after them.

    Parameters
    ----------
    clock : Tensor of shape (batch, 3), int64
        From :func:`first_clock` or the block before.
    n_ticks, n : int
        Ticks, and numbers for each.

    Returns
    -------
    noise : Tensor of shape (n_ticks, batch, n), float64
    clock : Tensor of shape (batch, 3)

    Examples
    --------
    >>> clock = first_clock(0, torch.arange(2), "V1")
    >>> whole, _ = noise_at(clock, 5, 3)
    >>> head, then = noise_at(clock, 2, 3)
    >>> bool((torch.cat((head, noise_at(then, 3, 3)[0])) == whole).all())
    True
    """
    first, second, tick = clock[:, :1], clock[:, 1:2], clock[:, 2:]
    ticks = (tick + torch.arange(n_ticks, device=clock.device)[:, None, None]) & _MASK
    pairs = torch.arange((n + 1) // 2, device=clock.device)
    x, y = threefry((first, second), (ticks, pairs))
    # from words to (0, 1), ends excluded
    radius = torch.sqrt(-2 * torch.log((x.double() + 0.5) * 2.0**-32))
    angle = (2 * math.pi * 2.0**-32) * (y.double() + 0.5)
    noise = torch.cat((radius * torch.cos(angle), radius * torch.sin(angle)), -1)[..., :n]
    return noise, torch.cat((first, second, tick + n_ticks), -1)
