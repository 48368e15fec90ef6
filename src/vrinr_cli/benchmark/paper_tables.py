"""The figures that the paper prints for VR-INR, and the inputs that each table is about.

Source: M. Aiyetigbo, W. Yuan, F. Luo, N. Li, "Implicit Neural Representation for Video Restoration", Tables 1, 2, 3,
5, 6. All of them are paired: the network was fitted to the HR frames that it is tested on.
"""

from dataclasses import dataclass
from typing import Literal

VID4 = ("calendar", "city", "foliage", "walk")
"""The clips of the data set that the paper's Vid4 column is about."""


@dataclass(frozen=True, slots=True)
class PaperInput:
    """One way in which the network is asked for the frames that it was fitted to."""

    name: str
    scale: float
    """The HR frames are shrunk by it; 1 leaves their size."""
    noise: Literal["none", "gaussian", "poisson"] = "none"
    level: float = 0.0


@dataclass(frozen=True, slots=True)
class Printed:
    """One figure of the paper."""

    data: str
    """The data set that it was measured on."""
    psnr: float
    ssim: float | None = None

    @property
    def words(self) -> str:
        """As in "44.21" or "31.50 (DAVIS)"."""
        return f"{self.psnr:.2f}" if self.data == "Vid4" else f"{self.psnr:.2f} ({self.data})"


def _super_resolution(*scales: float) -> tuple[PaperInput, ...]:
    return tuple(PaperInput(f"x{scale:g}", scale) for scale in scales)


def _noisy(scale: float, noise: Literal["gaussian", "poisson"], *levels: float) -> tuple[PaperInput, ...]:
    where = "x1" if scale == 1 else f"x{scale:g}"
    return tuple(PaperInput(f"{where} {noise} {level:g}", scale, noise, level) for level in levels)


TABLES: dict[str, tuple[PaperInput, ...]] = {
    "Table 1": _super_resolution(2, 4, 8),
    "Table 2": _noisy(4, "gaussian", 30, 50) + _noisy(8, "gaussian", 30, 50),
    "Table 3": (PaperInput("x1", 1),),
    "Table 6": _noisy(1, "gaussian", 10, 30, 50) + _noisy(1, "poisson", 10, 30, 50),
    "Fig. 11": _super_resolution(4, 8, 12, 16, 24, 32),
}
"""What each table asks."""

INPUTS: tuple[PaperInput, ...] = tuple(dict.fromkeys(one for inputs in TABLES.values() for one in inputs))
"""All of them, each once."""

PRINTED: dict[tuple[str, str], Printed] = {
    ("Table 1", "x2"): Printed("Vid4", 43.68, 0.990),
    ("Table 1", "x4"): Printed("Vid4", 44.21, 0.996),
    ("Table 1", "x8"): Printed("Vid4", 41.42, 0.985),
    ("Table 2", "x4 gaussian 30"): Printed("DAVIS", 31.50),
    ("Table 2", "x4 gaussian 50"): Printed("DAVIS", 30.68),
    ("Table 2", "x8 gaussian 30"): Printed("DAVIS", 31.22),
    ("Table 2", "x8 gaussian 50"): Printed("DAVIS", 30.62),
    ("Table 3", "x1"): Printed("Vid4", 43.68, 0.990),
    ("Table 6", "x1 gaussian 10"): Printed("Vid4", 41.91, 0.973),
    ("Table 6", "x1 gaussian 30"): Printed("Vid4", 39.33, 0.926),
    ("Table 6", "x1 gaussian 50"): Printed("Vid4", 37.13, 0.913),
    ("Table 6", "x1 poisson 10"): Printed("Vid4", 42.88, 0.970),
    ("Table 6", "x1 poisson 30"): Printed("Vid4", 42.41, 0.966),
    ("Table 6", "x1 poisson 50"): Printed("Vid4", 41.54, 0.951),
    ("Fig. 11", "x4"): Printed("Vid4", 44.21),
    ("Fig. 11", "x8"): Printed("Vid4", 41.42),
}
"""(table, input) to what the paper says of VR-INR. Table 3 repeats Table 1's x2 row in print. Fig. 11 is a plot; its
x4 and x8 are Table 1's."""

ABLATIONS_PRINTED: dict[str, Printed] = {
    "features 4": Printed("DAVIS", 44.34, 0.995),
    "features 5": Printed("DAVIS", 40.85, 0.989),
    "features 6": Printed("DAVIS", 46.93, 0.993),
    "features 7": Printed("DAVIS", 35.21, 0.988),
    "no attention, MSE": Printed("DAVIS", 33.51, 0.937),
    "attention, MSE": Printed("DAVIS", 38.59, 0.976),
    "attention, PEA": Printed("DAVIS", 46.93, 0.993),
}
"""Tables 4 and 5, at x4. The print of Table 5 loses which of attention and PEA its middle row has."""
