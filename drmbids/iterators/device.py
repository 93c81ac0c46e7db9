"""Where to compute: the device that was asked for, or an error."""

import torch

from drmbids.core.exceptions import DeviceError


def check_device(device: str | torch.device) -> torch.device:
    """Return the device, or raise if this machine does not have it.

    Parameters
    ----------
    device : str or torch.device
        ``"cpu"``, ``"cuda"`` or ``"cuda:1"``. Apple's ``mps`` is not supported: the maps to voxels
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
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (wanted.index or 0) >= count:
            raise DeviceError(
                f"device {device!r}: torch sees {count} CUDA devices; "
                "use cpu, or install a CUDA build of torch"
            )
    return wanted
