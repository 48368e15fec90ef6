"""Which device computes, and what is said of one that is not to be had."""

import pytest
import torch

from vrinr_cli.engine import device
from vrinr_cli.errors import DeviceError, OptionError


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:128", "CPU", "cpu:0", "cuda:0 "])
def test_unknown_devices_are_refused(name: str) -> None:
    with pytest.raises(OptionError) as caught:
        device.choose(name, "auto")
    assert str(caught.value) == f"device {name!r}"
    assert caught.value.hint == "choose auto, cpu, cuda, cuda:N or mps"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", ["fp8", "float32", ""])
def test_unknown_precisions_are_refused(name: str) -> None:
    with pytest.raises(OptionError) as caught:
        device.choose("cpu", name)
    assert str(caught.value) == f"precision {name!r}"
    assert caught.value.hint == "choose auto, fp32, bf16, fp16"


@pytest.mark.parametrize(
    ("is_built", "count", "name", "reason"),
    [
        (False, 0, "cuda", "this torch was built without CUDA"),
        (True, 0, "cuda", "no NVIDIA driver or no visible GPU"),
        (True, 1, "cuda:1", "there are 1 GPUs, numbered from 0"),
    ],
)
def test_an_absent_gpu_is_told_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, is_built: bool, count: int, name: str, reason: str
) -> None:
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: is_built)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    with pytest.raises(DeviceError) as caught:
        device.choose(name, "auto")
    assert str(caught.value) == f"device {name} is not to be had: {reason}"
    assert caught.value.exit_code == 2
    assert caught.value.hint == "use --device cpu"


def test_several_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "problem_with", lambda _: "")
    for names, full in (("cpu", "cpu"), ("cpu,cpu", "cpu,cpu"), ("cuda:0,1,cpu", "cuda:0,cuda:1,cpu")):
        assert ",".join(str(found.device) for found in device.choose_all(names, "fp32")) == full


@pytest.mark.parametrize("names", ["auto,cpu", "cpu,", ",cpu", "0,1", "cpu,1", "cuda,0,cpu:1", "cpu, cpu", "cpu," * 64])
def test_unknown_lists_of_devices_are_refused(names: str) -> None:
    with pytest.raises(OptionError, match=r"^device "):
        device.choose_all(names, "fp32")


def test_one_of_several_that_is_absent_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "problem_with", lambda found: "it is absent" if found.index == 3 else "")
    with pytest.raises(DeviceError, match=r"^device cuda:3 is not to be had: it is absent$"):
        device.choose_all("cuda:0,3", "fp32")


def test_an_absent_apple_gpu_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="device mps is not to be had: no Apple GPU, or"):
        device.choose("mps", "fp32")


def test_a_gpu_that_does_not_compute_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: no kernel image\nCompile with ...")

    monkeypatch.setattr(torch, "ones", broken)
    assert device.problem_with(torch.device("cpu")) == "CUDA error: no kernel image"


def test_a_device_that_computes_wrong_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "ones", torch.zeros)
    assert device.problem_with(torch.device("cpu")) == "a trial product came out wrong"


def test_auto_leaves_a_broken_gpu_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(device, "problem_with", lambda d: "it is broken" if d.type == "cuda" else "")
    chosen = device.choose("auto", "fp32")
    assert chosen.device == torch.device("cpu")
    assert chosen.notes == ("the GPU is not used: it is broken",)
    monkeypatch.setattr(device, "problem_with", lambda _: "")
    assert device.choose("auto", "fp32").device == torch.device("cuda")


@pytest.mark.parametrize(("has_bf16", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_precision_of_the_cpu(monkeypatch: pytest.MonkeyPatch, has_bf16: bool, dtype: torch.dtype) -> None:
    monkeypatch.setattr(device, "multiplies_bf16", lambda: has_bf16)
    assert device.choose("cpu", "auto").dtype is dtype
    assert device.choose("cpu", "fp32").dtype is torch.float32
    assert device.choose("cpu", "fp16").words == "cpu fp16"


def test_available_devices_names_all_kinds() -> None:
    rows = dict(device.available_devices())
    assert "threads" in rows["cpu"]
    assert any(name.startswith("cuda") for name in rows)
    assert "mps" in rows
