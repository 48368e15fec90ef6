"""The tree of errors, and that errors.py's docstring tells it as it is."""

import re

import pytest

from vrinr_cli import errors
from vrinr_cli.errors import (
    DeviceError,
    DeviceLostError,
    DiskError,
    EncodeError,
    EncoderError,
    EngineError,
    InputError,
    InterruptedJobError,
    JobError,
    OptionError,
    PartsError,
    StallError,
    TargetError,
    VerifyError,
    VrinrError,
    WeightsError,
    WorkerError,
    counted,
    show_bytes,
)

KINDS: dict[type[VrinrError], int] = {
    VrinrError: 1,
    OptionError: 2,
    TargetError: 2,
    EncoderError: 2,
    InputError: 1,
    EncodeError: 1,
    DiskError: 1,
    VerifyError: 1,
    WeightsError: 1,
    DeviceError: 2,
    EngineError: 1,
    DeviceLostError: 1,
    WorkerError: 1,
    StallError: 1,
    PartsError: 1,
    JobError: 2,
    InterruptedJobError: 130,
}


@pytest.mark.parametrize(("kind", "code"), KINDS.items())
def test_exit_codes(kind: type[VrinrError], code: int) -> None:
    error = kind("it broke", hint="mend it")
    assert (str(error), error.hint, error.exit_code) == ("it broke", "mend it", code)


def test_an_option_error_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="scale is 0"):
        raise OptionError("scale is 0", hint="choose 1 to 32")


def test_a_hint_is_never_left_out() -> None:
    with pytest.raises(TypeError, match="hint"):
        VrinrError("it broke")  # type: ignore[call-arg]


def test_the_docstring_lists_every_kind_with_its_exit_code() -> None:
    told = re.findall(r"(\w+Error)(?: \((\w+)\))? +exit (\d+) ", errors.__doc__ or "")
    assert {name: int(code) for name, _, code in told} == {kind.__name__: code for kind, code in KINDS.items()}
    defined = {c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, VrinrError)}
    assert defined == set(KINDS)
    for name, base, _ in told:
        bases = [b.__name__ for b in getattr(errors, name).__bases__]
        assert (base in bases) if base else bases in (["VrinrError"], ["Exception"])


@pytest.mark.parametrize(("count", "words"), [(0, "0 frames"), (1, "1 frame"), (2, "2 frames")])
def test_one_thing_is_one_thing(count: int, words: str) -> None:
    assert counted(count, "frame") == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0.0 MB"), (1_240_000, "1.2 MB"), (71_400_000, "71 MB"), (3_140_000_000, "3.1 GB")]
)
def test_bytes_in_words(count: int, words: str) -> None:
    assert show_bytes(count) == words
