"""Interlaced sources in whole jobs: found, deinterlaced alike by every way of running, and said."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from jobs.facts import facts, noise_weights, packets, restore, stopped, tiny_weights
from media import clips, damaged, fields, tracks
from media.clips import Look
from media.scenes import Luma
from vrinr_cli.errors import JobError, OptionError
from vrinr_cli.frame import Plane
from vrinr_cli.jobs.events import JobReport
from vrinr_cli.jobs.forecast import forecast
from vrinr_cli.jobs.job import join_parts, upscale, upscale_part
from vrinr_cli.jobs.options import DenoiseOptions, UpscaleOptions
from vrinr_cli.jobs.parts import Part
from vrinr_cli.jobs.plan import make_plan
from vrinr_cli.jobs.size import SizeRequest
from vrinr_cli.video.probe import probe

MOMENTS = fields.moving(40)
FRAMES = 20


def same(one: list[Plane], two: list[Plane]) -> bool:
    return len(one) == len(two) and all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def error(picture: Plane, moment: Luma) -> float:
    return float(np.abs(picture.astype(int) - fields.codes(moment)).mean())


def plain(source: Path, output: Path, **options: Any) -> JobReport:
    """A job that changes nothing but the fields."""
    return restore(source, output, scale="1", method="bicubic", codec="ffv1", **options)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return fields.clip(tmp_path / "in.mkv", fields.woven(MOMENTS))


@pytest.mark.parametrize("asked", ["auto", "on", "double"])
def test_combs_go_and_every_frame_has_its_time(source: Path, tmp_path: Path, asked: str) -> None:
    output = tmp_path / "out.mov"
    report = restore(source, output, scale="1", method="bicubic", codec="prores", deinterlace=asked)
    found, each = facts(output), 2 if asked == "double" else 1
    assert report.frames == len(found.pictures) == FRAMES * each
    whole = facts(source)
    expected = [time + half for time in whole.seconds for half in (Fraction(0), Fraction(1, 50))[:each]]
    assert found.seconds == expected
    plain(source, tmp_path / "exact.mkv", deinterlace=asked)
    pictures = facts(tmp_path / "exact.mkv").pictures
    assert all(error(picture, MOMENTS[n * 2 // each]) < 1 for n, picture in enumerate(pictures))
    assert any("deinterlaced" in note and "top field first" in note for note in report.notes)
    assert not any("combs are enlarged" in note for note in report.notes)


@pytest.mark.parametrize("asked", ["off"])
def test_off_keeps_every_sample(source: Path, tmp_path: Path, asked: str) -> None:
    report = plain(source, tmp_path / "out.mkv", deinterlace=asked)
    assert same(facts(tmp_path / "out.mkv").pictures, facts(source).pictures)
    assert "interlaced; combs are enlarged" in report.notes


@pytest.mark.parametrize(
    ("pictures", "flagged", "note"),
    [
        (MOMENTS[:20], "top", "flagged as interlaced, but the pictures are whole: they are kept"),
        (MOMENTS[:20], "none", ""),
        (
            [MOMENTS[0]] * 20,
            "top",
            "flagged as interlaced, but no combs are seen: nothing is done; try --deinterlace on",
        ),
        (
            fields.woven(MOMENTS),
            "none",
            "combs in frames that are not flagged as interlaced are enlarged; try --deinterlace on",
        ),
        (
            fields.pulled_down(MOMENTS[:16]),
            "top",
            "film with 3:2 pulldown: combs in two of five frames are enlarged; --deinterlace pulldown gives back the "
            "film's own frames",
        ),
    ],
)
def test_auto_changes_nothing_where_flags_and_pictures_do_not_agree(
    tmp_path: Path, pictures: list[Luma], flagged: Any, note: str
) -> None:
    path = fields.clip(tmp_path / "in.mkv", pictures, flagged=flagged)
    report = plain(path, tmp_path / "out.mkv")
    assert same(facts(tmp_path / "out.mkv").pictures, facts(path).pictures)
    told = [text for text in report.notes if "interlace" in text or "comb" in text]
    assert told == ([note] if note else [])


def test_on_says_what_it_takes_from_whole_pictures(tmp_path: Path) -> None:
    path = fields.clip(tmp_path / "in.mkv", MOMENTS[:20], flagged="bottom")
    notes = plain(path, tmp_path / "out.mkv", deinterlace="on").notes
    assert "deinterlaced, bottom field first, as the file says" in notes
    assert "the pictures show no combs: deinterlacing takes detail away from them" in notes
    guessed = fields.clip(tmp_path / "b.mkv", MOMENTS[:20], flagged="none")
    notes = plain(guessed, tmp_path / "b.out.mkv", deinterlace="double").notes
    assert "deinterlaced, a frame of each field, top field first, which is a guess" in notes


@pytest.mark.parametrize("asked", ["auto", "double"])
def test_chunks_change_no_bit(source: Path, tmp_path: Path, asked: str) -> None:
    results = []
    for length in (100, 7, 3, 1):
        output = tmp_path / f"{length}.mkv"
        restore(source, output, codec="ffv1", deinterlace=asked, chunk_frames=length, cuts="none", method="bicubic")
        results.append(facts(output).pictures)
    assert all(same(results[0], other) for other in results[1:])


def test_the_network_reads_frames_that_are_deinterlaced(source: Path, tmp_path: Path) -> None:
    plain(source, tmp_path / "whole.mkv", deinterlace="double")
    restore(tmp_path / "whole.mkv", tmp_path / "expected.mkv", codec="ffv1")
    expected = facts(tmp_path / "expected.mkv").pictures
    for length in (100, 7):
        restore(source, tmp_path / "out.mkv", codec="ffv1", deinterlace="double", chunk_frames=length)
        ours = facts(tmp_path / "out.mkv").pictures
        (tmp_path / "out.mkv").unlink()
        assert len(ours) == len(expected) == 2 * FRAMES
        assert all(np.abs(a.astype(int) - b).max() <= 1 for a, b in zip(ours, expected, strict=True))


def test_noise_is_measured_on_frames_that_are_deinterlaced(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noisy = [moment + rng.normal(0, 12 / 255, moment.shape) for moment in fields.moving(24, size=(128, 128))]
    path = fields.clip(tmp_path / "in.mkv", fields.woven(noisy))
    info, weights = probe(path), str(noise_weights(tmp_path))
    sigmas = []
    for asked in ("off", "on"):
        options = UpscaleOptions(denoise=DenoiseOptions(), weights=weights, deinterlace=asked)
        noise = make_plan(info, tmp_path / "out.mkv", options).noise
        assert noise is not None
        sigmas.append(max(noise.constant))
    assert sigmas[1] != sigmas[0]


@pytest.mark.parametrize("asked", ["on", "double"])
def test_a_part_is_a_part_of_the_whole(source: Path, tmp_path: Path, asked: str) -> None:
    plain(source, tmp_path / "whole.mkv", deinterlace=asked)
    whole, rate = facts(tmp_path / "whole.mkv").pictures, 50 if asked == "double" else 25
    plain(source, tmp_path / "part.mkv", deinterlace=asked, start=Fraction(7, rate), frames=6)
    part = facts(tmp_path / "part.mkv")
    assert same(part.pictures, whole[7:13])
    assert part.seconds == [Fraction(n, rate) for n in range(6)]
    plain(source, tmp_path / "end.mkv", deinterlace=asked, end=Fraction(5, rate))
    assert same(facts(tmp_path / "end.mkv").pictures, whole[:5])


def test_a_stopped_job_goes_on_and_another_setting_is_another_job(source: Path, tmp_path: Path) -> None:
    plain(source, tmp_path / "whole.mkv", deinterlace="double")
    options = UpscaleOptions(
        size=SizeRequest(scale="1"), method="bicubic", codec="ffv1", deinterlace="double", chunk_frames=7, device="cpu"
    )
    output = tmp_path / "out.mkv"
    stopped(source, output, options, after=18)
    with pytest.raises(JobError, match=r"differs in .*the fields.*"):
        upscale(source, output, replace(options, deinterlace="on"))
    report = upscale(source, output, options)
    assert report.resumed_frames == 14
    assert same(facts(output).pictures, facts(tmp_path / "whole.mkv").pictures)


def test_parts_give_what_one_process_gives(source: Path, tmp_path: Path) -> None:
    plain(source, tmp_path / "whole.mkv", deinterlace="double")
    options = UpscaleOptions(
        size=SizeRequest(scale="1"), method="bicubic", codec="ffv1", deinterlace="double", chunk_frames=7, device="cpu"
    )
    output = tmp_path / "out.mkv"
    for number in (2, 1):
        upscale_part(source, output, options, Part.parse(f"{number}/2"))
    assert join_parts(output).frames == 2 * FRAMES
    assert same(facts(output).pictures, facts(tmp_path / "whole.mkv").pictures)


@pytest.mark.parametrize("size", [(576, 720), (480, 720)])
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("ending", [".mkv", ".mp4"])
def test_a_dvd_looks_as_on_television(tmp_path: Path, size: tuple[int, int], wide: bool, ending: str) -> None:
    shape = {
        (576, False): Fraction(16, 15),
        (576, True): Fraction(64, 45),
        (480, False): Fraction(8, 9),
        (480, True): Fraction(32, 27),
    }[size[0], wide]
    path = fields.dvd(tmp_path / "in.mpg", size=size, look=Look(sample_aspect_ratio=shape))
    assert probe(path).sample_aspect_ratio == shape
    output = tmp_path / f"out{ending}"
    report = restore(path, output, size=SizeRequest(scale="1"), method="bicubic", preset="ultrafast")
    assert any(note.startswith("interlaced, top field first: deinterlaced") for note in report.notes)
    with av.open(output) as file:
        video = file.streams.video[0]
        (height, width), ratio = size, video.sample_aspect_ratio
        assert ratio == shape
        assert Fraction(width, height) * ratio == (Fraction(16, 9) if wide else Fraction(4, 3))
        assert (video.codec_context.height, video.codec_context.width) == size


@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "vp9", "ffv1"])
def test_the_result_says_that_it_is_progressive(tmp_path: Path, codec: str) -> None:
    path = fields.clip(tmp_path / "in.mkv", fields.woven(fields.moving(12, size=(64, 80))))
    restore(path, tmp_path / "out.mkv", method="bicubic", codec=codec)
    with av.open(tmp_path / "out.mkv") as file:
        assert file.streams.video[0].codec_context.field_order == 1  # AV_FIELD_PROGRESSIVE
        assert not any(frame.interlaced_frame for frame in file.decode(video=0))
    assert probe(tmp_path / "out.mkv").notes == ()


def test_a_variable_rate_is_halved_frame_by_frame(tmp_path: Path) -> None:
    times = (0, 40, 50, 133, 135, 300)
    spec = clips.Spec(pts=times, time_base=Fraction(1, 1000))
    path = fields.clip(tmp_path / "in.mkv", fields.woven(MOMENTS[:12]), spec=spec)
    restore(path, tmp_path / "out.mp4", method="bicubic", deinterlace="double")
    seconds = facts(tmp_path / "out.mp4").seconds
    assert seconds[::2] == [Fraction(time, 1000) for time in times]
    assert seconds[1:-1:2] == [Fraction(one + two, 2000) for one, two in pairwise(times)]


def test_a_plan_says_it(source: Path, tmp_path: Path) -> None:
    options = UpscaleOptions(deinterlace="double", weights=str(tiny_weights(tmp_path)), device="cpu")
    found = forecast(source, tmp_path / "out.mkv", options)
    assert (found.frames, found.seconds) == (2 * FRAMES, 0.8)
    assert "deinterlaced, a frame of each field, top field first" in found.notes


def test_damaged_frames_are_stood_in_for(tmp_path: Path) -> None:
    spec = clips.Spec(gop=1, b_frames=0)
    whole = fields.clip(tmp_path / "whole.mkv", fields.woven(fields.moving(120)), flagged="none", spec=spec)
    path = damaged.zeroed(whole, tmp_path / "in.mkv", packets={50})
    for length in (100, 17):
        report = plain(path, tmp_path / f"{length}.mkv", deinterlace="double", allow_damaged=True, chunk_frames=length)
        assert (report.frames, report.repeated_frames) == (120, 2)
    assert same(facts(tmp_path / "100.mkv").pictures, facts(tmp_path / "17.mkv").pictures)


def test_a_picture_of_few_lines_is_left_alone_or_refused(tmp_path: Path) -> None:
    path = fields.clip(tmp_path / "in.mkv", fields.woven(fields.moving(12, size=(12, 64))))
    assert "interlaced; combs are enlarged" in plain(path, tmp_path / "out.mkv").notes
    with pytest.raises(OptionError, match=r"^--deinterlace on: the picture is 64x12$"):
        plain(path, tmp_path / "b.mkv", deinterlace="on")


def test_only_known_ways_are_taken() -> None:
    with pytest.raises(OptionError, match=r"^deinterlace is 'bob'$"):
        UpscaleOptions(deinterlace="bob")  # type: ignore[arg-type]


class TestPulldown:
    """Film at 23.976 frames a second out of 29.97."""

    FILM = fields.moving(32)
    RATE = Fraction(24000, 1001)

    @pytest.fixture
    def telecined(self, tmp_path: Path) -> Path:
        spec = clips.Spec(rate=Fraction(30000, 1001))
        return fields.clip(tmp_path / "ntsc.mp4", fields.pulled_down(self.FILM), spec=spec)

    def options(self, **more: Any) -> UpscaleOptions:
        return UpscaleOptions(
            size=SizeRequest(scale="1"), method="bicubic", codec="ffv1", deinterlace="pulldown", device="cpu", **more
        )

    @pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
    def test_the_films_frames_come_back_at_their_times(self, telecined: Path, tmp_path: Path, name: str) -> None:
        report = restore(telecined, tmp_path / name, scale="1", method="bicubic", deinterlace="pulldown")
        found = facts(tmp_path / name)
        assert report.frames == len(found.pictures) == len(self.FILM)
        tick = Fraction(0) if name == "out.mp4" else Fraction(1, 1000)
        assert all(abs(time - n / self.RATE) <= tick for n, time in enumerate(found.seconds))
        made = probe(tmp_path / name)
        assert (made.average_rate, made.is_variable_rate, made.is_interlaced) == (self.RATE, False, False)
        assert abs(made.duration - probe(telecined).duration) <= Fraction(1, 100)
        note = "3:2 pulldown is undone: 29.970 frames a second become 23.976, top field first"
        assert note in report.notes
        assert not any("do not look like film" in note for note in report.notes)

    @pytest.mark.parametrize("length", [100, 7, 3, 1])
    def test_every_sample_is_the_films_whatever_the_chunks(self, telecined: Path, tmp_path: Path, length: int) -> None:
        plain(telecined, tmp_path / "out.mkv", deinterlace="pulldown", chunk_frames=length)
        pictures = facts(tmp_path / "out.mkv").pictures
        assert same(pictures, [fields.codes(picture) for picture in self.FILM])

    def test_auto_tells_of_it_and_changes_nothing(self, telecined: Path, tmp_path: Path) -> None:
        report = plain(telecined, tmp_path / "out.mkv")
        assert report.frames == 40
        assert any("--deinterlace pulldown gives back" in note for note in report.notes)

    def test_a_stopped_job_goes_on(self, telecined: Path, tmp_path: Path) -> None:
        output, options = tmp_path / "out.mkv", self.options(chunk_frames=7)
        stopped(telecined, output, options, after=17)
        with pytest.raises(JobError, match=r"differs in .*the fields.*"):
            upscale(telecined, output, replace(options, deinterlace="on"))
        assert upscale(telecined, output, options).resumed_frames == 14
        assert same(facts(output).pictures, [fields.codes(picture) for picture in self.FILM])

    def test_parts_and_a_part_of_it(self, telecined: Path, tmp_path: Path) -> None:
        output = tmp_path / "out.mkv"
        for number in (2, 1):
            upscale_part(telecined, output, self.options(chunk_frames=7), Part.parse(f"{number}/2"))
        assert join_parts(output).frames == 32
        assert same(facts(output).pictures, [fields.codes(picture) for picture in self.FILM])
        plain(telecined, tmp_path / "part.mkv", deinterlace="pulldown", start=10 / self.RATE, frames=5)
        part = facts(tmp_path / "part.mkv")
        assert part.seconds == [Fraction(round(1000 * n / self.RATE), 1000) for n in range(5)]
        assert same(part.pictures, [fields.codes(picture) for picture in self.FILM[10:15]])

    def test_sound_stays_with_it(self, tmp_path: Path) -> None:
        spec = clips.Spec(rate=Fraction(30000, 1001), size=(48, 64), frames=40)
        source = tracks.with_sound(tmp_path / "in.mkv", spec=spec)
        restore(source, tmp_path / "out.mkv", scale="1", method="bicubic", deinterlace="pulldown")
        assert packets(tmp_path / "out.mkv", "audio") == packets(source, "audio")
        assert len(facts(tmp_path / "out.mkv").pictures) == 32

    def test_the_network_reads_the_films_frames(self, telecined: Path, tmp_path: Path) -> None:
        plain(telecined, tmp_path / "film.mkv", deinterlace="pulldown")
        restore(tmp_path / "film.mkv", tmp_path / "expected.mkv", codec="ffv1", cuts="none")
        restore(telecined, tmp_path / "ours.mkv", codec="ffv1", cuts="none", deinterlace="pulldown", chunk_frames=7)
        pairs = zip(facts(tmp_path / "ours.mkv").pictures, facts(tmp_path / "expected.mkv").pictures, strict=True)
        assert all(np.abs(a.astype(int) - b).max() <= 1 for a, b in pairs)

    def test_damaged_frames_are_stood_in_for(self, tmp_path: Path) -> None:
        spec = clips.Spec(gop=1, b_frames=0)
        whole = fields.clip(tmp_path / "whole.mkv", fields.pulled_down(fields.moving(48)), flagged="none", spec=spec)
        path = damaged.zeroed(whole, tmp_path / "in.mkv", packets={50})
        for length in (100, 9):
            report = plain(
                path, tmp_path / f"{length}.mkv", deinterlace="pulldown", allow_damaged=True, chunk_frames=length
            )
            assert (report.frames, report.repeated_frames) == (48, 1)
        assert same(facts(tmp_path / "100.mkv").pictures, facts(tmp_path / "9.mkv").pictures)

    def test_it_is_said_that_nothing_looks_like_film(self, tmp_path: Path) -> None:
        source = fields.clip(tmp_path / "in.mkv", MOMENTS[:20], flagged="none")
        report = plain(source, tmp_path / "out.mkv", deinterlace="pulldown")
        assert report.frames == 16
        assert (
            "the pictures do not look like film with 3:2 pulldown: one frame of five is left out all the same"
            in report.notes
        )

    def test_times_that_vary_are_refused(self, tmp_path: Path) -> None:
        source = clips.vfr(tmp_path / "in.mkv")
        with pytest.raises(OptionError, match="frame times vary"):
            plain(source, tmp_path / "out.mkv", deinterlace="pulldown")
