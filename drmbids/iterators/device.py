"""Where to compute: the device that was asked for, or an error."""

import torch

from drmbids.core.exceptions import DeviceError


def check_device(device: str | torch.device) -> torch.device:
    """Return the device, or raise if this machine does not have it.

    Parameters
    ----------
    device : str or torch.device
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"`` ...

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
    except RuntimeError as error:
        raise DeviceError(f"unknown device {device!r}; use cpu, cuda, cuda:1 or mps") from error
    if wanted.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (wanted.index or 0) >= count:
            raise DeviceError(
                f"device {device!r}: torch sees {count} CUDA devices; use cpu, or install a CUDA build of torch"
            )
    elif wanted.type == "mps":
        if not torch.backends.mps.is_available():
            raise DeviceError(f"device {device!r}: not available on this machine; use cpu")
    elif wanted.type != "cpu":
        raise DeviceError(f"device {device!r} is not supported; use cpu, cuda or mps")
    return wanted
