"""Scene cuts in whole jobs: each scene comes out as if it were a video of its own."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.facts import facts, noise_weights, restore, tiny_weights
from media import clips, scenes
from media.clips import Spec
from media.scenes import Luma
from networks import TINY
from vrinr_cli.errors import JobError, OptionError
from vrinr_cli.frame import Frame, Plane
from vrinr_cli.jobs.events import Advanced, Event
from vrinr_cli.jobs.job import upscale
from vrinr_cli.jobs.options import DenoiseOptions, UpscaleOptions
from vrinr_cli.jobs.plan import make_plan
from vrinr_cli.video.cuts import REACH
from vrinr_cli.video.probe import probe
from vrinr_cli.video.reader import read_frames

FIRST, SECOND = scenes.scene(1, 10), scenes.scene(2, 11)
CUT = len(FIRST)


def video(path: Path, pictures: list[Luma], *, codec: str = "ffv1", pix_fmt: str = "gray", gop: int = 12) -> Path:
    spec = Spec(size=scenes.SIZE, codec=codec, pix_fmt=pix_fmt, gop=gop)
    height, width = scenes.SIZE
    gray = np.full((height // 2, width // 2), 128, np.uint8)
    colors = () if pix_fmt == "gray" else (gray, gray)
    return clips.from_planes(path, ((scenes.plane(picture), *colors) for picture in pictures), spec)


def difference(ours: list[Plane], theirs: list[Plane]) -> int:
    assert len(ours) == len(theirs)
    return max(int(np.abs(a.astype(int) - b.astype(int)).max()) for a, b in zip(ours, theirs, strict=True))


def alone(folder: Path, **options: Any) -> list[Plane]:
    """Both scenes, each restored by itself."""
    found: list[Plane] = []
    for name, pictures in (("first", FIRST), ("second", SECOND)):
        source = video(folder / f"{name}.mkv", pictures)
        report = restore(source, folder / f"{name}.out.mkv", codec="ffv1", **options)
        assert report.cuts == 0
        assert not [note for note in report.notes if "cut" in note]
        found += facts(folder / f"{name}.out.mkv").pictures
    return found


def test_a_scene_is_restored_as_if_it_were_alone(tmp_path: Path) -> None:
    expected = alone(tmp_path)
    source = video(tmp_path / "in.mkv", FIRST + SECOND)
    ways: list[dict[str, Any]] = [{"chunk_frames": n} for n in (CUT - 1, CUT, CUT + 1, CUT - 3, CUT + 3, 4, 1, 100)]
    ways += [{"tile": 24}, {"tile": 24, "chunk_frames": 3}]
    for number, options in enumerate(ways):
        output = tmp_path / f"{number}.mkv"
        report = restore(source, output, codec="ffv1", **options)
        assert difference(facts(output).pictures, expected) <= 1
        assert (report.cuts, report.tile) == (1, options.get("tile", 0))
        assert "1 scene cut seen: no picture was mixed with one beyond a cut" in report.notes


def test_a_scene_is_denoised_as_if_it_were_alone(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "scale": "1",
        "denoise": DenoiseOptions(sigma=20),
        "weights": str(noise_weights(tmp_path)),
    }
    expected = alone(tmp_path, **options)
    source = video(tmp_path / "in.mkv", FIRST + SECOND)
    report = restore(source, tmp_path / "out.mkv", codec="ffv1", chunk_frames=6, **options)
    assert report.cuts == 1
    assert difference(facts(tmp_path / "out.mkv").pictures, expected) <= 1


def test_without_cuts_both_scenes_are_mixed(tmp_path: Path) -> None:
    expected = alone(tmp_path)
    source = video(tmp_path / "in.mkv", FIRST + SECOND)
    report = restore(source, tmp_path / "out.mkv", codec="ffv1", cuts="none")
    ours, context = facts(tmp_path / "out.mkv").pictures, TINY.context
    assert report.cuts == 0
    for beside in (slice(CUT - context, CUT), slice(CUT, CUT + context)):
        assert difference(ours[beside], expected[beside]) > 1
    for away in (slice(0, CUT - context), slice(CUT + context, None)):
        assert difference(ours[away], expected[away]) <= 1


def test_a_part_that_begins_at_a_cut_has_none(tmp_path: Path) -> None:
    expected = alone(tmp_path)
    source = video(tmp_path / "in.mkv", FIRST + SECOND)
    for start, count in ((CUT, 0), (CUT - 2, 1)):
        output = tmp_path / f"{start}.mkv"
        report = restore(source, output, codec="ffv1", start=Fraction(start, 25))
        assert report.cuts == count
        assert difference(facts(output).pictures, expected[start:]) <= 1


def test_cuts_that_an_earlier_run_saw_are_counted(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mkv", FIRST + SECOND)
    options = UpscaleOptions(weights=str(tiny_weights(tmp_path)), precision="fp32", device="cpu", chunk_frames=5)

    def stop(event: Event) -> None:
        if isinstance(event, Advanced) and event.done == 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upscale(source, tmp_path / "out.mkv", options, listen=stop)
    other = UpscaleOptions(weights=options.weights, precision="fp32", device="cpu", chunk_frames=5, cuts="none")
    with pytest.raises(JobError, match=r"differs in the cuts$"):
        upscale(source, tmp_path / "out.mkv", other)
    report = upscale(source, tmp_path / "out.mkv", options)
    assert (report.resumed_frames, report.cuts) == (15, 1)


def test_a_chunk_reads_no_more_than_its_windows_and_a_few_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = video(tmp_path / "in.mkv", FIRST + SECOND)
    read: list[tuple[int, int]] = []

    def noted(info: Any, start: int, stop: int, **options: Any) -> Iterator[Frame]:
        read.append((start, stop))
        return read_frames(info, start, stop, **options)

    monkeypatch.setattr("vrinr_cli.jobs.run.read_frames", noted)
    count, beyond = len(FIRST + SECOND), TINY.context + REACH
    restore(source, tmp_path / "a.mkv", chunk_frames=6)
    assert read == [(max(n - beyond, 0), min(n + 6 + beyond, count)) for n in (0, 6, 12, 18)]
    read.clear()
    restore(source, tmp_path / "b.mkv", chunk_frames=6, cuts="none")
    assert read == [(max(n - TINY.context, 0), min(n + 6 + TINY.context, count)) for n in (0, 6, 12, 18)]
    read.clear()
    report = restore(source, tmp_path / "c.mkv", chunk_frames=6, method="bicubic")
    assert read == [(n, min(n + 6, count)) for n in (0, 6, 12, 18)]  # no windows: nothing is looked for
    assert report.cuts == 0


def test_a_chunk_ends_at_the_key_frame_that_an_encoder_put_at_a_cut(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mkv", FIRST + SECOND, codec="libx264", pix_fmt="yuv420p", gop=100)
    info = probe(source)
    assert info.keyframes == (0, CUT)
    options = UpscaleOptions(weights=str(tiny_weights(tmp_path)), chunk_frames=8)
    plan = make_plan(info, tmp_path / "out.mkv", options)
    assert [(chunk.start, chunk.stop) for chunk in plan.chunks] == [(0, CUT), (CUT, CUT + 8), (CUT + 8, 21)]


def test_only_known_ways_are_taken() -> None:
    with pytest.raises(OptionError, match=r"^cuts is 'maybe'$"):
        UpscaleOptions(cuts="maybe")  # type: ignore[arg-type]
