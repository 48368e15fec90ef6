import csv
import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor
from typer.testing import CliRunner, Result

from benchmark.records import X2
from event_schema import checked
from jobs.facts import noise_weights, tiny_weights
from media import clips, tracks
from networks import CLIP, seeded_clip
from vrinr_cli.benchmark import methods
from vrinr_cli.benchmark.clips import read_clip
from vrinr_cli.benchmark.fitted import OTHER_FRAMES
from vrinr_cli.benchmark.quality import Listener, QualityReport, Step, measure, protocol_words
from vrinr_cli.benchmark.request import QualityRequest
from vrinr_cli.benchmark.scores import Condition, Score
from vrinr_cli.cli.app import app
from vrinr_cli.cli.benchmark import progress_bar
from vrinr_cli.cli.show import print_json
from vrinr_cli.engine.engine import Engine
from vrinr_cli.errors import InputError, OptionError
from vrinr_cli.model import checkpoint, clip_checkpoint
from vrinr_cli.model.header import FittedTo
from vrinr_cli.model.source import sigma_codes
from vrinr_cli.training.validate import Case, score_model
from vrinr_cli.video.probe import digest_of


def folder_of_clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    clips.plain(folder / "one.mkv", frames=3)
    clips.plain(folder / "two.mkv", frames=2, size=(80, 64))
    return folder


def request(tmp_path: Path, **given: Any) -> QualityRequest:
    chosen: dict[str, Any] = {
        "sources": (tmp_path,),
        "weights": (str(tiny_weights(tmp_path)),),
        "device": "cpu",
        "precision": "fp32",
        "scales": (2.0,),
    }
    return QualityRequest(**(chosen | given))


def noisy_clip(folder: Path, name: str = "noise", *, frames: int = 2, size: tuple[int, int] = (36, 44)) -> Path:
    pixels = np.random.default_rng(0).integers(40, 200, (frames, *size, 3)).astype(np.uint8)
    np.save(folder / f"{name}.npy", pixels)
    return folder / f"{name}.npy"


def test_every_method_is_scored_on_every_clip_at_every_scale(tmp_path: Path) -> None:
    seen: list[Score] = []
    steps: list[Step] = []
    asked = request(tmp_path, sources=(folder_of_clips(tmp_path),), scales=(2.0, 2.5), frames=2)
    report = measure(asked, listen=Listener(steps.append, seen.append))
    assert tuple(seen) == report.scores
    assert [(s.clip, s.condition.scale, s.method) for s in seen] == [
        (clip, scale, method)
        for clip in ("one", "two")
        for scale in (2.0, 2.5)
        for method in ("bicubic", "lanczos", "tiny")
    ]
    assert [(s.done, s.total) for s in steps] == [(n, 12) for n in range(12)]
    assert all(s.frames == 2 and 15 < s.figures.psnr_y < 60 and s.figures.dtssd_y is not None for s in seen)
    assert report.comparisons == ()


def test_figures_are_the_trainers_but_for_rounding(tmp_path: Path) -> None:
    """The engine's 8-bit frames and the trainer's whole-clip path in floats: two ways to one figure."""
    path = noisy_clip(tmp_path)
    report = measure(request(tmp_path, sources=(path,), scales=(2.0, 2.5)))
    model = checkpoint.load(tiny_weights(tmp_path))
    expected = score_model(model, {"noise": np.load(path)}, (Case(2.0), Case(2.5)))
    for clip in expected:
        found = {s.method: s.figures.psnr_y for s in report.scores if s.condition.scale == clip.case.scale}
        assert found == pytest.approx({"bicubic": clip.bicubic, "lanczos": clip.lanczos, "tiny": clip.vrinr}, abs=0.02)


def test_at_scale_1_the_kernels_show_the_noise_itself(tmp_path: Path) -> None:
    noisy_clip(tmp_path, size=(64, 64))
    report = measure(request(tmp_path, scales=(1.0,), degradation="none", levels=(10.0,), weights=("none",)))
    assert {s.method for s in report.scores} == {"bicubic", "lanczos"}
    for score in report.scores:
        assert score.condition == Condition(1.0, "none", "gaussian", 10.0)
        assert score.figures.psnr_rgb == pytest.approx(28.13, abs=0.15)  # 20 log10(255 / 10)


def told_levels(monkeypatch: pytest.MonkeyPatch, asked: QualityRequest) -> list[float]:
    """Sigma that networks were told, in codes, by condition."""
    told: list[float] = []

    def watched(*given: Any, noise: Tensor | None, **named: Any) -> Any:
        told.append(0.0 if noise is None else float(sigma_codes(noise)))
        return Engine(*given, noise=noise, **named)

    monkeypatch.setattr(methods, "Engine", watched)
    measure(asked)
    return told


def test_networks_are_told_the_true_noise_or_what_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gray").mkdir()
    y, x = np.indices((96, 96))
    still = np.repeat((128 + 60 * np.sin(y / 17) * np.cos(x / 23))[..., None], 3, axis=-1).astype(np.uint8)
    np.save(tmp_path / "gray/one.npy", np.stack([still] * 4))
    asked = request(
        tmp_path,
        sources=(tmp_path / "gray",),
        scales=(1.0,),
        levels=(10.0, 30.0),
        weights=(str(noise_weights(tmp_path)),),
    )
    assert told_levels(monkeypatch, asked) == pytest.approx([10, 30], rel=1e-4)
    assert told_levels(monkeypatch, replace(asked, noise_level="measured")) == pytest.approx([10, 30], rel=0.1)
    shot = told_levels(monkeypatch, replace(asked, noise="poisson", levels=(10.0,)))
    assert shot == pytest.approx([(255 / 2) ** 0.5], rel=1e-4)  # one photon a code, at half intensity
    assert "told the measured level" in protocol_words(replace(asked, noise_level="measured"))


def test_what_is_not_shrunk_is_not_said_to_be(tmp_path: Path) -> None:
    asked = request(tmp_path, scales=(1.0,), levels=(30.0,))
    assert protocol_words(asked).startswith("not shrunk; gaussian noise 30")
    assert protocol_words(replace(asked, scales=(1.0, 2.0))).startswith(
        "LR by torch's antialiased bicubic, rounded to 8 bits, not shrunk at x1; gaussian"
    )
    assert "not shrunk" not in protocol_words(replace(asked, scales=(2.0,)))


def test_pictures_are_kept_on_demand(tmp_path: Path) -> None:
    noisy_clip(tmp_path, frames=3)
    (kept,) = measure(request(tmp_path, scales=(2.0, 8.0), levels=(0.0, 5.0, 50.0)), pictures=True).comparisons
    assert (kept.condition, kept.frame) == (Condition(2.0, "BI", "gaussian", 5.0), 1)
    assert [name for name, _ in kept.pictures] == ["LR", "bicubic", "lanczos", "tiny", "HR"]
    shown = dict(kept.pictures)
    assert all(picture.shape == (36, 44, 3) for picture in shown.values())
    np.testing.assert_array_equal(shown["HR"], np.load(tmp_path / "noise.npy")[1])
    assert (shown["LR"][0::2, 0::2] == shown["LR"][1::2, 1::2]).all()  # blocks of 2 x 2
    assert (shown["tiny"] != shown["bicubic"]).any()


def test_each_scale_and_level_is_measured_once() -> None:
    asked = QualityRequest(sources=(), scales=(2, 4, 2), levels=(0, 30), noise="poisson")
    assert asked.conditions() == [
        X2,
        Condition(2, "BI", "poisson", 30),
        Condition(4, "BI", "none", 0),
        Condition(4, "BI", "poisson", 30),
    ]
    assert QualityRequest(sources=(), scales=(1,), levels=(30,)).conditions()[0].degradation == "none"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"scales": ()}, "scales are none"),
        ({"scales": (0.5,)}, "scales are 0.5"),
        ({"scales": (float("nan"),)}, "scales are nan"),
        ({"scales": (33.0,)}, "scales are 33"),
        ({"levels": (-1.0,)}, "noise levels are -1"),
        ({"degradation": "BX"}, "degradation is 'BX'"),
        ({"noise": "salt"}, "noise is 'salt'"),
        ({"noise_level": "guessed"}, "noise level is 'guessed'"),
        ({"noise": "h264", "levels": (52.0,)}, "noise levels are 52"),
        ({"degradation": "none", "scales": (2.0,)}, "have no larger reference"),
        ({"scales": (1.0,)}, "nothing to restore"),
        ({"frames": 0}, "frames is 0"),
        ({"border": -1}, "border is -1"),
        ({"crop": (8, 64)}, "crop is 64x8"),
    ],
)
def test_what_cannot_be_asked(given: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        QualityRequest(sources=(), **given)


def test_what_cannot_be_measured_is_refused(tmp_path: Path) -> None:
    noisy_clip(tmp_path)
    with pytest.raises(InputError, match="noise: 44x36 is too small for x32 and a border of 16"):
        measure(request(tmp_path, scales=(32.0,), border=16))
    with pytest.raises(OptionError, match="no weights are called 'unknown'"):
        measure(request(tmp_path, weights=("unknown",)))


def test_a_missing_package_is_named_with_the_command_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    done = run(str(tmp_path))
    assert done.exit_code == 2
    assert done.stderr == (
        "vrinr: error: the benchmark needs torchmetrics, which is not installed; run: pip install 'vrinr[benchmark]'\n"
    )


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["benchmark", *arguments])


def measured(tmp_path: Path, *arguments: str) -> Result:
    done = run(
        str(tmp_path), "--scales", "2", "--weights", str(tiny_weights(tmp_path)), "--precision", "fp32", *arguments
    )
    assert done.exit_code == 0, done.stderr
    return done


def test_the_command_prints_a_table(tmp_path: Path) -> None:
    for name in ("one", "two"):
        noisy_clip(tmp_path, name)
    lines = measured(tmp_path, "--noise", "0,20", "--frames", "1").stdout.splitlines()
    assert lines[0].startswith(
        "LR by torch's antialiased bicubic, rounded to 8 bits; gaussian noise 20 added to the input"
    )
    assert lines[1] == "blind"
    assert lines[2].split() == ["clip", "scale", "noise", "method", "psnr_rgb", "psnr_y", "ssim", "dtssd_y", "gain"]
    assert [line.split()[0] for line in lines[3:]] == ["one"] * 6 + ["two"] * 6 + ["mean"] * 6


def test_the_command_writes_json_lines(tmp_path: Path) -> None:
    noisy_clip(tmp_path)
    events = checked("benchmark", measured(tmp_path, "--json").stdout)
    assert [e["event"] for e in events] == ["score"] * 3 + ["environment"] + ["mean"] * 3
    assert [e["method"] for e in events if "method" in e] == ["bicubic", "lanczos", "tiny"] * 2
    assert events[3]["compute"].endswith("fp32")
    ours = events[2]
    assert (ours["schema"], ours["clip"], ours["scale"], ours["protocol"], ours["frames"]) == (
        1,
        "noise",
        2,
        "blind",
        2,
    )
    assert ours["gain"] == ours["psnr_y"] - max(e["psnr_y"] for e in events[:2])


def test_the_command_writes_reports(tmp_path: Path) -> None:
    noisy_clip(tmp_path)
    table, page = tmp_path / "r.csv", tmp_path / "r.html"
    measured(tmp_path, "--csv", str(table), "--html", str(page), "--crop", "40x32")
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["method"] for row in rows] == ["bicubic", "lanczos", "tiny"]
    assert page.read_text().count("data:image/png") == 5
    refused = run(str(tmp_path), "--csv", str(table))
    assert refused.exit_code == 2
    assert refused.stderr == f"vrinr: error: {table}: exists already; choose another name, or add -y\n"


def test_a_stopped_run_shows_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        noisy_clip(tmp_path, name)

    def stopped_at_two(path: Path, **given: Any) -> Any:
        if path.stem == "two":
            raise KeyboardInterrupt
        return read_clip(path, **given)

    monkeypatch.setattr("vrinr_cli.benchmark.quality.read_clip", stopped_at_two)
    done = run(str(tmp_path), "--scales", "2", "--weights", "none", "--csv", str(tmp_path / "r.csv"))
    assert done.exit_code == 130
    assert [line.split()[0] for line in done.stdout.splitlines()[3:]] == ["one", "one"]
    assert done.stderr == "vrinr: error: stopped; the reports were not written\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--csv", "no/such/folder.csv"), "there is no folder"),
        (("--csv", "same", "--html", "same"), "two reports would have one file"),
        (("--noise", "much"), "noise levels are 'much'"),
        (("--crop", "12"), "size is '12'"),
        (("--device", "abacus"), "device 'abacus'"),
    ],
)
def test_wrong_use_is_told_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(".", *arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def paired_weights(folder: Path, clip: Path, *, first: int = 0) -> Path:
    """General weights that say that they were fitted on a file's frames."""
    fitted = FittedTo(name="lr.mkv", digest="0", reference=digest_of(clip), first=first)
    path = folder / "fit.safetensors"
    checkpoint.save(path, checkpoint.load(tiny_weights(folder)), card={}, fitted=fitted)
    return path


def clip_weights(folder: Path, clip: Path, *, size: tuple[int, int], frames: int) -> Path:
    """The paper's network for a file's frames."""
    fitted = FittedTo(name="lr.mkv", digest="0", reference=digest_of(clip))
    path = folder / "fit.safetensors"
    network = seeded_clip(replace(CLIP, size=size, frames=frames)).float()
    clip_checkpoint.save(path, network, card={}, fitted=fitted)
    return path


def notes(report: QualityReport) -> set[str]:
    return {score.note for score in report.scores if not score.is_baseline}


def test_weights_fitted_on_the_clip_stand_in_a_table_of_their_own(tmp_path: Path) -> None:
    path = paired_weights(tmp_path, noisy_clip(tmp_path))
    done = measured(tmp_path, "--weights", str(path), "--strict")
    blind, paired = done.stdout.split("\npaired (fitted on these frames)\n")
    assert [line.split()[3] for line in blind.splitlines()[3:]] == ["bicubic", "lanczos", "tiny"]
    assert [line.split()[3] for line in paired.splitlines()[1:]] == ["bicubic", "lanczos", "fit"]


def test_weights_fitted_on_another_clip_are_named_so(tmp_path: Path) -> None:
    path = paired_weights(tmp_path, noisy_clip(tmp_path))
    noisy_clip(tmp_path, "other", frames=1)
    done = measured(tmp_path, "--weights", str(path))
    assert "fitted on these frames" not in done.stdout
    paired = done.stdout.split("\npaired (fitted on HR frames; see note)\n")[1].splitlines()
    found = {line.split()[0]: line for line in paired if "fit" in line.split()[3:4]}
    assert len(found["noise"].split()) == 9  # up to the gain, and no note
    assert found["other"].endswith("  fitted to lr.mkv, not to this clip")
    assert found["mean"].endswith("  not fitted to all of these frames")


def test_strict_refuses_weights_of_another_clip_before_any_work(tmp_path: Path) -> None:
    path = paired_weights(tmp_path, noisy_clip(tmp_path))
    noisy_clip(tmp_path, "other", frames=1)
    done = run(str(tmp_path), "--scales", "2", "--weights", str(path), "--strict")
    assert (done.exit_code, done.stdout) == (2, "")
    words = "vrinr: error: other: fit was fitted to lr.mkv, not to this clip; leave out"
    assert done.stderr.startswith(words)


@pytest.mark.parametrize(
    ("fitted", "asked", "note"),
    [
        ({"size": (36, 44), "frames": 2}, {}, ""),
        ({"size": (36, 44), "frames": 2}, {"frames": 1}, ""),
        ({"size": (36, 44), "frames": 2}, {"crop": (32, 32)}, OTHER_FRAMES),
        ({"size": (32, 32), "frames": 2}, {"crop": (32, 32)}, ""),
        ({"size": (32, 32), "frames": 2}, {}, OTHER_FRAMES),
        ({"size": (36, 44), "frames": 1}, {}, OTHER_FRAMES),
        ({"size": (36, 44), "frames": 2}, {"first": 1}, OTHER_FRAMES),
        ({"size": (36, 44), "frames": 2}, {"scales": (5.0,)}, OTHER_FRAMES),  # 35 of 36 rows are measured
    ],
)
def test_weights_of_another_part_of_the_clip_are_named_so(
    tmp_path: Path, fitted: dict[str, Any], asked: dict[str, Any], note: str
) -> None:
    clip = noisy_clip(tmp_path)
    path = str(clip_weights(tmp_path, clip, **fitted))
    assert notes(measure(request(tmp_path, weights=(path,), **asked))) == {note}
    if note:
        with pytest.raises(OptionError, match=f"noise: fit was {note}"):
            measure(request(tmp_path, weights=(path,), strict=True, **asked))


def test_weights_of_later_frames_are_named_so(tmp_path: Path) -> None:
    path = paired_weights(tmp_path, noisy_clip(tmp_path), first=1)
    assert notes(measure(request(tmp_path, weights=(str(path),)))) == {OTHER_FRAMES}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--device", "cuda:99"),
        ("--weights", "nosuch"),
        ("--crop", "9999x9999"),
    ],
)
def test_nothing_is_printed_before_everything_was_checked(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    noisy_clip(tmp_path)
    done = run(str(tmp_path), *arguments)
    assert done.exit_code in (1, 2)
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        *[
            ((*option, "--suite", "paper"), f"--suite takes no {option[0]}; leave it out")
            for option in (
                *(("--weights", "none"), ("--strict",), ("--noise", "10"), ("--border", "4")),
                *(("--noise-kind", "poisson"), ("--scales", "2"), ("--degradation", "BI"), ("--matlab-bicubic",)),
                *(("--device", "auto"), ("--precision", "auto")),
            )
        ],
        *[
            ((*option,), f"{option[0]} needs --suite; leave it out, or add --suite paper")
            for option in (
                *(("--ablations",), ("--epochs", "3"), ("--full",), ("--results", "vrinr-suite"), ("--no-controls",)),
                ("--preset", "paper"),
            )
        ],
        (("--speed", "--preset", "paper"), "--speed takes no CLIPS"),
        (("--suite", "paper", "--full", "--crop", "64x64"), "--full and --crop contradict each other"),
        (
            ("--suite", "paper", "--crop", "250x250"),
            "crop is 250x250; the suite takes a multiple of 16, such as 256x256",
        ),
        (("--scales", ""), "scales are ''; write numbers with commas between, such as 2,2.5,4"),
        (("--noise", "x"), "noise levels are 'x'; write numbers with commas between, such as 0,10,30"),
    ],
)
def test_what_has_no_effect_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(".", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "option",
    [
        *(("--csv", "r.csv"), ("--html", "r.html"), ("--suite", "paper"), ("--frames", "2"), ("--crop", "64x64")),
        *(("--weights", "none"), ("--seed", "1"), ("--precision", "fp32"), ("--scales", "2"), ("--results", "r")),
    ],
)
def test_speed_takes_no_option_that_it_does_not_use(option: tuple[str, str]) -> None:
    done = run("--speed", "--preset", "paper", *option)
    assert done.exit_code == 2
    assert f"--speed takes no {option[0]}; leave it out" in done.stderr


@pytest.mark.parametrize("option", ["--preset", "--weights"])
def test_speed_times_one_thing(option: str) -> None:
    done = run("--speed", option, "paper", option, "best")
    assert done.exit_code == 2
    assert f"--speed times one {option}, not 2; leave the others out" in done.stderr


def test_the_speed_of_a_job_takes_no_clips() -> None:
    done = run("--speed", "--frames", "2")
    assert done.exit_code == 2
    assert "--speed takes no --frames; leave it out" in done.stderr


def test_a_bar_on_stderr_leaves_stdout_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(sys, "stdout", file)
    with progress_bar() as show:
        show(Step(0, 2, "one"))
        print_json({"event": "score"})
    assert json.loads(file.getvalue())["event"] == "score"


def test_the_help_names_the_extra_to_the_letter() -> None:
    assert "pip install 'vrinr[benchmark]'" in run("--help").stdout


def test_a_file_without_video_says_so(tmp_path: Path) -> None:
    path = tracks.sound_only(tmp_path / "tone.m4a")
    done = run(str(path))
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "vrinr: error: tone.m4a: no video stream; choose a video file\n"


def test_a_report_knows_its_machine(tmp_path: Path) -> None:
    noisy_clip(tmp_path)
    report: QualityReport = measure(request(tmp_path, weights=("none",)))
    environment = report.environment
    assert environment.compute == "cpu fp32"
    assert environment.hardware.endswith("cpu fp32")
    assert environment.date.endswith("UTC")
