"""`vrinr fit` as a user has it, and what `upscale` makes of its file."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from media import clips
from networks import seeded
from vrinr_cli.cli.app import app
from vrinr_cli.jobs import weights
from vrinr_cli.model import checkpoint
from vrinr_cli.training.fit import CorrectionRun
from vrinr_cli.training.fit_chart import draw_chart
from vrinr_cli.training.fit_options import RatePoint

SHORT = ["--steps", "3", "--window", "12", "--window-frames", "3", "--precision", "fp32", "--rate", "0.01"]


def run(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Beside it general weights, and another clip."""
    checkpoint.save(tmp_path / "base.safetensors", seeded(dtype=torch.float32, strength=0.05), card={})
    clips.plain(tmp_path / "other.mp4", frames=5, size=(32, 48))
    return clips.plain(tmp_path / "clip.mp4", frames=12, size=(32, 48))


def fitted(clip: Path, *more: object) -> tuple[int, str, str]:
    return run("fit", clip, "--weights", clip.with_name("base.safetensors"), *SHORT, *more)


def test_the_file_lies_beside_the_clip_and_is_not_replaced_unasked(clip: Path) -> None:
    code, _, words = fitted(clip)
    assert code == 0, words
    lines = words.splitlines()
    assert "over 4 held-out frames" in lines[-2]
    assert lines[-1].startswith(f"{clip.with_suffix('.safetensors')}: ")
    before = clip.with_suffix(".safetensors").read_bytes()
    code, _, words = fitted(clip, "--seed", "1")
    assert (code, "exists already; use -y to replace it" in words) == (2, True)
    assert clip.with_suffix(".safetensors").read_bytes() == before
    assert fitted(clip, "-y", "--quiet")[1:] == ("", "")


def test_as_json_a_paired_fit_tells_bytes_and_decibels(clip: Path) -> None:
    high = clips.plain(clip.with_name("hr.mp4"), frames=12, size=(64, 96))
    code, out, words = fitted(clip, "--reference", high, "--json", "--budget", "50K")
    assert code == 0, words
    report = json.loads(out.splitlines()[-1])
    names = [point["name"] for point in report["points"]]
    assert names == ["LR + general weights", "LR + correction", *(f"x265 crf {n}" for n in (20, 24, 28, 32, 36))]
    general, corrected = (point["bytes"] for point in report["points"][:2])
    assert corrected - general == report["bytes"] == clip.with_suffix(".safetensors").stat().st_size <= 50_000
    assert (report["event"], report["use"], report["frames"]) == ("done", "paired", 12)


def test_upscale_tells_another_clip_and_strict_refuses_it(clip: Path) -> None:
    assert fitted(clip, "--rate", "0.02")[0] == 0
    made = ["--weights", clip.with_suffix(".safetensors"), "--precision", "fp32"]
    code, _, words = run("upscale", clip, *made, "--strict", "--frames", "3", "-o", clip.with_name("part.mp4"))
    assert (code, "fitted" in words) == (0, False), words  # a part of the clip is the clip
    other = clip.with_name("other.mp4")
    code, _, words = run("upscale", other, *made, "-o", clip.with_name("out.mp4"))
    assert code == 0, words
    assert "note: weights clip.safetensors were fitted to clip.mp4, not to this clip\n" in words
    code, _, words = run("upscale", other, *made, "--strict", "-o", clip.with_name("no.mp4"))
    assert (code, words.count("\n")) == (2, 1)
    assert words.startswith("vrinr: error: weights clip.safetensors were fitted to clip.mp4, not to this clip; ")
    assert not clip.with_name("no.mp4").exists()


def test_a_correction_at_another_scale_is_a_note(clip: Path) -> None:
    high = clips.plain(clip.with_name("hr.mp4"), frames=12, size=(64, 96))
    assert fitted(clip, "--reference", high)[0] == 0
    made = ["--weights", clip.with_suffix(".safetensors"), "--precision", "fp32", "--frames", "2"]
    _, _, words = run("upscale", clip, *made, "--scale", "3", "-o", clip.with_name("3.mp4"))
    assert "note: weights clip.safetensors were fitted at x2, and this is x3" in words
    _, _, words = run("upscale", clip, *made, "--scale", "2", "-o", clip.with_name("2.mp4"))
    assert "fitted at" not in words


def test_without_its_general_weights_a_correction_is_refused(clip: Path) -> None:
    assert fitted(clip)[0] == 0
    path = clip.with_suffix(".safetensors")
    expected = weights.load(path).state_dict()
    clip.with_name("base.safetensors").rename(clip.with_name("renamed.safetensors"))
    assert all(torch.equal(t, expected[name]) for name, t in weights.load(path).state_dict().items())
    clip.with_name("renamed.safetensors").unlink()
    code, _, words = run("upscale", clip, "--weights", path, "-o", clip.with_name("o.mp4"))
    assert (code, words.count("\n")) == (1, 1)
    assert "corrects general weights " in words
    assert "which are not here" in words
    assert sorted(p.name for p in clip.parent.iterdir()) == ["clip.mp4", "clip.safetensors", "other.mp4"]


def test_interrupted_it_says_how_to_go_on_and_does(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = CorrectionRun.train_step

    def stopped(self: CorrectionRun) -> float:
        if self.step == 2:
            raise KeyboardInterrupt
        return step(self)

    monkeypatch.setattr(CorrectionRun, "train_step", stopped)
    code, _, words = fitted(clip, "--checkpoint-minutes", "0")
    assert code == 130
    assert words.splitlines()[-1] == "vrinr: error: stopped; the same command goes on from the last state"
    assert clip.with_name(".clip.safetensors.state").exists()
    monkeypatch.undo()
    code, _, words = fitted(clip, "--checkpoint-minutes", "0")
    assert code == 0, words
    assert not clip.with_name(".clip.safetensors.state").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--minutes", "1"], "a fit needs one length"),
        (["--budget", "many"], "budget is 'many'"),
        (["--crop", "256"], "crop is '256'"),
        (["--table-entries", "a,b"], "table entries is 'a'"),
        (["--preset", "paper"], "a preset without a reference"),
        (["--chart", "rate.svg"], "a chart without a paired correction"),
        (["--chart", "rate.txt", "--reference", "none.mp4"], "charts are .svg or .png"),
        (["--reference", "none.mp4"], "no such file"),
        (["-o", "w.pt"], "not a .safetensors file"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(clip: Path, more: list[str], words: str) -> None:
    code, _, told = fitted(clip, *more)
    assert (code, told.count("\n")) == (2, 1), told
    assert words in told


def test_a_chart_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    names = [("LR + general weights", 400, 32.0), ("LR + correction", 700, 34.0), ("x265 crf 28", 900, 38.0)]
    points = [RatePoint(name=name, bytes=1000 * size, psnr_y=psnr) for name, size, psnr in names]
    draw_chart(points, "clip.mp4", tmp_path / "rate.svg")
    drawn = (tmp_path / "rate.svg").read_text()
    assert "<svg" in drawn
    assert "LR + correction" in drawn


def test_without_matplotlib_a_chart_is_refused_before_the_work(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    code, _, words = fitted(clip, "--reference", clip, "--chart", clip.with_name("rate.svg"))
    assert code == 2
    assert "pip install 'vrinr[benchmark]'" in words
    assert not clip.with_suffix(".safetensors").exists()
