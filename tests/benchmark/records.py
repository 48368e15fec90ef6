"""Scores and fits for tests, with made-up figures."""

from vrinr_cli.benchmark.environment import Environment
from vrinr_cli.benchmark.metrics import Figures
from vrinr_cli.benchmark.paper_cases import SuiteCase
from vrinr_cli.benchmark.paper_fit import CaseResult, InputScore
from vrinr_cli.benchmark.paper_tables import INPUTS
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


def machine(date: str, processor: str = "a processor", *, threads: int = 1) -> Environment:
    return Environment("0", "2.13", "3.11", date, "Linux", processor, threads, "cpu fp32", "")


def fitted(
    clip: str,
    psnr: float,
    *,
    variant: str = "",
    preset: str = "paper",
    frames: int = 8,
    environment: Environment | None = None,
) -> CaseResult:
    """A fit that gave the same for every input."""
    about = {"size": (256, 256), "frames": frames, "epochs": 12.0, "seed": 0, "pixels": "p", "settings": "s"}
    case = SuiteCase(clip=clip, preset=preset, variant=variant, **about)  # type: ignore[arg-type]
    scores = tuple(InputScore(one.name, psnr, 0.9, 20.0) for one in INPUTS)
    return CaseResult(case, scores, 768, 80.0, 72.0, 2_000_000, 1_572_864, 700_000, environment=environment)
