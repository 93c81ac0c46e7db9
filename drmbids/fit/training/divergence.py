"""What to say of a training that ran away."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from drmbids.brain.net.net import DRMNet
from drmbids.brain.net.tables import origin


@torch.no_grad()
def explain_divergence(
    net: DRMNet, kept: Mapping[str, Tensor], since: int, passive: Collection[nn.Parameter] = ()
) -> str:
    """Return in a few words which parameter ran away.

    Parameters
    ----------
    net : DRMNet
        As it is now.
    kept : mapping of str to Tensor
        Its state when all was well.
    since : int
        The epoch of that state.
    passive : collection of Parameter
        Parameters that follow the others, such as solved maps.

    Returns
    -------
    str
        Names the first parameter that is not finite, else the one that moved most: the norm of its
        step is the largest. Many weights that move a little turn up a loop as one that moves far.

    Examples
    --------
    >>> import copy
    >>> from drmbids import BOLD, DRMConnection, Leaky
    >>> net = DRMNet({"V1": Leaky(2, 1)}, [DRMConnection()], [[None]], BOLD([2], [3]))
    >>> kept = copy.deepcopy(net.state_dict())
    >>> _ = net.populations[0].bias.data.fill_(1e12)
    >>> explain_divergence(net, kept, since=4)
    'V1.bias moved most since epoch 4, its norm from 0 to 1.41e+12'
    """
    skipped = {id(p) for p in passive}
    largest, words = 0.0, "no parameter has moved: look at the stimuli and the initial values"
    for name, now in net.named_parameters():
        if id(now) in skipped or not now.numel():
            continue
        label = parameter_label(net, name)
        if not bool(torch.isfinite(now).all()):
            return f"{label} is not finite since epoch {since}"
        before = kept[name].to(now)
        step = (now - before).norm().item()
        if step > largest:
            largest = step
            sizes = f"from {before.norm():.3g} to {now.norm():.3g}"
            words = f"{label} moved most since epoch {since}, its norm {sizes}"
    return words


def parameter_label(net: DRMNet, name: str) -> str:
    """Return the name of a parameter, with populations and connections by name, not by number.

    Parameters
    ----------
    net : DRMNet
    name : str
        As in ``net.named_parameters()``.
    """
    room, _, rest = name.partition(".")
    number, _, rest = rest.partition(".")
    if room == "populations":
        return f"{net.population_names[int(number)]}.{rest}"
    if room == "connections":
        connection = net.connections[int(number)]
        for target, line in zip(net.population_names, net.afferents, strict=True):
            for afferent in line:
                if afferent.connection is connection:
                    return f"{origin(net, afferent)} -> {target}.{rest}"
    return name
