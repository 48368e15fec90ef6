"""Scores for tests, with made-up figures."""

from vrinr_cli.benchmark.metrics import Figures
from vrinr_cli.benchmark.scores import BLIND, NO_PROTOCOL, Condition, Score, with_gains

X4 = Condition(4.0, "BI", "none", 0.0)
X2 = Condition(2.0, "BI", "none", 0.0)
NOISY = Condition(4.0, "BI", "gaussian", 30.0)


def score(
    method: str,
    psnr: float,
    *,
    clip: str = "one",
    condition: Condition = X4,
    protocol: str = BLIND,
    frames: int = 3,
    dtssd: float | None = 1.0,
    mismatch: str = "",
) -> Score:
    """psnr_rgb is 1 dB below psnr_y; bicubic and lanczos are the baselines."""
    figures = Figures(psnr - 1, psnr, 0.9, dtssd)
    is_baseline = method in ("bicubic", "lanczos")
    chosen = NO_PROTOCOL if is_baseline else protocol
    return Score(clip, frames, condition, method, chosen, is_baseline, figures, mismatch=mismatch)


def full(clip: str = "one", *, condition: Condition = X4, ours: float = 33.0, protocol: str = BLIND) -> list[Score]:
    """Both kernels and one network, with gains."""
    kernels = [
        score("bicubic", 30.0, clip=clip, condition=condition),
        score("lanczos", 31.0, clip=clip, condition=condition),
    ]
    return with_gains([*kernels, score("ours", ours, clip=clip, condition=condition, protocol=protocol)])
