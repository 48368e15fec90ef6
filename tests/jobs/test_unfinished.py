"""Stopped jobs: listed, asked again and removed, whatever somebody has put into their folders."""

import fcntl
import json
import os
import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jobs.facts import stopped, tiny_weights
from media import clips
from networks import seeded
from strategies import json_values
from vrinr_cli.errors import JobError, OptionError, TargetError, VrinrError, WeightsError
from vrinr_cli.jobs.folder import JobFolder
from vrinr_cli.jobs.job import upscale
from vrinr_cli.jobs.options import DenoiseOptions, UpscaleOptions
from vrinr_cli.jobs.request import JobRequest, kept_request, plan_words
from vrinr_cli.jobs.size import SizeRequest
from vrinr_cli.jobs.unfinished import UnfinishedJob, find_jobs, remove_job, stopped_job
from vrinr_cli.model import checkpoint
from vrinr_cli.record import to_plain

OPTIONS = UpscaleOptions(method="bicubic", chunk_frames=5, encoder_options=(("tune", "film"),))


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """Folder of a job of 18 frames that was stopped after two chunks of five."""
    source = clips.plain(tmp_path / "in.mp4", frames=18)
    return stopped(source, tmp_path / "out.mp4", OPTIONS, after=12)


def only(root: Path) -> UnfinishedJob:
    (found,) = find_jobs(root)
    return found


def rewrite(folder: Path, **changes: object) -> None:
    """Change fields of the request in a plan."""
    path = folder / "plan.json"
    plan = json.loads(path.read_text())
    plan["request"] |= changes
    path.write_text(json.dumps(plan))


def test_a_stopped_job_is_found_and_goes_on_with_its_options(job: Path) -> None:
    found = only(job.parent)
    assert (found.folder, found.output, found.source) == (job, job.parent / "out.mp4", job.parent / "in.mp4")
    assert (found.frames, found.done, found.holder, found.obstacle) == (18, 10, "", "")
    assert found.bytes == sum(path.stat().st_size for path in job.rglob("*") if path.is_file())
    for named in (job, job.parent / "out.mp4"):
        output, request = stopped_job(named)
        assert (output, request.options) == (job.parent / "out.mp4", OPTIONS)
    report = upscale(request.source, output, request.options, must_go_on=True)
    assert report.resumed_frames == 10
    assert find_jobs(job.parent) == []


def test_weights_that_were_named_from_another_folder_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_weights(tmp_path)
    source = clips.plain(tmp_path / "in.mp4", frames=12)
    asked = UpscaleOptions(weights="tiny.safetensors", chunk_frames=5, precision="fp32", device="cpu")
    folder = stopped(Path("in.mp4"), Path("out.mp4"), asked, after=7)
    monkeypatch.chdir("/")
    output, request = stopped_job(tmp_path / folder)
    assert (request.source, request.options.weights) == (source, str(tmp_path / "tiny.safetensors"))
    (tmp_path / "tiny.safetensors").rename(tmp_path / "kept")
    with pytest.raises(WeightsError, match="no such file"):
        upscale(request.source, output, request.options, must_go_on=True)
    checkpoint.save(tmp_path / "tiny.safetensors", seeded(dtype=torch.float32, strength=0.03), card={})
    with pytest.raises(JobError, match="differs in the weights"):
        upscale(request.source, output, request.options, must_go_on=True)
    (tmp_path / "kept").rename(tmp_path / "tiny.safetensors")
    assert upscale(request.source, output, request.options, must_go_on=True).resumed_frames == 5


def test_everything_that_can_be_asked_is_kept() -> None:
    rich = UpscaleOptions(
        denoise=DenoiseOptions(sigma=12.5, keep_grain=0.2),
        size=SizeRequest(size="192x128"),
        strict=True,
        codec="h265",
        crf=20.5,
        preset="slow",
        pix_fmt="yuv420p",
        encoder_options=(("tune", "grain"), ("x265-params", "a=b")),
        audio="aac",
        start=Fraction(1, 3),
        end=Fraction(7, 2),
        frames=9,
        device="cuda:1",
        tile=64,
        memory=1 << 30,
        threads=3,
        allow_damaged=True,
    )
    for options in (rich, OPTIONS, UpscaleOptions(bitrate=8_000_000)):
        request = JobRequest(
            source=Path(os.fsdecode(b"/bad\xff \xc3\xa9.mp4")),
            source_bytes=5,
            source_changed_ns=7,
            output=os.fsdecode(b"out\xff.mp4"),
            options=options,
            overwrite=True,
            frames=9,
        )
        assert kept_request(plan_words({}, request, None).encode()) == request


def test_it_goes_on_after_its_folder_has_moved(job: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    moved = job.rename(tmp_path / "elsewhere" / job.name)
    output, request = stopped_job(moved)
    assert output == tmp_path / "elsewhere" / "out.mp4"
    assert upscale(request.source, output, request.options, must_go_on=True).resumed_frames == 10


def test_only_a_job_that_differs_in_nothing_goes_on(job: Path) -> None:
    output, request = stopped_job(job)
    with pytest.raises(JobError, match="differs in the encoder's settings"):
        upscale(request.source, output, replace(request.options, crf=30), must_go_on=True)
    (job / "journal.jsonl").unlink()  # even where there is no work to lose
    with pytest.raises(JobError, match="differs in the method"):
        upscale(request.source, output, replace(request.options, method="lanczos"), must_go_on=True)
    with pytest.raises(JobError, match="no unfinished job"):
        upscale(request.source, output.with_name("other.mp4"), request.options, must_go_on=True)


def test_who_works_on_it_is_named(job: Path) -> None:
    with JobFolder(job.parent / "out.mp4") as folder:
        assert only(job.parent).holder == f"process {os.getpid()}"
        with pytest.raises(JobError, match="another vrinr is making it"):
            remove_job(only(job.parent))
        assert folder.plan_path.exists()
    assert only(job.parent).holder == ""


def test_a_listing_at_the_same_moment_does_not_keep_a_job_from_its_lock(
    job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    glance = os.open(job / "lock", os.O_RDONLY)
    fcntl.flock(glance, fcntl.LOCK_SH)
    monkeypatch.setattr("vrinr_cli.jobs.locks.time.sleep", lambda _: os.close(glance))
    with JobFolder(job.parent / "out.mp4") as folder:
        assert folder.plan_path.exists()


@pytest.mark.parametrize("what", ["gone", "changed", "weights"])
def test_what_stands_in_the_way_is_named(job: Path, what: str) -> None:
    source = job.parent / "in.mp4"
    if what == "gone":
        source.unlink()
    elif what == "changed":
        os.utime(source, (1, 1))
    else:
        rewrite(job, options=to_plain(replace(OPTIONS, weights=str(job.parent / "no.safetensors"))))
    words = {"gone": "the source is gone", "changed": "the source has changed", "weights": "the weights are gone"}
    assert only(job.parent).obstacle == words[what]


def test_removing_takes_what_vrinr_made_and_nothing_else(job: Path) -> None:
    (job / "result.mp4").write_text("half")
    (job / "trial.mkv.part").write_text("half")
    (job / "mine.txt").write_text("foreign")
    assert not remove_job(only(job.parent))
    assert [path.name for path in job.rglob("*")] == ["mine.txt"]
    (job / "mine.txt").unlink()
    (job / "lock").touch()
    assert remove_job(only(job.parent))
    assert sorted(path.name for path in job.parent.iterdir()) == ["in.mp4"]


def test_folders_that_only_look_like_jobs_and_links_are_passed_over(job: Path, tmp_path: Path) -> None:
    (tmp_path / "deep" / ".notes.vrinr").mkdir(parents=True)
    for odd in ("..vrinr", "...vrinr", "....vrinr"):
        (tmp_path / "deep" / odd / "chunks").mkdir(parents=True)
    (tmp_path / "deep" / ".other.mp4.vrinr").symlink_to(job)
    assert [found.folder for found in find_jobs(tmp_path)] == [job]
    assert find_jobs(tmp_path / "deep") == []
    with pytest.raises(JobError, match="no unfinished job"):
        stopped_job(tmp_path / "deep" / "other.mp4")
    with pytest.raises(OptionError, match="no such folder"):
        find_jobs(tmp_path / "nosuch")


@pytest.mark.parametrize(
    "changes",
    [
        {"output": "../in.mp4"},
        {"output": "other.mp4"},
        {"output": "out.mp4\0"},
        {"source": "in.mp4"},
        {"source": "/a\0b"},
        {"source": "\ud800"},
        {"frames": 0},
        {"frames": 10**30},
        {"options": {"method": "rm"}},
        {"options": {"nosuch": 1}},
        {"surplus": 1},
    ],
)
def test_a_request_that_no_job_can_have_is_refused(job: Path, changes: dict[str, Any]) -> None:
    rewrite(job, **changes)
    assert only(job.parent).obstacle == "its plan cannot be read"
    with pytest.raises(JobError, match="its plan cannot be read"):
        stopped_job(job)


@pytest.mark.parametrize("pair", [("stats", "victim"), ("x264-params", "pass=1:stats=victim"), ("tune", "a/b")])
def test_encoder_options_that_could_name_a_file_are_not_taken_from_one(job: Path, pair: tuple[str, str]) -> None:
    rewrite(job, options=to_plain(replace(OPTIONS, encoder_options=(pair,))))
    with pytest.raises(JobError, match=f"--encoder-option {pair[0]} is not taken from a file"):
        stopped_job(job)
    assert only(job.parent).obstacle == (
        f"--encoder-option {pair[0]} is not taken from a file; run the whole command again"
    )


def precious(folder: Path) -> Path:
    folder.mkdir()
    (folder / "000000.mkv").write_text("precious")
    return folder


def test_links_in_a_job_folder_lead_nowhere(job: Path, tmp_path: Path) -> None:
    outside = precious(tmp_path / "outside") / "000000.mkv"
    for name in ("lock", "journal.jsonl", "plan.json", "result.mp4", "chunks/000002.mkv.part"):
        (job / name).unlink(missing_ok=True)
        (job / name).symlink_to(outside)
    assert only(job.parent).obstacle == "its plan cannot be read"
    assert upscale(tmp_path / "in.mp4", tmp_path / "out.mp4", OPTIONS).frames == 18
    assert outside.read_text() == "precious"
    assert not job.exists()


@pytest.mark.parametrize("name", ["chunks", "folder", "lock"])
def test_a_job_folder_that_is_not_ours_alone_is_refused(job: Path, tmp_path: Path, name: str) -> None:
    outside = precious(tmp_path / "outside")
    found = only(tmp_path)
    if name == "chunks":
        (job / "chunks").rename(tmp_path / "away")
        (job / "chunks").symlink_to(outside)
    elif name == "folder":
        job.rename(tmp_path / "away")
        job.symlink_to(outside)
    else:
        (job / "lock").unlink()
        (job / "lock").hardlink_to(outside / "000000.mkv")
    with pytest.raises(TargetError, match=r"is a link|is no ordinary file"):
        upscale(tmp_path / "in.mp4", tmp_path / "out.mp4", OPTIONS)
    with pytest.raises(TargetError):
        remove_job(found)
    assert (outside / "000000.mkv").read_text() == "precious"


def test_a_pipe_in_place_of_a_file_holds_nobody_up(job: Path) -> None:
    for name in ("plan.json", "journal.jsonl", "lock"):
        (job / name).unlink()
        os.mkfifo(job / name)
    found = only(job.parent)
    assert (found.done, found.obstacle) == (0, "its plan cannot be read")


@given(plan=json_values | st.binary(max_size=60), journal=st.binary(max_size=60), lock=st.binary(max_size=20))
def test_any_content_of_the_files_is_survived(plan: object, journal: bytes, lock: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "home" / ".out.mp4.vrinr"
        folder.mkdir(parents=True)
        (folder / "plan.json").write_bytes(plan if isinstance(plan, bytes) else json.dumps(plan).encode())
        (folder / "journal.jsonl").write_bytes(journal)
        (folder / "lock").write_bytes(lock)
        found = only(Path(place))
        assert found.obstacle == "its plan cannot be read"
        with pytest.raises(JobError):
            stopped_job(folder)
        assert remove_job(found)
        assert list(Path(place).rglob("*")) == [Path(place) / "home"]


fields = st.sampled_from(["source", "source_bytes", "source_changed_ns", "output", "options", "overwrite", "frames"])


@given(changes=st.dictionaries(fields, json_values, min_size=1, max_size=2), options=st.booleans())
def test_any_request_gives_a_job_beside_its_folder_or_an_error(changes: dict[str, Any], options: bool) -> None:
    request = JobRequest(
        source=Path("/in.mp4"),
        source_bytes=1,
        source_changed_ns=1,
        output="out.mp4",
        options=OPTIONS,
        overwrite=False,
        frames=5,
    )
    plain = to_plain(request) | changes
    if options:
        plain["options"] = to_plain(OPTIONS) | {"weights": changes.get("output", "x"), "crf": changes.get("frames")}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / ".out.mp4.vrinr"
        folder.mkdir()
        (folder / "plan.json").write_text(json.dumps({"identity": {}, "request": plain}))
        only(Path(place))
        try:
            output, found = stopped_job(folder)
        except VrinrError:
            return
        assert output == Path(place) / "out.mp4"
        assert found.source.is_absolute()
