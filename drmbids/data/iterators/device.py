"""Where to compute: the device that was asked for, or an error."""

import os

import torch
import torch.distributed as dist

from drmbids.data.tools.exceptions import DeviceError


def check_device(device: str | torch.device) -> torch.device:
    """Return the device, or raise if this machine does not have it.

    Parameters
    ----------
    device : str or torch.device
        ``"cpu"``, ``"cuda"`` or ``"cuda:1"``; where torchrun started the process, ``"cuda"`` is
        the device of its own number (``LOCAL_RANK``). ``mps`` is not supported: the maps to voxels
        are solved in float64, which it lacks.

    Raises
    ------
    DeviceError
        If the name is not one, or the device is absent: there is no silent fallback to the CPU.

    Examples
    --------
    >>> check_device("cpu")
    device(type='cpu')
    """
    try:
        wanted = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise DeviceError(f"unknown device {device!r}; use cpu, cuda or cuda:1") from error
    if wanted.type not in ("cpu", "cuda"):
        raise DeviceError(f"device {device!r} is not supported; use cpu, cuda or cuda:1")
    if wanted.type == "cuda":
        if wanted.index is None and dist.is_available() and dist.is_torchelastic_launched():
            wanted = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (wanted.index or 0) >= count:
            raise DeviceError(
                f"device {str(wanted)!r}: torch sees {count} CUDA devices; "
                "use cpu, or install a CUDA build of torch"
            )
    return wanted
