"""Rows of numbered pictures as source and as output of jobs."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.facts import StopError, facts, restore, stop_after, stopped
from media import clips, pictures, stills, tracks
from vrinr_cli.errors import InputError, OptionError, TargetError
from vrinr_cli.frame import Family, PlaneFormat
from vrinr_cli.jobs import row_write
from vrinr_cli.jobs.folder import JobFolder
from vrinr_cli.jobs.forecast import forecast
from vrinr_cli.jobs.job import join_parts, upscale, upscale_part
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.parts import Part
from vrinr_cli.jobs.size import SizeRequest
from vrinr_cli.jobs.unfinished import find_jobs, stopped_job
from vrinr_cli.video.pictures.numbered import pattern_of
from vrinr_cli.video.pictures.reading import read_picture
from vrinr_cli.video.probe import probe

BICUBIC: dict[str, Any] = {"method": "bicubic"}
RGB = PlaneFormat("gbrp", Family.RGB, 8)
SIZE = (64, 96)


def row(folder: Path, *, first: int = 1, count: int = 6, **options: Any) -> Path:
    """A row of pictures that show their numbers, counted from 0."""
    folder.mkdir(exist_ok=True)
    for index in range(count):
        planes = pictures.numbered(index, RGB, SIZE)
        stills.save(folder / f"{first + index:04d}.png", np.stack(planes, axis=-1), **options)
    return folder / "%04d.png"


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def shown_in(path: Path) -> int:
    """The number that a picture of 8 or 16 bits shows."""
    still = read_picture(path)
    return pictures.number_in(still.planes[0], depth=still.format.depth)


def numbers_in(video: Path) -> list[int]:
    return [pictures.number_in(plane) for plane in facts(video).pictures]


def test_a_row_becomes_a_video_at_its_rate(tmp_path: Path) -> None:
    source = row(tmp_path / "in", first=7)
    report = restore(source, tmp_path / "out.mp4", fps=Fraction(24000, 1001), chunk_frames=4)
    assert numbers_in(tmp_path / "out.mp4") == list(range(6))
    found = probe(tmp_path / "out.mp4")
    assert (found.average_rate, found.size, report.frames) == (Fraction(24000, 1001), (128, 192), 6)
    assert facts(tmp_path / "out.mp4").kinds == ["video h264"]
    assert not any("rate" in note for note in report.notes)
    assert files(tmp_path) == ["in", "out.mp4"] + [name for name in files(tmp_path) if name == "tiny.safetensors"]


def test_a_rate_that_nobody_said_is_told(tmp_path: Path) -> None:
    report = restore(row(tmp_path / "in", count=2), tmp_path / "out.mkv", **BICUBIC)
    assert report.notes[0] == "no rate is given: 25 pictures a second are taken, see --fps"
    assert probe(tmp_path / "out.mkv").timeline.durations[0] * probe(tmp_path / "out.mkv").timeline.time_base == (
        Fraction(1, 25)
    )


def test_a_row_becomes_a_row_with_the_same_numbers(tmp_path: Path) -> None:
    source = row(tmp_path / "in", first=98, count=5)
    (tmp_path / "out").mkdir()
    report = restore(source, tmp_path / "out" / "a%03d.tif", chunk_frames=2, **BICUBIC)
    assert files(tmp_path / "out") == ["a098.tif", "a099.tif", "a100.tif", "a101.tif", "a102.tif"]
    assert [shown_in(path) for path in sorted((tmp_path / "out").iterdir())] == list(range(5))
    assert (report.codec, report.pix_fmt, report.notes) == ("tiff", "rgb24", ())
    assert report.bytes == sum(path.stat().st_size for path in (tmp_path / "out").iterdir())


def test_a_picture_of_a_row_is_restored_as_a_picture_by_itself(tmp_path: Path) -> None:
    source = row(tmp_path / "in", count=2)
    restore(source, tmp_path / "%d.png", **BICUBIC)
    restore(tmp_path / "in" / "0002.png", tmp_path / "alone.png", **BICUBIC)
    assert (tmp_path / "2.png").read_bytes() == (tmp_path / "alone.png").read_bytes()


def test_the_first_number_can_be_said_and_parts_of_a_row_keep_theirs(tmp_path: Path) -> None:
    source = row(tmp_path / "in", count=6)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    restore(source, tmp_path / "a" / "%d.png", start_number=0, frames=2, **BICUBIC)
    restore(source, tmp_path / "b" / "%d.png", start=Fraction(2, 25), **BICUBIC)
    assert files(tmp_path / "a") == ["0.png", "1.png"]
    assert files(tmp_path / "b") == ["3.png", "4.png", "5.png", "6.png"]
    assert shown_in(tmp_path / "b" / "3.png") == 2


@pytest.mark.parametrize(("ending", "pix_fmt"), [("png", "rgb48be"), ("tif", "rgb48le"), ("jpg", "yuvj444p")])
def test_ten_bits_become_sixteen_where_the_files_hold_them(tmp_path: Path, ending: str, pix_fmt: str) -> None:
    source = clips.ten_bit_hevc(tmp_path / "in.mkv")
    report = restore(source, tmp_path / f"%d.{ending}", frames=2, **BICUBIC)
    found = read_picture(tmp_path / f"2.{ending}")
    assert report.pix_fmt == pix_fmt
    assert shown_in(tmp_path / f"2.{ending}") == 1
    assert (len(np.unique(found.planes[0])) > 256) == (ending != "jpg")
    assert any("10 bits" in note for note in report.notes) == (ending == "jpg")


def test_a_turned_video_gives_upright_pictures(tmp_path: Path) -> None:
    source = clips.rotated(tmp_path / "in.mp4")
    info = probe(source)
    assert info.rotation in (90, 270)
    restore(source, tmp_path / "%d.png", frames=1, **BICUBIC)
    assert read_picture(tmp_path / "1.png").size == (2 * info.size[1], 2 * info.size[0])


def test_what_a_row_cannot_hold_is_noted(tmp_path: Path) -> None:
    source = tracks.rich_mp4(tmp_path / "in.mp4")
    report = restore(source, tmp_path / "%d.png", frames=1, **BICUBIC)
    assert any("audio stream" in note and "a row of pictures does not hold it" in note for note in report.notes)
    varying = clips.vfr(tmp_path / "vfr.mkv")
    report = restore(varying, tmp_path / "v%d.png", frames=2, **BICUBIC)
    assert "frame times vary: a row of pictures keeps none" in report.notes


def test_profiles_and_orientation_go_along(tmp_path: Path) -> None:
    source = row(tmp_path / "in", count=2, icc_profile=stills.profile(), exif=stills.exif(6))
    restore(source, tmp_path / "%d.jpg", **BICUBIC)
    assert read_picture(tmp_path / "2.jpg").size == (192, 128)
    assert stills.profile_in(tmp_path / "2.jpg") == stills.profile()
    assert stills.exif_in(tmp_path / "2.jpg")[0x0112] == 1
    restore(source, tmp_path / "out.mp4", **BICUBIC)
    assert probe(tmp_path / "out.mp4").rotation == 270


def test_a_missing_number_is_wrong_use(tmp_path: Path) -> None:
    source = row(tmp_path / "in")
    (tmp_path / "in" / "0004.png").unlink()
    with pytest.raises(OptionError, match=r"0004\.png: is missing, numbers go from 1 to 6"):
        restore(source, tmp_path / "out.mp4", **BICUBIC)
    with pytest.raises(OptionError, match="no such files"):
        restore(tmp_path / "in" / "%05d.png", tmp_path / "out.mp4", **BICUBIC)
    assert "out.mp4" not in files(tmp_path)


@pytest.mark.parametrize(
    ("array", "options", "said"),
    [
        (stills.samples((8, 8)), {}, "0003.png: is 8x8, the first picture is 96x64"),
        (stills.samples((*SIZE, 1)[:2], channels=1), {}, "0003.png: is gray, the first picture is gbrp"),
        (stills.samples(SIZE), {"exif": stills.exif(3)}, "0003.png: is turned in another way than the first picture"),
    ],
)
def test_a_picture_that_is_not_like_the_first_is_named(
    tmp_path: Path, array: stills.Samples, options: dict[str, Any], said: str
) -> None:
    source = row(tmp_path / "in", count=4)
    stills.save(tmp_path / "in" / "0003.png", array, **options)
    with pytest.raises(InputError) as caught:
        restore(source, tmp_path / "out.mp4", **BICUBIC)
    assert str(caught.value) == said
    assert not (tmp_path / "out.mp4").exists()


def test_a_damaged_picture_gives_way_to_the_last_good_one_where_that_is_allowed(tmp_path: Path) -> None:
    source = row(tmp_path / "in", count=4)
    (tmp_path / "in" / "0003.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(InputError, match=r"^0003\.png: "):
        restore(source, tmp_path / "out.mp4", **BICUBIC)
    report = restore(source, tmp_path / "b.mp4", allow_damaged=True, chunk_frames=2, **BICUBIC)
    assert numbers_in(tmp_path / "b.mp4") == [0, 1, 1, 3]
    assert report.repeated_frames == 1


class TestOptions:
    def test_what_has_no_effect_is_refused_by_name(self, tmp_path: Path) -> None:
        source, video = row(tmp_path / "in", count=2), clips.plain(tmp_path / "in.mp4", frames=2)
        cases: list[tuple[Path, str, dict[str, Any], str]] = [
            (source, "%d.png", {"crf": 3.0}, "--crf has no effect on a row of pictures"),
            (source, "%d.png", {"codec": "h264"}, "--codec has no effect on a row of pictures"),
            (source, "%d.png", {"pix_fmt": "rgb24"}, "--pix-fmt has no effect on a row of pictures"),
            (video, "%d.png", {"audio": "aac"}, "--audio has no effect on a row of pictures"),
            (video, "%d.png", {"fps": Fraction(24)}, "--fps has no effect on a source that is no row of pictures"),
            (
                source,
                "o.mp4",
                {"start_number": 4},
                "--start-number has no effect on an output that is no row of pictures",
            ),
        ]
        for where, output, options, said in cases:
            with pytest.raises(OptionError) as caught:
                restore(where, tmp_path / output, **BICUBIC, **options)
            assert str(caught.value) == said

    @pytest.mark.parametrize("options", [{"fps": Fraction(0)}, {"fps": Fraction(2000)}, {"start_number": -1}])
    def test_values_are_checked(self, options: dict[str, Any]) -> None:
        with pytest.raises(OptionError):
            UpscaleOptions(**options)

    def test_the_output_of_a_row_is_a_row_beside_it(self, tmp_path: Path) -> None:
        source = row(tmp_path / "in", count=2)
        report = upscale(source, None, UpscaleOptions(method="bicubic", size=SizeRequest(scale="3")))
        assert report.output == tmp_path / "in" / "%04d.x3.png"
        assert files(tmp_path / "in") == ["0001.png", "0001.x3.png", "0002.png", "0002.x3.png"]

    def test_a_plan_is_of_the_row(self, tmp_path: Path) -> None:
        source = row(tmp_path / "in", count=3)
        found = forecast(source, tmp_path / "%d.png", UpscaleOptions(method="bicubic"))
        assert (found.frames, found.codec, found.encoder, found.container) == (3, "png", "png", "a row of pictures")
        assert files(tmp_path) == ["in"]


class TestNothingIsLost:
    def test_pictures_that_are_there_stay(self, tmp_path: Path) -> None:
        source = row(tmp_path / "in", count=3)
        (tmp_path / "3.png").write_bytes(b"mine")
        with pytest.raises(TargetError, match=r"3\.png: exists already"):
            restore(source, tmp_path / "%d.png", **BICUBIC)
        assert files(tmp_path) == ["3.png", "in"]
        restore(source, tmp_path / "4%d.png", **BICUBIC)
        upscale(source, tmp_path / "%d.png", UpscaleOptions(method="bicubic"), overwrite=True)
        assert shown_in(tmp_path / "3.png") == 2

    def test_a_row_never_replaces_itself(self, tmp_path: Path) -> None:
        source = row(tmp_path / "in", first=1000, count=3)
        for name in ("%04d.png", "%d.png"):
            with pytest.raises(OptionError, match="is the source itself"):
                upscale(source, tmp_path / "in" / name, UpscaleOptions(method="bicubic"), overwrite=True)

    def test_a_stopped_job_goes_on_by_chunks(self, tmp_path: Path) -> None:
        source = row(tmp_path / "in", count=9)
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
        options = UpscaleOptions(method="bicubic", chunk_frames=3)
        folder = stopped(source, tmp_path / "a" / "%d.png", options, after=5)
        assert files(tmp_path / "a") == [folder.name]
        (found,) = find_jobs(tmp_path / "a")
        assert (found.done, found.frames, found.obstacle) == (3, 9, "")
        output, request = stopped_job(tmp_path / "a" / "%d.png")
        report = upscale(request.source, output, request.options, must_go_on=True)
        assert report.resumed_frames == 3
        upscale(source, tmp_path / "b" / "%d.png", options)
        one, two = ([path.read_bytes() for path in sorted((tmp_path / name).iterdir())] for name in ("a", "b"))
        assert one == two
        assert len(one) == 9

    def test_a_changed_picture_makes_another_job(self, tmp_path: Path) -> None:
        source = row(tmp_path / "in", count=9)
        folder = stopped(source, tmp_path / "%d.png", UpscaleOptions(method="bicubic", chunk_frames=3), after=5)
        stills.save(tmp_path / "in" / "0002.png", stills.samples(SIZE))
        assert find_jobs(folder)[0].obstacle == "the source has changed"
        (tmp_path / "in" / "0002.png").unlink()
        assert find_jobs(folder)[0].obstacle == "the source is gone"

    def test_a_stop_among_the_pictures_leaves_whole_ones_and_goes_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source, output = row(tmp_path / "in", count=6), tmp_path / "%d.png"
        publish = JobFolder.publish
        seen: list[Path | None] = []

        def stop(folder: JobFolder, *, overwrite: bool, name: Path | None = None) -> None:
            if len(seen) == 3:
                raise StopError
            seen.append(name)
            publish(folder, overwrite=overwrite, name=name)

        with monkeypatch.context() as patch:
            patch.setattr(JobFolder, "publish", stop)
            with pytest.raises(StopError):
                restore(source, output, **BICUBIC)
        made = {path.name: path.stat().st_mtime_ns for path in seen if path}
        assert list(made) == ["1.png", "2.png", "3.png"]
        assert restore(source, output, **BICUBIC).resumed_frames == 6
        assert [shown_in(tmp_path / f"{number}.png") for number in range(1, 7)] == list(range(6))
        assert {name: (tmp_path / name).stat().st_mtime_ns for name in made} == made
        assert files(tmp_path) == [*(f"{number}.png" for number in range(1, 7)), "in"]

    def test_a_foreign_picture_that_appeared_meanwhile_stays(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = row(tmp_path / "in", count=3)
        write = row_write.write_pictures

        def late(*arguments: Any, **options: Any) -> int:
            (tmp_path / "2.png").write_bytes(b"mine")
            return write(*arguments, **options)

        monkeypatch.setattr("vrinr_cli.jobs.job.write_pictures", late)
        with pytest.raises(TargetError, match=r"2\.png: appeared meanwhile, and stays"):
            restore(source, tmp_path / "%d.png", **BICUBIC)
        assert (tmp_path / "2.png").read_bytes() == b"mine"

    def test_parts_make_a_row_too(self, tmp_path: Path) -> None:
        source, output = row(tmp_path / "in", count=6), tmp_path / "%d.png"
        options = UpscaleOptions(method="bicubic", chunk_frames=3)
        for number in (2, 1):
            upscale_part(source, output, options, Part(number, 2))
        join_parts(output)
        assert [shown_in(tmp_path / f"{number}.png") for number in range(1, 7)] == list(range(6))


def test_only_names_with_a_place_for_the_number_are_rows(tmp_path: Path) -> None:
    assert pattern_of(tmp_path / "a.png") is None
    source = row(tmp_path / "in", count=2)
    with pytest.raises(TargetError, match="names one picture"):
        restore(source, tmp_path / "a.png", **BICUBIC)
    with pytest.raises(StopError):
        upscale(source, tmp_path / "%d.png", UpscaleOptions(method="bicubic", chunk_frames=1), listen=stop_after(1))
