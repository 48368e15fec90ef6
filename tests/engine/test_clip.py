"""A fitted network through the engine: its own frames at their own times, at every size and in every format."""

from dataclasses import replace

import numpy as np
import torch

from frames import RGB, clip
from networks import CLIP, seeded_clip
from strategies import plane_format
from vrinr_cli.engine.device import Compute
from vrinr_cli.engine.engine import Engine, Geometry
from vrinr_cli.frame import Frame
from vrinr_cli.model.clip_config import with_constant_code
from vrinr_cli.model.clip_network import ClipNetwork, frame_times
from vrinr_cli.model.resample import enlarge

LOW, HIGH = (3, 4), (6, 8)
FP32 = Compute(torch.device("cpu"), torch.float32)


def geometry(size: tuple[int, int], target: tuple[int, int]) -> Geometry:
    return Geometry(plane_format("rgb", 8), RGB, size, plane_format("rgb", 8), RGB, target)


def network(*, strength: float = 0.05) -> ClipNetwork:
    """Colors near gray, so that nothing is cut off."""
    fitted = seeded_clip(CLIP).float()
    for tensor in fitted.color.state_dict().values():
        tensor.mul_(strength)
    return fitted


def restored(fitted: ClipNetwork, frames: list[Frame], *, first: int = 0) -> list[Frame]:
    engine = Engine(fitted, geometry(LOW, HIGH), FP32)
    return list(engine.restore(frames, range(first, first + len(frames))))


def rgb(frame: Frame) -> torch.Tensor:
    return torch.from_numpy(np.stack(frame.planes)).float() / 255


def test_every_frame_is_what_the_network_says_at_its_time() -> None:
    fitted = network()
    frames = clip(geometry(LOW, HIGH), 3)
    times = frame_times(3, like=torch.zeros(1))
    for made, given, time in zip(restored(fitted, frames), frames, times, strict=True):
        expected = fitted.render(enlarge(rgb(given), HIGH).clamp(0, 1), float(time)).clamp(0, 1)
        assert float((rgb(made) - expected).abs().max()) * 255 <= 0.51


def test_frames_before_and_after_the_fitted_ones_are_answered_by_the_nearest() -> None:
    fitted = ClipNetwork(with_constant_code(CLIP)).requires_grad_(False)
    fitted.load_state_dict(network().state_dict())
    fitted.first = 10
    frames = [replace(frame, index=8 + n) for n, frame in enumerate(clip(geometry(LOW, HIGH), 7))]
    made = [rgb(frame) for frame in restored(fitted, frames, first=8)]
    assert torch.equal(made[0], made[2])
    assert torch.equal(made[1], made[2])
    assert torch.equal(made[5], made[4])
    assert torch.equal(made[6], made[4])
    assert not torch.equal(made[2], made[3])


def test_a_fit_counts_at_scale_one_too() -> None:
    fitted = network()
    same = geometry(HIGH, HIGH)
    frame = clip(same, 1)[0]
    made = next(iter(Engine(fitted, same, FP32).restore([frame], range(1))))
    expected = fitted.render(rgb(frame), -1.0).clamp(0, 1)
    assert float((rgb(made) - expected).abs().max()) * 255 <= 0.51


def test_the_plain_methods_pay_no_heed_to_a_fit() -> None:
    frames = clip(geometry(LOW, HIGH), 1)
    plain = next(iter(Engine(None, geometry(LOW, HIGH), FP32, method="bicubic").restore(frames, range(1))))
    also = next(iter(Engine(network(), geometry(LOW, HIGH), FP32, method="bicubic").restore(frames, range(1))))
    assert all(np.array_equal(a, b) for a, b in zip(plain.planes, also.planes, strict=True))
