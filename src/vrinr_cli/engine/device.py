"""Which device computes, in which precision."""

import re
from dataclasses import dataclass

import torch

from vrinr_cli.errors import DeviceError, OptionError

MOST_DEVICES = 64
"""Of one job."""
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Compute:
    """A device that answered, and the dtype of the network's products. Base and color stay float32."""

    device: torch.device
    dtype: torch.dtype
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Device and precision, as in "cuda:0 bf16"."""
        names = {dtype: name for name, dtype in PRECISIONS.items()}
        return f"{self.device} {names[self.dtype]}"


def choose(device: str, precision: str) -> Compute:
    """The device and precision asked for, tried out.

    Args:
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "auto", "fp32", "bf16" or "fp16".

    Raises:
        OptionError: no such name.
        DeviceError: the device is not to be had here; says why.
    """
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d\d?)?", device):
        raise OptionError(f"device {device!r}", hint="choose auto, cpu, cuda, cuda:N or mps", option="device")
    if precision != "auto" and precision not in PRECISIONS:
        raise OptionError(f"precision {precision!r}", hint=f"choose auto, {', '.join(PRECISIONS)}")
    notes: tuple[str, ...] = ()
    if device == "auto":
        chosen, notes = _first_that_works()
    else:
        chosen = torch.device(device)
        problem = problem_with(chosen)
        if problem:
            raise DeviceError(f"device {device} is not to be had: {problem}", hint="use --device cpu", option="device")
    if precision == "fp32" and chosen.type == "cuda":
        torch.backends.cudnn.allow_tf32 = False  # convolutions would round their inputs to 10 bits
    dtype = automatic_dtype(chosen) if precision == "auto" else PRECISIONS[precision]
    return Compute(chosen, dtype, notes)


def choose_all(devices: str, precision: str) -> tuple[Compute, ...]:
    """Each device of a list, tried out: "cuda:0,cuda:1", "cuda:0,1" or "cpu,cpu"; or of one name.

    Raises:
        OptionError: no such name, or too many.
        DeviceError: a device is not to be had here; says which and why.
    """
    names = devices.split(",")
    if len(names) > MOST_DEVICES:
        raise OptionError(f"device names {len(names)} devices", hint=f"choose {MOST_DEVICES} at most", option="device")
    if len(names) > 1 and "auto" in names:
        raise OptionError(f"device {devices!r}", hint="auto is one device; name each of several", option="device")
    full = [f"cuda:{name}" if number and name.isdecimal() else name for number, name in enumerate(names)]
    if any(name.isdecimal() for name in names) and not full[0].startswith("cuda:"):
        raise OptionError(
            f"device {devices!r}", hint="numbers alone only follow cuda:N, as in cuda:0,1", option="device"
        )
    return tuple(choose(name, precision) for name in full)


def problem_with(device: torch.device) -> str:  # noqa: PLR0911 - one return a reason
    """Why a device cannot compute here; empty if it can."""
    if device.type == "cuda":
        if not torch.backends.cuda.is_built():
            return "this torch was built without CUDA"
        if not torch.cuda.is_available():
            return "no NVIDIA driver or no visible GPU"
        if (device.index or 0) >= torch.cuda.device_count():
            return f"there are {torch.cuda.device_count()} GPUs, numbered from 0"
    if device.type == "mps" and not torch.backends.mps.is_available():
        return "no Apple GPU, or this torch was built without it"
    try:
        trial = torch.ones(8, 8, device=device)
        if float((trial @ trial).sum()) != 512:
            return "a trial product came out wrong"
    except RuntimeError as error:
        return str(error).splitlines()[0]
    return ""


def automatic_dtype(device: torch.device) -> torch.dtype:
    """The fastest dtype that keeps 8-bit output within a code of float32's: bf16 where it is native."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "cpu" and multiplies_bf16():
        return torch.bfloat16
    return torch.float32


def multiplies_bf16() -> bool:
    """Whether the processor has bf16 dot products (AVX512-BF16 or AMX)."""
    return bool(torch.cpu._is_avx512_bf16_supported())


def available_devices() -> list[tuple[str, str]]:
    """(name, what it is or why it is not to be had) of every device type."""
    rows = [("cpu", f"{torch.get_num_threads()} threads, {'bf16' if multiplies_bf16() else 'fp32'}")]
    problem = problem_with(torch.device("cuda"))
    if problem:
        rows.append(("cuda", f"no: {problem}"))
    else:
        rows += [(f"cuda:{n}", torch.cuda.get_device_name(n)) for n in range(torch.cuda.device_count())]
    problem = problem_with(torch.device("mps"))
    rows.append(("mps", f"no: {problem}" if problem else "Apple GPU"))
    return rows


def _first_that_works() -> tuple[torch.device, tuple[str, ...]]:
    if torch.cuda.is_available():
        problem = problem_with(torch.device("cuda"))
        if not problem:
            return torch.device("cuda"), ()
        return torch.device("cpu"), (f"the GPU is not used: {problem}",)
    if torch.backends.mps.is_available() and not problem_with(torch.device("mps")):
        return torch.device("mps"), ()
    return torch.device("cpu"), ()
