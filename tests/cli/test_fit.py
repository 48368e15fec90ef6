"""`vrinr fit` as a user has it, and what `upscale` makes of its file."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from event_schema import checked
from media import clips
from networks import seeded
from vrinr_cli.cli.app import app
from vrinr_cli.cli.fit import RESUME_HINT, _say_resumed, report_lines
from vrinr_cli.jobs import weights
from vrinr_cli.model import checkpoint, correction
from vrinr_cli.model.correction_config import CorrectionConfig
from vrinr_cli.model.header import FittedTo, read_header
from vrinr_cli.training.fit import CorrectionRun
from vrinr_cli.training.fit_chart import draw_chart
from vrinr_cli.training.fit_options import CORRECTED, FitProgress, FitReport, FitScore, RatePoint
from vrinr_cli.video.probe import probe

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
    report = checked("fit", out)[-1]
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


@pytest.mark.parametrize(("scale", "is_noted"), [("1.8", True), ("2", False), ("2.5", False), ("3.5", True)])
def test_between_the_scales_of_a_blind_fit_there_is_no_note(clip: Path, scale: str, is_noted: bool) -> None:
    path, base = clip.with_suffix(".safetensors"), clip.with_name("base.safetensors")
    none = {name: torch.zeros(t.shape, dtype=torch.int64) for name, t in checkpoint.load(base).state_dict().items()}
    about = CorrectionConfig(network=checkpoint.load(base).config, base=read_header(base).digest)
    learned = FittedTo(name=clip.name, digest=probe(clip).digest, scales=(2.0, 3.0))
    correction.save(path, none, dict.fromkeys(none, 1.0), about, card={}, fitted=learned)
    made = ["--weights", path, "--precision", "fp32", "--frames", "2", "-o", clip.with_name("o.mp4")]
    code, _, words = run("upscale", clip, *made, "--scale", scale)
    assert (code, f"fitted at x2 to x3, and this is x{scale}" in words) == (0, is_noted), words


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
    assert words.splitlines()[-1] == f"vrinr: error: stopped; {RESUME_HINT}"
    assert clip.with_name(".clip.safetensors.state").exists()
    monkeypatch.undo()
    code, _, words = fitted(clip, "--checkpoint-minutes", "0")
    assert code == 0, words
    assert not clip.with_name(".clip.safetensors.state").exists()


def test_a_resumed_fit_says_where_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    shown: list[int] = []
    show = _say_resumed(lambda progress: shown.append(progress.step))
    for step in (40, 60):
        show(FitProgress(step=step, share=0.5, loss=1.0, psnr=30.0, rate=1e-3, seconds=1.0, resumed_at=20))
    assert capsys.readouterr().err == "going on from step 20, where it was stopped\n"
    assert shown == [40, 60]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--minutes", "1"], "a fit needs one length"),
        (["--budget", "many"], "budget is 'many'"),
        (["--minutes", "inf"], "a fit needs one length"),
        (["--budget", "2K"], "budget of 2000 bytes, not 7K or more"),
        (["--crop", "256x256"], "--crop without a preset"),
        (["--table-entries", "64,64"], "--table-entries without a preset"),
        (["--scale", "2", "--reference", "none.mp4"], "--scale with --reference"),
        (["--preset", "paper"], "--weights, --window, --window-frames, --precision with --preset"),
        (["--chart", "rate.svg"], "a chart without a paired correction"),
        (["--chart", "rate.txt", "--reference", "none.mp4"], "charts are .svg or .png"),
        (["-o", "w.pt"], "not a .safetensors file"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(clip: Path, more: list[str], words: str) -> None:
    code, _, told = fitted(clip, *more)
    assert (code, told.count("\n")) == (2, 1), told
    assert words in told


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([], "a preset without a reference"),
        (["--crop", "256"], "crop is '256'"),
        (["--table-entries", "a,b"], "table entries is 'a'"),
        (["--table-entries", "64,64,64", "--reference", "other.mp4"], "preset paper takes 2 numbers, multiples of 8"),
        (["--epochs", "inf"], "a fit of length inf"),
        (["--minutes", "nan"], "a fit of length nan"),
        (["--budget", "300K", "--reference", "other.mp4"], "a budget with preset paper; only small takes one"),
        (["--chart", "rate.svg"], "--chart with --preset"),
        (["--batch", "1"], "--batch with --preset"),
        (["--scale", "2"], "--scale with --preset"),
        (["--weights", "general"], "--weights with --preset"),
    ],
)
def test_wrong_use_of_a_preset_is_one_line_and_exit_code_2(clip: Path, more: list[str], words: str) -> None:
    more = [str(clip.with_name(word)) if word == "other.mp4" else word for word in more]
    code, _, told = run("fit", clip, "--preset", "paper", *more)
    assert (code, told.count("\n")) == (2, 1), told
    assert words in told


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (".", ".: is a folder; give a video file"),
        ("", ".: is a folder; give a video file"),
        ("none.mp4", "none.mp4: no such file; check the name"),
    ],
)
def test_what_is_no_file_is_no_clip(name: str, words: str) -> None:
    code, _, told = run("fit", name)
    assert (code, told) == (2, f"vrinr: error: {words}\n")


def test_a_reference_that_is_no_file(clip: Path) -> None:
    code, _, told = fitted(clip, "--reference", "none.mp4")
    assert (code, told) == (2, "vrinr: error: none.mp4: no such file; check the name\n")


def test_a_wrong_device_is_one_line_with_a_preset_too(clip: Path) -> None:
    words = ["--reference", clip.with_name("other.mp4"), "--preset", "paper", "--device", "nix"]
    code, _, told = run("fit", clip, *words)
    assert code == 2
    assert told == "vrinr: error: device 'nix'; choose auto, cpu, cuda, cuda:N or mps\n"


def reported(ours: tuple[int, float]) -> str:
    """The verdict on (bytes, dB) beside x265 of 1 kB at 30 dB and 4 kB at 40 dB."""
    points = [(CORRECTED, *ours), ("x265 crf 20", 4000, 40.0), ("x265 crf 36", 1000, 30.0)]
    flat = FitScore(psnr_rgb=30.0, psnr_y=30.0)
    report = FitReport(
        output=Path("w.safetensors"),
        use="paired",
        before=flat,
        after=replace(flat, psnr_y=ours[1]),
        frames=1,
        steps=1,
        minutes=1,
        bytes=1,
        points=tuple(RatePoint(name=name, bytes=size, psnr_y=psnr) for name, size, psnr in points),
    )
    return report_lines(report)[-2]


@pytest.mark.parametrize(
    ("ours", "words"),
    [
        ((2000, 36.0), "for the same bytes x265 of the HR clip gives 35.00 dB: the correction pays"),
        ((2000, 34.0), "for the same bytes x265 of the HR clip gives 35.00 dB: x265 of the HR clip is the better way"),
        ((9000, 39.0), "x265 crf 20 gives 40.00 dB for 4.0 kB, fewer bytes: x265 of the HR clip is the better way"),
        ((9000, 41.0), "x265 was not measured that large; x265 crf 20 gives 40.00 dB for 4.0 kB"),
        ((500, 29.0), "x265 was not measured that small; x265 crf 36 gives 30.00 dB for 1.0 kB"),
        ((500, 31.0), "x265 was not measured that small; x265 crf 36 gives 30.00 dB for 1.0 kB: the correction pays"),
    ],
)
def test_the_verdict_says_what_x265_gives(ours: tuple[int, float], words: str) -> None:
    assert reported(ours) == words


def test_a_chart_is_told_and_not_replaced_unasked(clip: Path) -> None:
    pytest.importorskip("matplotlib")
    chart, high = clip.with_name("rate.svg"), clips.plain(clip.with_name("hr.mp4"), frames=12, size=(64, 96))
    chart.write_text("mine")
    code, _, words = fitted(clip, "--reference", high, "--chart", chart)
    assert (code, words) == (2, f"vrinr: error: {chart}: exists already; use -y to replace it\n")
    assert chart.read_text() == "mine"
    assert not clip.with_suffix(".safetensors").exists()
    code, _, words = fitted(clip, "--reference", high, "--chart", chart, "-y")
    assert code == 0, words
    assert words.splitlines()[-1] == f"{chart} written"
    assert "<svg" in chart.read_text()


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
