import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrinr_cli.errors import InputError, OptionError, TargetError, VrinrError
from vrinr_cli.jobs import batch
from vrinr_cli.jobs.batch import BatchReport, Item, Naming, Outcome, pair
from vrinr_cli.jobs.options import DenoiseOptions, UpscaleOptions
from vrinr_cli.jobs.size import SizeRequest
from vrinr_cli.jobs.sources import Found, Source

TWICE = UpscaleOptions()
BESIDE = Naming()


def found(*names: str, named: bool = False) -> Found:
    return Found([Source(Path(name), is_named=named) for name in names])


def pairs(sources: Found, naming: Naming = BESIDE, options: UpscaleOptions = TWICE) -> dict[str, str]:
    return {str(item.source): str(item.output) for item in pair(sources, options, naming)[0]}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of files that vrinr is said to have made."""
    names: set[str] = set()
    monkeypatch.setattr(batch, "is_made_by_vrinr", lambda path: str(path) in names)
    return names


def test_outputs_lie_beside_their_sources_or_in_the_folder_for_them() -> None:
    sources = Found([Source(Path("in/a.mp4")), Source(Path("in/s1/b.avi"), Path("s1"), is_named=False)])
    assert pairs(sources) == {"in/a.mp4": "in/a.x2.mp4", "in/s1/b.avi": "in/s1/b.x2.mkv"}
    assert pairs(sources, Naming(Path("out"))) == {"in/a.mp4": "out/a.x2.mp4", "in/s1/b.avi": "out/s1/b.x2.mkv"}


def test_names_say_what_was_done_unless_they_are_told() -> None:
    both = UpscaleOptions(denoise=DenoiseOptions(), size=SizeRequest(scale="1.5"))
    assert batch.output_name(Path("a.b.MP4"), both) == "a.b.clean.x1.5.MP4"
    assert batch.output_name(Path("a.mp4"), both, "_big") == "a_big.mp4"
    assert batch.output_name(Path("a"), TWICE, "") == "a.mkv"
    long = batch.output_name(Path("é" * 120 + ".mp4"), TWICE)
    assert len(os.fsencode(long)) <= batch.LONGEST_STEM + len(".x2.mp4")


@pytest.mark.parametrize("suffix", ["a/b", "/", "a\\b"])
def test_a_suffix_is_no_folder(suffix: str) -> None:
    with pytest.raises(OptionError, match="suffix is"):
        Naming(suffix=suffix)


def test_what_this_run_makes_is_no_source() -> None:
    kept, left = pair(found("a.mp4", "a.x2.mp4", "b.mp4", "b.x4.mp4"), TWICE, BESIDE)
    assert [str(item.source) for item in kept] == ["a.mp4", "b.mp4", "b.x4.mp4"]
    assert [(str(one.path), one.why) for one in left] == [("a.x2.mp4", "the output of another source")]


def test_what_vrinr_made_of_a_file_that_is_there_too_is_no_source(made: set[str]) -> None:
    made |= {"in/a.x4.mp4", "in/out/a.clean.mp4", "in/b.clean.mp4", "elsewhere/a.x4.mp4"}
    sources = found("in/a.mp4", "in/a.x4.mp4", "in/a.x4.cut.mp4", "in/b.clean.mp4", "elsewhere/a.x4.mp4")
    sources.sources.append(Source(Path("in/out/a.clean.mp4"), Path("out"), is_named=False))
    kept, left = pair(sources, TWICE, BESIDE)
    assert [str(one.path) for one in left] == ["in/a.x4.mp4", "in/out/a.clean.mp4"]
    assert {one.why for one in left} == {"made by vrinr of another source"}
    assert [str(item.source) for item in kept] == [
        *("in/a.mp4", "in/a.x4.cut.mp4", "in/b.clean.mp4", "elsewhere/a.x4.mp4"),
    ]


def test_a_shell_that_names_finished_outputs_too_is_understood(made: set[str]) -> None:
    made |= {"a.x2.mp4", "a.x3.mp4"}
    assert list(pairs(found("a.mp4", "a.x2.mp4", "a.x3.mp4", named=True))) == ["a.mp4", "a.x3.mp4"]


def test_a_source_that_another_one_would_become_is_refused() -> None:
    with pytest.raises(OptionError, match=r"a\.x2\.mp4: is a source, and what a\.mp4 would become"):
        pair(found("a.mp4", "a.x2.mp4", named=True), TWICE, BESIDE)
    with pytest.raises(OptionError, match=r"a\.mp4: is the source itself"):
        pair(found("a.mp4", named=True), TWICE, Naming(suffix=""))


def test_an_output_that_is_a_source_by_another_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"a")
    (tmp_path / "b.mp4").write_bytes(b"b")
    (tmp_path / "b.x2.mp4").hardlink_to(tmp_path / "a.mp4")
    with pytest.raises(OptionError, match="is a source"):
        pair(found(str(tmp_path / "a.mp4"), str(tmp_path / "b.mp4"), named=True), TWICE, BESIDE)


def test_two_sources_of_one_output_are_named() -> None:
    with pytest.raises(OptionError, match=r"a\.avi and a\.flv would both become a\.x2\.mkv"):
        pair(found("a.avi", "a.flv", "a.mp4"), TWICE, BESIDE)
    with pytest.raises(OptionError, match=r"x/a\.mp4 and y/a\.mp4 would both become out/a\.x2\.mp4"):
        pair(found("x/a.mp4", "y/a.mp4"), TWICE, Naming(Path("out")))


stems = st.sampled_from(["a", "a.x2", "a.x2.x2", "b", "a.b"])
endings = st.sampled_from([".mp4", ".MP4", ".avi", ".mkv"])
NAMES = st.lists(st.builds("{}{}".format, stems, endings), min_size=1, unique=True)


@given(names=NAMES, suffix=st.sampled_from([None, "", ".x2", ".x2.x2"]), folder=st.sampled_from([None, Path("out")]))
def test_no_output_is_ever_a_source_or_another_output(
    names: list[str], suffix: str | None, folder: Path | None
) -> None:
    try:
        kept, left = pair(found(*names), TWICE, Naming(folder, suffix))
    except OptionError:
        return
    outputs = [str(item.output) for item in kept]
    assert len(set(outputs)) == len(outputs)
    assert not set(outputs) & {str(item.source) for item in kept}
    assert sorted([*(str(item.source) for item in kept), *(str(one.path) for one in left)]) == sorted(names)
    assert kept


def items(folder: Path, *names: str) -> list[Item]:
    return [Item(folder / f"{name}.mp4", folder / f"{name}.x2.mp4") for name in names]


def test_outputs_that_are_there_are_told_before_anything_is_begun(tmp_path: Path) -> None:
    chosen = items(tmp_path, "a", "b", "c")
    batch.check_none_exists(chosen)
    chosen[1].output.write_bytes(b"")
    with pytest.raises(TargetError, match=r"b\.x2\.mp4 exists already$"):
        batch.check_none_exists(chosen)
    chosen[2].output.symlink_to("nowhere")
    with pytest.raises(TargetError, match=r"b\.x2\.mp4 and 1 more of 3 outputs exist already$") as told:
        batch.check_none_exists(chosen)
    assert told.value.hint == "use --skip-existing to make the others, or -y to replace"


def test_options_are_wrong_if_no_source_that_can_be_read_takes_them(tmp_path: Path) -> None:
    unreadable, small, wrong = InputError("no", hint=""), OptionError("small", hint=""), OptionError("wrong", hint="")

    def check(*answers: VrinrError | None) -> list[str]:
        given = dict(zip(items(tmp_path, *"abcd"), answers, strict=False))
        asked: list[str] = []

        def plan(item: Item) -> None:
            asked.append(item.source.stem)
            answer = given[item]
            if answer is not None:
                raise answer

        batch.check_options(list(given), plan)
        return asked

    assert check(None, wrong) == ["a"]
    assert check(unreadable, small, None, wrong) == ["a", "b", "c"]
    assert check(unreadable, unreadable) == ["a", "b"]
    assert check() == []
    with pytest.raises(OptionError, match="small"):
        check(unreadable, small, wrong)


def done(item: Item) -> Outcome:
    return Outcome(source=item.source, output=item.output, result="done", frames=3)


def results(report: BatchReport) -> list[str]:
    return [outcome.result for outcome in report.files]


def test_a_failure_is_told_and_the_next_begins(tmp_path: Path) -> None:
    told: list[tuple[int, str]] = []

    def work(number: int, item: Item) -> Outcome:
        if number == 1:
            raise InputError("a: is broken", hint="mend it")
        if number == 2:
            raise ZeroDivisionError("by zero")
        return done(item)

    report = batch.run(
        items(tmp_path, *"abc"), work, on_failure=lambda number, _, error: told.append((number, str(error)))
    )
    assert results(report) == ["failed", "failed", "done"]
    assert told == [(1, "a: is broken"), (2, "ZeroDivisionError: by zero")]
    assert (report.files[0].message, report.files[0].hint) == ("a: is broken", "mend it")
    assert (report.exit_code, report.count("failed")) == (1, 2)
    assert results(batch.run(items(tmp_path, *"abc"), work, fail_fast=True)) == ["failed", "not begun", "not begun"]


def test_what_is_there_by_its_turn_is_skipped(tmp_path: Path) -> None:
    chosen = items(tmp_path, *"abc")
    chosen[0].output.write_bytes(b"")
    skipped: list[int] = []

    def work(_: int, item: Item) -> Outcome:
        chosen[2].output.write_bytes(b"made by somebody else meanwhile")
        return done(item)

    def is_there(item: Item) -> bool:
        return item.output.is_file()

    report = batch.run(chosen, work, is_done=is_there, on_skip=lambda number, _: skipped.append(number))
    assert (results(report), skipped, report.exit_code) == (["skipped", "done", "skipped"], [1, 3], 0)
    assert results(batch.run(chosen, work)) == ["done", "done", "done"]


@pytest.mark.parametrize(
    ("within", "expected"),
    [(True, ["done", "stopped", "not begun"]), (False, ["done", "failed", "not begun"])],
)
def test_an_interrupt_ends_the_batch_within_a_file_and_between(
    tmp_path: Path, within: bool, expected: list[str]
) -> None:
    def work(number: int, item: Item) -> Outcome:
        if number == 2:
            raise KeyboardInterrupt if within else InputError("broken", hint="")
        return done(item)

    def on_failure(_: int, __: Item, ___: VrinrError) -> None:
        raise KeyboardInterrupt

    report = batch.run(items(tmp_path, *"abc"), work, on_failure=on_failure)
    assert (results(report), report.is_interrupted, report.exit_code) == (expected, True, 130)


def test_a_reader_that_has_gone_away_ends_the_batch(tmp_path: Path) -> None:
    def work(_: int, __: Item) -> Outcome:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        batch.run(items(tmp_path, *"ab"), work)


def below(folder: Path) -> Iterable[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_folder_that_was_made_goes_away_if_nothing_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for name in ("there", "new", "there/new/deep"):
        with batch.made_folder(tmp_path / name):
            assert (tmp_path / name).is_dir()
    assert below(tmp_path) == ["there"]
    with batch.made_folder(tmp_path / "new/deep"):
        (tmp_path / "new/deep/file").write_bytes(b"")
    assert below(tmp_path) == ["new", "new/deep", "new/deep/file", "there"]
    with pytest.raises(TargetError, match="file: File exists"), batch.made_folder(tmp_path / "new/deep/file"):
        pass
