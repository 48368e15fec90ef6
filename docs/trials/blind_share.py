"""How much of a blind change to keep: the table in docs/fit.md.

    python docs/trials/blind_share.py data/val

Each clip is made smaller by two, and the smaller one is what a user has: general weights are fitted to it blindly. The
gain is then measured on what the user does not have, the clip itself, with so much of the change as each column says.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import torch

from vrinr_cli.benchmark.clips import read_clip
from vrinr_cli.engine.device import choose
from vrinr_cli.jobs.weights import find
from vrinr_cli.model import checkpoint
from vrinr_cli.training import footage
from vrinr_cli.training.corpus import Pixels
from vrinr_cli.training.fit import CorrectionRun
from vrinr_cli.training.fit_material import gather
from vrinr_cli.training.fit_options import FitOptions, FitRequest
from vrinr_cli.training.measure import score

CLIPS = ("anim_bbb", "lines_building", "text_tennis", "water_blackswan")
OPTIONS = FitOptions(steps=150, threads=1)
FRAMES, SCALE = 16, 2
SHARES = (1.0, 0.5, 0.25)


def main(folder: Path) -> None:
    """Print a row a clip."""
    torch.set_num_threads(1)
    compute = choose("cpu", "auto")
    general = checkpoint.load(find("general"))
    weights = general.state_dict()
    print("clip", "held-out gain", *SHARES, sep="\t")
    for name in CLIPS:
        frames = read_clip(folder / f"{name}.mkv", frames=FRAMES, crop=None)
        height, width = (side // 4 * 4 for side in frames.shape[1:3])
        (low,) = footage.shrunk([frames[:, :height, :width]], SCALE)
        truth = footage.Pair((low,), (frames[:, :height, :width],))
        with TemporaryDirectory() as scratch:
            clip = write(Path(scratch) / "clip.mkv", low)
            request = FitRequest(clip=clip, output=clip.with_suffix(".safetensors"))
            material = gather(request, OPTIONS)
            model = checkpoint.load(find("general"))
            run = CorrectionRun(model, material, OPTIONS, base="", output=request.output, device=torch.device("cpu"))
            run.learn(lambda _: None)
        change = run.change()

        def gain(pair: footage.Pair, share: float, change: dict[str, torch.Tensor] = change) -> float:
            changed = checkpoint.load(find("general"))
            changed.load_state_dict({key: value + share * change[key] for key, value in weights.items()})
            return score(changed, pair, compute).psnr_y - score(general, pair, compute).psnr_y

        held = np.mean([gain(pair, 1.0) for pair in material.judged])
        print(name, f"{held:+.2f}", *(f"{gain(truth, share):+.2f}" for share in SHARES), sep="\t", flush=True)


def write(path: Path, frames: Pixels) -> Path:
    """(T, H, W, 3) as a lossless file."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], "bgr0"
        for picture in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        file.mux(stream.encode(None))
    return path


if __name__ == "__main__":
    main(Path(sys.argv[1]))
