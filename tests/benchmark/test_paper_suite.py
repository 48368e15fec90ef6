"""The paper's tables on a clip of noise of a few pixels, fitted for a moment."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from vrinr_cli.benchmark import paper_report, paper_suite
from vrinr_cli.benchmark.paper_suite import (
    ABLATIONS,
    CONTROL,
    CaseResult,
    InputScore,
    SuiteCase,
    SuiteRequest,
    read_result,
    run,
    shape_and_recipe,
)
from vrinr_cli.benchmark.paper_tables import ABLATIONS_PRINTED, INPUTS, PRINTED, TABLES, VID4
from vrinr_cli.cli.app import app
from vrinr_cli.errors import InputError, OptionError, TargetError, WeightsError
from vrinr_cli.model.clip_config import for_clip, with_constant_code
from vrinr_cli.record import to_plain
from vrinr_cli.training.clip_presets import PRESETS
from vrinr_cli.training.clip_trainer import initial


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
        self.cases: list[SuiteCase] = []

    def started(self, case: SuiteCase, number: int, count: int) -> None:
        assert 0 <= number < count
        self.cases.append(case)

    def progress(self, report: object) -> None:
        assert report is not None


def results(asked: SuiteRequest, heard: Heard | None = None) -> list[CaseResult]:
    heard = heard or Heard()
    return run(asked, started=heard.started, progress=heard.progress)


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
        made = [paper_suite._frames_by(network, pixels, one) for one in INPUTS[:3]]
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


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text('{"case": 3}')
    with pytest.raises(WeightsError, match=r"^one\.json: no result of a fit"):
        read_result(path)
    plain = to_plain(made_up("walk", 40.0))
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
    names = [row.name for table in paper_report.tables(found) for row in table.rows]
    assert {"features 6", "attention, PEA", "as chosen: x8"} <= set(names)


def test_a_clip_that_is_too_short_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^noise\.npy: has 2 frames$"):
        results(request(tmp_path, frames=3))


@pytest.mark.parametrize(
    ("given", "words"),
    [({"crop": 8}, "crop is 8"), ({"frames": 0}, "frames is 0"), ({"epochs": 0}, "epochs is 0")],
)
def test_requests_that_cannot_be_run_are_refused(tmp_path: Path, given: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        request(tmp_path, **given)
    with pytest.raises(OptionError, match="preset 'none'"):
        request(tmp_path, presets=("none",))


def made_up(clip: str, psnr: float, *, variant: str = "") -> CaseResult:
    about = {"size": (256, 256), "frames": 8, "epochs": 12, "seed": 0, "pixels": "p", "settings": "s"}
    case = SuiteCase(clip=clip, preset="paper", variant=variant, **about)  # type: ignore[arg-type]
    scores = tuple(InputScore(one.name, psnr, 0.9, 20.0) for one in INPUTS)
    return CaseResult(case, scores, 768, 80.0, 72.0, 2_000_000, 1_572_864, 700_000)


def rows(found: Sequence[CaseResult]) -> dict[tuple[str, str], paper_report.SuiteRow]:
    return {(row.table, row.name): row for table in paper_report.tables(found) for row in table.rows}


def test_rows_are_means_over_clips_beside_the_printed_figure() -> None:
    found = [made_up(name, 44.0 + n) for n, name in enumerate(VID4)]
    row = rows(found)["Table 1", "x4"]
    assert (row.psnr, row.clips, row.minutes, row.control) == (45.5, 4, 1.2, None)
    assert row.printed == PRINTED["Table 1", "x4"]
    assert row.remark == "fitted"
    other = rows([made_up("elsewhere", 30.0)])
    assert other["Table 1", "x4"].printed is None
    assert other["Table 1", "x4"].remark == ""
    assert other["Table 2", "x4 gaussian 30"].printed is not None  # of DAVIS, and says so
    both = paper_report.tables([*found, made_up("elsewhere", 30.0)])
    assert [table.title.split(": ")[1] for table in both] == ["Vid4, paper, 8 frames", "other clips, paper, 8 frames"]
    assert [row.psnr for table in both for row in table.rows if row.table == "Table 3"] == [45.5, 30.0]


@pytest.mark.parametrize(
    ("control", "remark"),
    [
        (45.2, "fitted, better with the input ignored"),
        (44.9, "fitted, same with the input ignored"),
        (44.2, "fitted, same with the input ignored"),
        (43.0, "fitted"),
    ],
)
def test_a_row_says_where_the_control_is_as_good(control: float, remark: str) -> None:
    found = [made_up("walk", 44.5), made_up("walk", control, variant=CONTROL)]
    row = rows(found)["Table 1", "x4"]
    assert row.control == control
    assert row.remark == remark
    assert row.flat()["paired_psnr_rgb"] == 44.5
    assert not any(name.startswith("psnr") for name in row.flat())


def test_a_control_of_other_clips_is_no_control() -> None:
    found = [made_up("walk", 44.5), made_up("city", 44.5), made_up("walk", 43.0, variant=CONTROL)]
    assert rows(found)["Table 1", "x4"].control is None


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
    assert (tmp_path / "rows.csv").read_text().startswith("table,data,input,preset,frames")
    as_json = CliRunner().invoke(app, [*words, "--json"])
    first = json.loads(as_json.stdout.splitlines()[0])
    assert (first["event"], first["table"], first["input"]) == ("row", "Table 1", "x2")


def test_a_suite_nobody_knows_is_refused(tmp_path: Path) -> None:
    words = ["benchmark", str(noise_clip(tmp_path / "clips")), "--suite", "other"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "suite is 'other'; choose paper" in done.stderr


def test_slugs_are_file_names_and_tell_cases_apart() -> None:
    case = made_up("a/b c", 1.0).case
    slugs = {c.slug for c in (case, replace(case, seed=1), replace(case, epochs=2), replace(case, variant=CONTROL))}
    slugs |= {replace(case, pixels="q").slug, replace(case, settings="t").slug, replace(case, clip="a_b c").slug}
    assert len(slugs) == 7
    assert all("/" not in slug and " " not in slug for slug in slugs)
