"""The paper's tables on a clip of noise of a few pixels, fitted for a moment."""

import contextlib
import csv
import json
import math
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from safetensors import safe_open
from typer.testing import CliRunner

from benchmark.records import fitted
from event_schema import checked
from vrinr_cli.benchmark import paper_fit, paper_suite
from vrinr_cli.benchmark.paper_cases import ABLATIONS, CONTROL, SuiteCase, settings_digest, shape_and_recipe
from vrinr_cli.benchmark.paper_fit import CaseResult, read_result
from vrinr_cli.benchmark.paper_rows import all_rows
from vrinr_cli.benchmark.paper_suite import CaseStart, SuiteListener, SuiteRequest, run
from vrinr_cli.benchmark.paper_tables import ABLATIONS_PRINTED, INPUTS, PRINTED, TABLES
from vrinr_cli.cli.app import app
from vrinr_cli.errors import InputError, OptionError, TargetError, WeightsError
from vrinr_cli.model.clip_config import for_clip, with_constant_code
from vrinr_cli.record import to_plain
from vrinr_cli.training.clip_presets import PRESETS
from vrinr_cli.training.clip_trainer import ClipTrainer, initial
from vrinr_cli.training.fit_lock import only_one
from vrinr_cli.training.fit_options import FitProgress

KEPT = Path(__file__).parents[2] / "docs" / "suite"


def noise_clip(folder: Path, name: str = "noise", *, frames: int = 2, size: tuple[int, int] = (40, 52)) -> Path:
    folder.mkdir(exist_ok=True)
    pixels = np.random.default_rng(0).integers(40, 200, (frames, *size, 3)).astype(np.uint8)
    np.save(folder / f"{name}.npy", pixels)
    return folder / f"{name}.npy"


def request(tmp_path: Path, **given: Any) -> SuiteRequest:
    chosen: dict[str, Any] = {
        "sources": (noise_clip(tmp_path / "clips"),),
        "folder": tmp_path / "results",
        "presets": ("paper",),
        "crop": 32,
        "frames": 2,
        "epochs": 1,
    }
    return SuiteRequest(**(chosen | given))


class Heard:
    """What a suite says."""

    def __init__(self) -> None:
        self.starts: list[CaseStart] = []
        self.steps: list[int] = []
        self.waits: list[SuiteCase] = []

    @property
    def cases(self) -> list[SuiteCase]:
        return [start.case for start in self.starts]

    def started(self, start: CaseStart) -> None:
        assert 0 <= start.number < start.count
        self.starts.append(start)

    def stepped(self, report: FitProgress) -> None:
        self.steps.append(report.step)


def results(asked: SuiteRequest, heard: Heard | None = None) -> list[CaseResult]:
    heard = heard or Heard()
    return run(asked, listen=SuiteListener(heard.started, heard.stepped, heard.waits.append))


def test_every_preset_comes_with_its_control_and_every_input_is_scored(tmp_path: Path) -> None:
    found = results(request(tmp_path, presets=("paper", "small")))
    assert [(r.case.preset, r.case.variant) for r in found] == [
        ("paper", ""),
        ("small", ""),
        ("paper", CONTROL),
        ("small", CONTROL),
    ]
    for result in found:
        assert [score.name for score in result.scores] == [one.name for one in INPUTS]
        assert result.case.size == (32, 32)
        assert result.raw_bytes == 2 * 32 * 32 * 3
        assert result.ffv1_bytes > 1000
        assert result.file_bytes > 1000
        assert all(5 < score.psnr < 60 for score in result.scores)


def test_a_control_gives_the_same_for_every_input(tmp_path: Path) -> None:
    control = results(request(tmp_path))[1]
    assert control.case.variant == CONTROL
    assert len({score.psnr for score in control.scores}) == 1
    assert len({score.input_psnr for score in control.scores}) > len(INPUTS) - 3  # x24 and x32 are one pixel here


def test_a_control_may_be_asked_once_since_it_cannot_tell_inputs_apart() -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (2, 16, 16, 3)).astype(np.uint8)
    for config, are_same in ((for_clip((16, 16), 2), False), (with_constant_code(for_clip((16, 16), 2)), True)):
        network = initial(config, 0)
        for grid in network.state_dict().values():
            grid.mul_(30)
        made = [paper_fit._frames_by(network, pixels, one) for one in INPUTS[:3]]
        assert all(torch.equal(one, made[0]) for one in made) == are_same


def test_what_has_a_result_is_not_run_again(tmp_path: Path) -> None:
    asked, heard = request(tmp_path), Heard()
    first = results(asked, heard)
    assert len(heard.cases) == 2
    again = Heard()
    assert results(asked, again) == first
    assert again.cases == []
    (tmp_path / "results" / f"{first[0].case.slug}.json").unlink()
    third = results(asked, again)
    assert again.cases == [first[0].case]
    assert [s.psnr for s in third[0].scores] == [s.psnr for s in first[0].scores]


@contextlib.contextmanager
def stopped_at(step: int, monkeypatch: pytest.MonkeyPatch, number: signal.Signals = signal.SIGINT) -> Iterator[None]:
    """While it lasts, a signal comes in the middle of a step."""
    take = ClipTrainer.train_step

    def interrupted(self: ClipTrainer, share: float) -> tuple[float, float]:
        if self.step == step - 1:
            os.kill(os.getpid(), number)
        return take(self, share)

    with monkeypatch.context() as patched:
        patched.setattr(ClipTrainer, "train_step", interrupted)
        yield


def state_file(asked: SuiteRequest) -> Path:
    (path,) = asked.folder.glob(".*.state")
    return path


@pytest.mark.parametrize("preset", ["paper", "small"])
def test_a_stopped_fit_ends_as_one_that_was_not(tmp_path: Path, preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request(tmp_path, presets=(preset,), epochs=6, has_controls=False)
    (whole,) = results(replace(asked, folder=tmp_path / "whole"))
    assert whole.steps == 6
    with stopped_at(4, monkeypatch), pytest.raises(KeyboardInterrupt):
        results(asked)
    assert [path.name for path in asked.folder.iterdir()] == [f".{whole.case.slug}.state"]
    heard = Heard()
    (resumed,) = results(asked, heard)
    assert [start.is_resumed for start in heard.starts] == [True]
    assert (resumed.case, resumed.steps, resumed.scores) == (whole.case, whole.steps, whole.scores)
    assert resumed.file_bytes == whole.file_bytes
    assert [path.name for path in asked.folder.iterdir()] == [f"{whole.case.slug}.json"]


def test_the_time_before_a_stop_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request(tmp_path, epochs=3, has_controls=False)
    with stopped_at(2, monkeypatch), pytest.raises(KeyboardInterrupt):
        results(asked)
    path = state_file(asked)
    with safe_open(path, framework="pt") as file:
        words = file.metadata()
    assert float(words["seconds"]) > 0
    assert float(words["cpu_seconds"]) > 0
    later = {**words, "seconds": "5000.0", "cpu_seconds": "3000.0"}
    path.write_bytes(safetensors.torch.save(safetensors.torch.load_file(path), metadata=later))
    (result,) = results(asked)
    assert 5000 < result.seconds < 6000
    assert 3000 < result.cpu_seconds < 4000


def test_a_fit_stopped_while_it_is_scored_is_not_learned_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, heard = request(tmp_path, epochs=2, has_controls=False), Heard()

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(paper_fit, "score_all", stopped)
        with pytest.raises(KeyboardInterrupt):
            results(asked)
    (result,) = results(asked, heard)
    assert (result.steps, heard.steps) == (2, [])
    (whole,) = results(replace(asked, folder=tmp_path / "whole"))
    assert result.scores == whole.scores


def test_a_state_that_cannot_be_used_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request(tmp_path, epochs=3, has_controls=False)
    with stopped_at(2, monkeypatch), pytest.raises(KeyboardInterrupt):
        results(asked)
    path = state_file(asked)
    tensors = safetensors.torch.load_file(path)
    path.write_bytes(safetensors.torch.save(tensors, metadata={"run": "another"}))
    with pytest.raises(WeightsError, match=r"\.state: the state of another fit"):
        results(asked)
    path.write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match=r"\.state: damaged"):
        results(asked)


def test_what_another_process_fits_is_left_to_it_and_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paper_suite, "LOOK_SECONDS", 0.01)
    theirs = results(request(tmp_path, folder=tmp_path / "theirs"))
    asked, heard = request(tmp_path), Heard()
    asked.folder.mkdir()
    plain, control = (result.case for result in theirs)
    with contextlib.ExitStack() as other:
        other.enter_context(only_one(asked.folder / plain.slug))

        def awaited(case: SuiteCase) -> None:
            heard.waits.append(case)
            kept = f"{plain.slug}.json"
            (asked.folder / kept).write_bytes((tmp_path / "theirs" / kept).read_bytes())
            other.close()

        found = run(asked, listen=SuiteListener(heard.started, heard.stepped, awaited))
    assert heard.cases == [control]
    assert heard.waits == [plain]
    assert found[0] == theirs[0]
    assert [result.case for result in found] == [plain, control]


def test_what_another_process_gave_up_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper_suite, "LOOK_SECONDS", 0.01)
    asked, heard = request(tmp_path), Heard()
    asked.folder.mkdir()
    plain, control = (r.case for r in results(replace(asked, folder=tmp_path / "other")))
    with contextlib.ExitStack() as other:
        other.enter_context(only_one(asked.folder / plain.slug))
        run(asked, listen=SuiteListener(heard.started, heard.stepped, lambda _: other.close()))
    assert heard.cases == [control, plain]
    assert list(asked.folder.glob(".*")) == []


def test_what_another_process_made_in_the_meantime_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, heard = request(tmp_path, has_controls=False), Heard()
    (theirs,) = results(replace(asked, folder=tmp_path / "theirs"))

    @contextlib.contextmanager
    def made_before(output: Path) -> Iterator[None]:
        kept = output.with_name(f"{output.name}.json")
        kept.write_bytes((tmp_path / "theirs" / kept.name).read_bytes())
        yield

    monkeypatch.setattr(paper_suite, "only_one", made_before)
    assert results(asked, heard) == [theirs]
    assert heard.cases == []


def test_nothing_is_fitted_where_figures_could_not_be_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    with pytest.raises(OptionError, match="the benchmark needs torchmetrics"):
        results(request(tmp_path))


def test_a_result_knows_its_machine(tmp_path: Path) -> None:
    (result,) = results(request(tmp_path, has_controls=False))
    assert result.environment is not None
    assert result.environment.hardware.endswith("1 thread, cpu fp32")
    assert result.environment.torch == torch.__version__
    assert result.environment.date.endswith("UTC")


def test_a_preset_that_is_named_twice_is_fitted_once(tmp_path: Path) -> None:
    assert len(results(request(tmp_path, presets=("paper", "paper"), has_controls=False))) == 1


def test_results_that_are_kept_here_are_those_of_their_cases() -> None:
    paths = sorted(KEPT.glob("*.json"))
    assert len(paths) >= 16
    for path in paths:
        result = read_result(path)
        assert path.stem == result.case.slug
        is_current = settings_digest(result.case) == result.case.settings
        assert is_current, f"{path.name}: preset {result.case.preset} has changed since; fit it again"


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text('{"case": 3}')
    with pytest.raises(WeightsError, match=r"/one\.json: no result of a fit"):
        read_result(path)
    plain = to_plain(fitted("walk", 40.0))
    path.write_text(json.dumps({**plain, "seconds": math.nan}))
    with pytest.raises(WeightsError, match="a figure is NaN"):
        read_result(path)
    plain["scores"] = plain["scores"][1:]
    path.write_text(json.dumps(plain))
    with pytest.raises(WeightsError, match="without x2"):
        read_result(path)


def test_another_clip_of_the_same_name_is_fitted_anew(tmp_path: Path) -> None:
    asked, heard = request(tmp_path, has_controls=False), Heard()
    results(asked)
    pixels = np.random.default_rng(5).integers(40, 200, (2, 40, 52, 3)).astype(np.uint8)
    np.save(asked.sources[0], pixels)
    results(asked, heard)
    assert len(heard.cases) == 1
    assert len(list(asked.folder.glob("*.json"))) == 2


def test_a_result_that_was_renamed_is_noticed(tmp_path: Path) -> None:
    asked = request(tmp_path)
    first, second = sorted(asked.folder.joinpath(f"{r.case.slug}.json") for r in results(asked))
    first.write_bytes(second.read_bytes())
    with pytest.raises(WeightsError, match="the result of another fit"):
        results(asked)


def test_a_folder_of_results_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TargetError, match="File exists"):
        results(request(tmp_path, folder=tmp_path / "file"))


def test_ablations_differ_from_the_preset_in_what_their_name_says(tmp_path: Path) -> None:
    heard = Heard()
    found = results(request(tmp_path, has_controls=False, has_ablations=True, epochs=0.5), heard)
    fitted = [ablation for ablation in ABLATIONS if not ablation.is_preset]
    assert [case.variant for case in heard.cases] == ["", *(ablation.name for ablation in fitted)]
    plain = shape_and_recipe(found[0].case)
    shapes = [shape_and_recipe(result.case) for result in found[1:]]
    assert all(shape != plain for shape in shapes)
    assert len({repr(shape) for shape in shapes}) == len(shapes)
    assert {a.name for a in ABLATIONS} >= set(ABLATIONS_PRINTED)
    names = [row.name for row in all_rows(found)]
    assert {"features 6", "attention, PEA", "as chosen: x8"} <= set(names)


def test_a_clip_that_is_too_short_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^noise\.npy: has 2 frames$"):
        results(request(tmp_path, frames=3))
    one = noise_clip(tmp_path / "short", frames=1)
    with pytest.raises(InputError, match=r"^noise\.npy: has 1 frame$"):
        results(request(tmp_path, sources=(one,)))


@pytest.mark.parametrize("crop", [32, None])
def test_a_clip_that_is_too_small_is_named_before_any_fit(tmp_path: Path, crop: int | None) -> None:
    clips = tmp_path / "both"
    noise_clip(clips, "large")
    noise_clip(clips, "tiny", size=(30, 52))
    heard = Heard()
    with pytest.raises(InputError, match=r"^tiny\.npy: is 52x30$"):
        results(request(tmp_path, sources=(clips,), crop=crop), heard)
    assert not heard.starts


@pytest.mark.parametrize(
    ("given", "words"),
    [({"crop": 8}, "crop is 8"), ({"frames": 0}, "frames is 0"), ({"epochs": 0}, "epochs is 0")],
)
def test_requests_that_cannot_be_run_are_refused(tmp_path: Path, given: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        request(tmp_path, **given)
    with pytest.raises(OptionError, match="preset 'none'"):
        request(tmp_path, presets=("none",))


def test_every_printed_figure_belongs_to_an_input_of_its_table() -> None:
    for table, name in PRINTED:
        assert name in {one.name for one in TABLES[table]}


def test_the_command_prints_tables_and_writes_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "paper", replace(PRESETS["paper"], epochs=1))
    words = ["benchmark", str(noise_clip(tmp_path / "clips")), "--suite", "paper", "--preset", "paper"]
    words += ["--results", str(tmp_path / "results"), "--crop", "32x32", "--frames", "2"]
    done = CliRunner().invoke(app, [*words, "--csv", str(tmp_path / "rows.csv")])
    assert done.exit_code == 0, done.output
    assert "same with the input ignored" in done.output
    assert "44.21" not in done.output  # not Vid4
    assert "measured: 2 fits: " in done.output
    assert "paired, every clip" in done.output
    rows = list(csv.DictReader((tmp_path / "rows.csv").read_text().splitlines()))
    assert [row["clip"] for row in rows if row["table"] == "Table 3"] == ["noise", "mean"]
    assert all(row["date"].endswith("UTC") and row["hardware"].endswith("cpu fp32") for row in rows)
    as_json = checked("benchmark --suite", CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert (as_json[0]["event"], as_json[0]["table"], as_json[0]["input"]) == ("row", "Table 1", "x2")
    told = [(line["event"], line["clip"]) for line in as_json if line.get("table") == "Table 3"]
    assert told == [("row", "noise"), ("mean", "mean")]
    assert as_json[-1]["event"] == "environment"
    assert as_json[-1]["measured"][0].startswith("2 fits: ")


def test_the_command_writes_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["benchmark", str(noise_clip(tmp_path / "clips")), "--suite", "paper", "--preset", "paper", "--epochs", "1"]
    words += ["--results", str(tmp_path / "results"), "--crop", "32x32", "--frames", "2"]
    page = tmp_path / "page.html"
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "jinja2", None)
        refused = CliRunner().invoke(app, [*words, "--html", str(page)])
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert not (tmp_path / "results").exists()  # before any fit
    done = CliRunner().invoke(app, [*words, "--html", str(page)])
    assert done.exit_code == 0, done.output
    assert done.stderr.splitlines()[-1] == f"{page} written"
    assert "PSNR over scale" in page.read_text()
    again = CliRunner().invoke(app, [*words, "--html", str(page)])
    assert (again.exit_code, "exists already" in again.stderr) == (2, True)


def test_a_stopped_command_says_that_the_same_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["benchmark", str(noise_clip(tmp_path / "clips")), "--suite", "paper", "--preset", "paper", "--epochs", "3"]
    words += ["--results", str(tmp_path / "results"), "--crop", "32x32", "--frames", "2", "--no-controls"]
    with stopped_at(2, monkeypatch, signal.SIGTERM):
        stopped = CliRunner().invoke(app, words)
    assert (stopped.exit_code, stopped.stdout) == (130, "")
    assert stopped.stderr.splitlines()[-1] == "vrinr: error: stopped; the same command goes on from step 2"
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert done.stderr.splitlines()[0].startswith("[1/1] noise: paper, 32x32, 2 frames, goes on from its last state")


def test_a_suite_nobody_knows_is_refused(tmp_path: Path) -> None:
    words = ["benchmark", str(noise_clip(tmp_path / "clips")), "--suite", "other"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "suite is 'other'; choose paper" in done.stderr


def test_slugs_are_file_names_and_tell_cases_apart() -> None:
    case = fitted("a/b c", 1.0).case
    slugs = {c.slug for c in (case, replace(case, seed=1), replace(case, epochs=2), replace(case, variant=CONTROL))}
    slugs |= {replace(case, pixels="q").slug, replace(case, settings="t").slug, replace(case, clip="a_b c").slug}
    assert len(slugs) == 7
    assert all("/" not in slug and " " not in slug for slug in slugs)
