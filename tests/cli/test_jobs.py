"""`vrinr jobs` and `vrinr resume` as a user meets them."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs.facts import facts, stopped
from media import clips
from vrinr_cli.cli.app import app
from vrinr_cli.cli.job_options import resume_words
from vrinr_cli.cli.jobs import job_lines
from vrinr_cli.cli.parse import age_seconds
from vrinr_cli.errors import OptionError
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.unfinished import UnfinishedJob

OPTIONS = UpscaleOptions(method="bicubic", chunk_frames=5)


def run(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a job of 18 frames that was stopped after two chunks of five; its parent is the current one."""
    monkeypatch.chdir(tmp_path)
    return stopped(clips.plain(tmp_path / "in.mp4", frames=18), tmp_path / "out.mp4", OPTIONS, after=12)


def test_a_stopped_job_is_listed_with_the_command_that_continues_it(folder: Path) -> None:
    code, out, err = run("jobs")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("out.mp4: 10 of 18 frames, 0.")
    assert lines[1:] == ["  from in.mp4", "  goes on with: vrinr resume out.mp4"]
    code, out, err = run("resume", "out.mp4")
    assert code == 0, err
    assert "note: resuming: 10 of 18 frames are done" in err
    assert len(facts(folder.parent / "out.mp4").seconds) == 18
    assert run("jobs") == (0, "", f"no unfinished jobs below {folder.parent}\n")


def test_what_has_changed_is_refused_as_by_the_same_command(folder: Path) -> None:
    os.utime("in.mp4", (1, 1))
    assert "  cannot go on: the source has changed" in run("jobs")[1]
    code, _, err = run("resume", folder)
    assert code == 2
    assert err == (
        "vrinr: error: out.mp4: an unfinished job for it differs in the source; "
        "run the whole command with --restart to throw its work away\n"
    )
    code, _, err = run("resume", "other.mp4")
    assert (code, err) == (2, "vrinr: error: other.mp4: no unfinished job for it; see `vrinr jobs`\n")


def test_whether_an_output_may_be_replaced_is_kept(folder: Path) -> None:
    Path("out.mp4").write_text("precious")
    assert "exists already" in run("resume", "out.mp4")[2]
    plan = json.loads((folder / "plan.json").read_text())
    plan["request"]["overwrite"] = True
    (folder / "plan.json").write_text(json.dumps(plan))
    assert run("resume", "out.mp4", "-q") == (0, "", "")
    assert len(facts(folder.parent / "out.mp4").seconds) == 18


def test_jobs_are_removed_when_told_and_old_enough(folder: Path) -> None:
    code, _, err = run("jobs", "--clean")
    assert (code, " would be removed; use -y" in err) == (2, True)
    assert run("jobs", "--clean", "-y", "--older", "7d")[2] == f"no unfinished jobs below {folder.parent}\n" + (
        "nothing to remove\n"
    )
    for path in folder.rglob("*"):
        os.utime(path, (1, 1))
    code, out, err = run("jobs", "--clean", "-y", "--older", "7d")
    assert code == 0, err
    assert "days old" in out
    assert err.startswith("removed 1 job, ")
    assert [path.name for path in folder.parent.iterdir()] == ["in.mp4"]


def test_a_foreign_file_stays_and_is_told(folder: Path) -> None:
    (folder / "mine.txt").write_text("foreign")
    err = run("jobs", "--clean", "-y")[2]
    assert err.splitlines()[0] == ".out.mp4.vrinr stays: it holds files that vrinr did not make"
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_json_is_one_object_a_job(folder: Path) -> None:
    code, out, _ = run("jobs", folder.parent, "--json", "--clean", "-y")
    listed, removed = (json.loads(line) for line in out.splitlines())
    assert code == 0
    assert (listed["event"], listed["done"], listed["frames"], listed["obstacle"]) == ("job", 10, 18, "")
    assert (removed["event"], removed["folders"]) == ("removed", [str(folder)])


def test_yes_alone_is_refused(folder: Path) -> None:
    code, _, err = run("jobs", "-y")
    assert (code, err) == (2, "vrinr: error: -y given without --clean; add --clean to remove jobs\n")
    assert folder.exists()


def test_a_job_in_parts_from_the_first_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    clips.plain(tmp_path / "in.mp4", frames=20)
    command = ("upscale", "in.mp4", "--method", "bicubic", "--chunk-frames", "5", "-o", "out.mp4")
    code, out, err = run(*command, "--part", "2/2")
    assert (code, out) == (0, "")
    assert err.splitlines()[-1].startswith(f"part 2/2 of {tmp_path / 'out.mp4'}: 10 frames in ")
    assert err.endswith(f"; after all parts: vrinr join {tmp_path / 'out.mp4'}\n")
    assert run("jobs")[1].splitlines()[1:] == [
        "  from in.mp4",
        "  parts begun: 2/2 (10 frames)",
        "  goes on with: vrinr resume out.mp4",
    ]
    assert run("join", "out.mp4") == (
        1,
        "",
        "vrinr: error: out.mp4: part 1/2, chunks 0 to 1 of 4 are missing or damaged; "
        "run that part again, or the command without --part; finished chunks are in .out.mp4.vrinr\n",
    )
    record = json.loads(run(*command, "--part", "1/2", "--json")[1].splitlines()[-1])
    assert (record["event"], record["part"], record["frames"]) == ("part", "1/2", 10)
    assert "  ends with: vrinr join out.mp4" in run("jobs")[1]
    assert run("join", "out.mp4", "-q") == (0, "", "")
    assert len(facts(tmp_path / "out.mp4").seconds) == 20
    assert run("join", "out.mp4")[0] == 2


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (("--part", "6/5"), "part is 6/5; choose 1/N to N/N, with N at most 999"),
        (("--part", "half"), "part is 'half'; write NUMBER/COUNT, such as 2/5, up to 999"),
        (("--part", "1/1000"), "part is '1/1000'; write NUMBER/COUNT, such as 2/5, up to 999"),
        (("--memory", "1000"), "memory is 1000; choose 1M or more"),
        (
            ("--part", "1/2", "--dry-run"),
            "--part given with --dry-run; leave out one of them: a plan is of the whole job",
        ),
        (
            ("--part", "1/2", "--restart"),
            "a part cannot restart a job; remove it with `vrinr jobs --clean`, or leave out --part",
        ),
    ],
)
def test_what_cannot_be_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    clips.plain(tmp_path / "in.mp4", frames=2)
    assert run("upscale", "in.mp4", *more) == (2, "", f"vrinr: error: {line}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_lines_of_jobs_that_cannot_go_on() -> None:
    job = UnfinishedJob(Path("/j/.a.mp4.vrinr"), Path("/j/a.mp4"), None, 0, 0, 5, 90.0, "", "it has no plan")
    assert job_lines(job) == ["/j/a.mp4: frames unknown, 0.0 MB, 2 min old", "  cannot go on: it has no plan"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("out.mp4", "vrinr resume out.mp4"),
        ("a b.mp4", "vrinr resume 'a b.mp4'"),
        ("-x.mp4", "vrinr resume -- -x.mp4"),
    ],
)
def test_the_command_that_continues_can_be_pasted(name: str, words: str) -> None:
    assert resume_words(Path(name)) == words


@pytest.mark.parametrize(("text", "seconds"), [(None, 0), ("30m", 1800), ("12h", 43200), ("1.5d", 129600)])
def test_ages(text: str | None, seconds: float) -> None:
    assert age_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "7w"])
def test_no_age(text: str) -> None:
    with pytest.raises(OptionError, match="older is"):
        age_seconds(text)
