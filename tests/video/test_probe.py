"""What probe says of a file: color, shape, streams; and what it refuses, word for word."""

import hashlib
import json
import os
import struct
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.sidedata.sidedata import Type

from media import clips, damaged, tracks
from media.clips import Look, Spec
from vrinr_cli.errors import InputError, OptionError, VrinrError
from vrinr_cli.frame import ChromaSite, Matrix, Range
from vrinr_cli.record import from_plain, to_plain
from vrinr_cli.video.info import SourceInfo
from vrinr_cli.video.limits import LARGEST_PICTURE, MOST_PIXELS, Wanted, more_pixels
from vrinr_cli.video.probe import probe
from vrinr_cli.video.reader import read_frames
from vrinr_cli.video.source import decoder_of, main_video, open_source
from vrinr_cli.video.tags import rotation_of, side_data_of


def test_a_plain_clip(tmp_path: Path) -> None:
    path = clips.plain(tmp_path / "clip.mp4")
    info = probe(path)
    assert info.path == path.resolve()
    assert info.bytes == path.stat().st_size
    assert info.container == "mov,mp4,m4a,3gp,3g2,mj2"
    assert (info.codec, info.decoder, info.video_stream) == ("h264", "h264", 0)
    assert info.size == (64, 96)
    assert info.format.name == "yuv420p"
    assert (info.display_matrix, info.rotation, info.sample_aspect_ratio) == (None, 0, None)
    assert not info.is_interlaced
    assert info.keyframes == (0, 12)
    assert info.chapters == 0


def test_what_is_known_survives_json(tmp_path: Path) -> None:
    for path in (clips.ten_bit_hevc(tmp_path / "a.mkv"), clips.plain(tmp_path / "b.avi")):
        info = probe(path)
        assert from_plain(SourceInfo, json.loads(json.dumps(to_plain(info)))) == info


def test_the_digest_is_of_size_head_and_tail(tmp_path: Path) -> None:
    path = clips.plain(tmp_path / "clip.mkv")
    content = path.read_bytes()
    expected = hashlib.sha256(str(len(content)).encode() + content + content).hexdigest()  # below 1 MiB
    assert probe(path).digest == expected


def test_the_same_file_through_a_link_is_the_same_source(tmp_path: Path) -> None:
    path = clips.plain(tmp_path / "clip.mkv")
    link = tmp_path / "link.avi"
    link.symlink_to(path)
    assert probe(link) == probe(path)


class TestColor:
    @pytest.mark.parametrize("matrix", [Matrix.BT709, Matrix.SMPTE170M, Matrix.BT470BG, Matrix.BT2020_NCL])
    @pytest.mark.parametrize("span", list(Range))
    @pytest.mark.parametrize("pix_fmt", ["yuv444p", "yuv420p10le"])
    def test_tags_are_believed(self, tmp_path: Path, matrix: Matrix, span: Range, pix_fmt: str) -> None:
        color = probe(clips.color_bars(tmp_path / "bars.mkv", matrix=matrix, span=span, pix_fmt=pix_fmt)).color
        assert (color.matrix, color.range, color.guessed) == (matrix, span, frozenset())

    @pytest.mark.parametrize(("rows", "matrix"), [(718, Matrix.SMPTE170M), (720, Matrix.BT709)])
    def test_untagged_yuv_is_guessed_by_its_stored_height(self, tmp_path: Path, rows: int, matrix: Matrix) -> None:
        info = probe(clips.plain(tmp_path / "clip.mkv", codec="ffv1", size=(rows, 16), frames=1))
        assert (info.color.matrix, info.color.range) == (matrix, Range.LIMITED)
        assert info.color.guessed == {"matrix", "range"}
        name = "BT.709" if matrix is Matrix.BT709 else "BT.601"
        assert f"color matrix is not tagged, taken as {name}" in info.notes
        assert "color range is not tagged, taken as limited" in info.notes

    def test_untagged_gray_is_full_as_swscale_has_it(self, tmp_path: Path) -> None:
        info = probe(clips.gray(tmp_path / "clip.mkv"))
        assert info.format.name == "gray"
        assert info.color.range is Range.FULL
        assert "range" in info.color.guessed

    def test_rgb_has_no_matrix_and_is_full(self, tmp_path: Path) -> None:
        info = probe(clips.rgb(tmp_path / "clip.mkv"))
        assert info.format.name == "gbrp"
        assert (info.color.matrix, info.color.range, info.color.guessed) == (Matrix.RGB, Range.FULL, frozenset())

    def test_jpeg_formats_are_full(self, tmp_path: Path) -> None:
        info = probe(clips.plain(tmp_path / "clip.mov", codec="mjpeg", pix_fmt="yuvj420p"))
        assert info.format.name == "yuv420p"
        assert info.color.range is Range.FULL
        assert "range" not in info.color.guessed
        assert info.color.chroma_site is ChromaSite.CENTER

    @pytest.mark.parametrize(
        ("said", "site"),
        [
            (None, ChromaSite.LEFT),
            ("left", ChromaSite.LEFT),
            ("center", ChromaSite.CENTER),
            ("topleft", ChromaSite.TOP_LEFT),
            ("top", ChromaSite.TOP),
            ("bottomleft", ChromaSite.LEFT),  # Matroska has no word for it
        ],
    )
    def test_the_place_of_chroma_is_read(self, tmp_path: Path, said: str | None, site: ChromaSite) -> None:
        info = probe(clips.plain(tmp_path / "clip.mp4", look=Look(chroma_site=said)))
        assert info.color.chroma_site is site

    @pytest.mark.parametrize("ending", ["mkv", "mp4"])
    def test_hdr10_is_kept_whole(self, tmp_path: Path, ending: str) -> None:
        info = probe(clips.ten_bit_hevc(tmp_path / f"clip.{ending}"))
        assert info.format.name == "yuv420p10le"
        assert (info.color.matrix, info.color.primaries, info.color.transfer) == (Matrix.BT2020_NCL, 9, 16)
        assert info.color.chroma_site is ChromaSite.TOP_LEFT
        assert info.content_light == (1000, 400)
        assert info.mastering_display is not None
        assert info.mastering_display[:2] == (Fraction(34000, 50000), Fraction(16000, 50000))
        assert info.mastering_display[8:] == (Fraction(50, 10000), Fraction(1000))

    @pytest.mark.parametrize(
        ("kind", "note"),
        [
            (
                Type.DOVI_RPU_BUFFER,
                "Dolby Vision is dropped, and with it how bright each scene is shown; the SDR picture below it is kept",
            ),
            (Type.DYNAMIC_HDR_PLUS, "HDR metadata of each scene (HDR10+) is dropped, that of the whole video is kept"),
        ],
    )
    def test_metadata_that_no_encoder_here_writes_is_noted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Type, note: str
    ) -> None:
        class Data(bytes):
            type = kind

        class TaggedFrame:
            side_data = (Data(b"anything"),)

        path = clips.plain(tmp_path / "clip.mp4", frames=2)
        assert note not in probe(path).notes
        monkeypatch.setattr("vrinr_cli.video.probe.side_data_of", lambda _: side_data_of(TaggedFrame()))  # type: ignore[arg-type]
        assert note in probe(path).notes


class TestShape:
    @pytest.mark.parametrize("ratio", [Fraction(64, 45), Fraction(32, 27), Fraction(1137, 800), Fraction(1)])
    @pytest.mark.parametrize("ending", ["mp4", "mkv"])
    def test_the_shape_of_samples(self, tmp_path: Path, ratio: Fraction, ending: str) -> None:
        info = probe(clips.anamorphic(tmp_path / f"clip.{ending}", sample_aspect_ratio=ratio))
        assert info.sample_aspect_ratio in ((ratio,) if ratio != 1 else (None, ratio))

    @pytest.mark.parametrize("degrees", [90, 180, 270])
    @pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
    def test_a_turned_picture(self, tmp_path: Path, degrees: int, ending: str) -> None:
        matrix = clips.ROTATIONS[degrees]
        info = probe(clips.rotated(tmp_path / f"clip.{ending}", display_matrix=matrix))
        assert info.display_matrix == matrix
        assert info.rotation == degrees
        assert info.size == (64, 96)

    def test_a_mirrored_picture_is_not_turned(self, tmp_path: Path) -> None:
        info = probe(clips.rotated(tmp_path / "clip.mp4", display_matrix=clips.MIRRORED))
        assert info.display_matrix == clips.MIRRORED
        assert info.rotation == 0

    @pytest.mark.parametrize("matrix", [clips.ROTATIONS[0], (0, 0, 0, 0, 0, 0, 0, 0, 1 << 30)])
    def test_identity_and_junk_are_no_matrix(self, tmp_path: Path, matrix: tuple[int, ...]) -> None:
        info = probe(clips.rotated(tmp_path / "clip.mp4", display_matrix=matrix))
        assert (info.display_matrix, info.rotation) == (None, 0)

    def test_a_matrix_that_mirrors_and_turns(self) -> None:
        mirrored_first = (0, -clips.FIXED, 0, -clips.FIXED, 0, 0, 0, 0, 1 << 30)
        assert rotation_of(mirrored_first) == 90

    def test_side_data_that_cannot_be_listed_leaves_the_rotation(self) -> None:
        class SpatialFrame:
            """As PyAV has frames of MV-HEVC: listing their side data raises."""

            rotation = -90

            @property
            def side_data(self) -> object:
                raise ValueError("35 is not a valid Type")

        side = side_data_of(SpatialFrame())  # type: ignore[arg-type]
        assert side.display_matrix == clips.ROTATIONS[270]

    def test_odd_sizes(self, tmp_path: Path) -> None:
        assert probe(clips.odd_sized(tmp_path / "clip.mkv")).size == (61, 83)

    @pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
    def test_fields_are_noted(self, tmp_path: Path, codec: str) -> None:
        look = Look(is_interlaced=True)
        options = {"x264-params": "tff=1"} if codec == "libx264" else {"flags": "+ildct+ilme"}
        info = probe(clips.plain(tmp_path / "clip.ts", codec=codec, options=options, look=look))
        assert info.is_interlaced
        assert "interlaced; combs are enlarged" in info.notes
        assert len(info.timeline) == 24

    def test_alpha_has_its_decoder_and_is_dropped_with_a_note(self, tmp_path: Path) -> None:
        info = probe(clips.transparent(tmp_path / "clip.webm"))
        assert (info.codec, info.decoder, info.format.name) == ("vp9", "libvpx-vp9", "yuv420p")
        assert "transparency is dropped" in info.notes


class TestStreams:
    def test_all_streams_of_an_mkv(self, tmp_path: Path) -> None:
        info = probe(tracks.rich_mkv(tmp_path / "rich.mkv"))
        assert [(s.kind, s.codec, s.language, s.title) for s in info.streams] == [
            ("video", "h264", "", ""),
            ("audio", "aac", "eng", "Main"),
            ("audio", "ac3", "deu", "Late"),
            ("subtitle", "subrip", "eng", "Plain"),
            ("subtitle", "ass", "deu", "Styled"),
            ("video", "mjpeg", "", ""),
            ("attachment", "?", "", ""),
        ]
        assert [s.index for s in info.streams if s.is_picture] == [5]
        assert info.streams[0].packets == 24
        assert info.streams[3].packets == 2
        assert info.chapters == 2
        assert info.metadata["title"] == "Numbers"
        assert sum(s.kind == "audio" for s in info.streams) == 2

    def test_all_streams_of_an_mp4(self, tmp_path: Path) -> None:
        info = probe(tracks.rich_mp4(tmp_path / "rich.mp4"))
        kinds = [(s.kind, s.codec) for s in info.streams]
        assert kinds[:4] == [("video", "h264"), ("audio", "aac"), ("audio", "aac"), ("subtitle", "mov_text")]
        assert [s.codec for s in info.streams if s.is_picture] == ["mjpeg"]
        assert info.video_stream == 0

    @pytest.mark.parametrize(("default", "size"), [(0, (48, 64)), (1, (64, 96))])
    def test_the_video_flagged_as_default_is_read(self, tmp_path: Path, default: int, size: tuple[int, int]) -> None:
        info = probe(tracks.two_videos(tmp_path / "two.mkv", default=default))
        assert (info.video_stream, info.size) == (default, size)
        words = "2 video streams: 0 (h264 64x48), 1 (h264 96x64)"
        assert f"{words}; {default} is read, see --video-stream" in info.notes

    @pytest.mark.parametrize(("asked", "size"), [(0, (48, 64)), (1, (64, 96))])
    @pytest.mark.parametrize("default", [0, 1])
    def test_another_is_read_when_asked(self, tmp_path: Path, asked: int, size: tuple[int, int], default: int) -> None:
        path = tracks.two_videos(tmp_path / "two.mkv", default=default)
        info = probe(path, wanted=Wanted(video_stream=asked))
        assert (info.video_stream, info.size) == (asked, size)
        assert f"; {asked} is read, see --video-stream" in " ".join(info.notes)
        assert [frame.size for frame in read_frames(info, 3, 5)] == [size, size]  # by a seek too

    @pytest.mark.parametrize("asked", [2, 9])
    def test_one_that_is_no_video_is_wrong_use_and_all_are_named(self, tmp_path: Path, asked: int) -> None:
        path = tracks.rich_mp4(tmp_path / "one.mp4")
        with pytest.raises(OptionError) as caught:
            probe(path, wanted=Wanted(video_stream=asked))
        assert str(caught.value) == f"one.mp4: stream {asked} is no video"
        assert caught.value.hint == "choose 0 (h264 96x64, und)"

    def test_a_cover_cannot_be_asked_for(self, tmp_path: Path) -> None:
        path = tracks.rich_mp4(tmp_path / "one.mp4")
        cover = next(stream.index for stream in probe(path).streams if stream.is_picture)
        with pytest.raises(OptionError, match=f"stream {cover} is no video"):
            probe(path, wanted=Wanted(video_stream=cover))


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "make", "cause"),
        [
            ("empty.mp4", lambda p: p.write_bytes(b""), "the file is empty"),
            ("text.mp4", damaged.text, "not a video that can be read"),
            ("short.mkv", lambda p: p.write_bytes(bytes(48)), "not a video that can be read"),
            ("concat.mp4", lambda p: damaged.concat_script(p, "secret.mkv"), "playlists are not read"),
            ("list.m3u8", lambda p: damaged.hls_playlist(p, "http://127.0.0.1:9/x.ts"), "playlists are not read"),
            ("still.mp4", damaged.picture, "a still picture, not a video"),
            ("sound.m4a", tracks.sound_only, "no video stream"),
            ("song.mp4", lambda p: tracks.sound_only(p, has_cover=True), "no video stream (only cover art)"),
            ("song.mka", lambda p: tracks.sound_only(p, has_cover=True), "no video stream (only cover art)"),
        ],
    )
    def test_no_video(self, tmp_path: Path, name: str, make: Callable[[Path], object], cause: str) -> None:
        clips.plain(tmp_path / "secret.mkv", frames=2)
        make(tmp_path / name)
        assert _refusal(tmp_path / name) == f"{name}: {cause}"

    @pytest.mark.parametrize(("name", "cause"), [("nosuch.mp4", "no such file"), ("folder", "not a file")])
    def test_no_file_is_wrong_use(self, tmp_path: Path, name: str, cause: str) -> None:
        (tmp_path / "folder").mkdir()
        with pytest.raises(OptionError) as caught:
            probe(tmp_path / name)
        assert str(caught.value) == f"{name}: {cause}"

    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.mp4")
        with pytest.raises(OptionError, match=r"^pipe.mp4: not a file$"):
            probe(tmp_path / "pipe.mp4")

    def test_names_are_never_protocols_and_are_shown_harmless(self, tmp_path: Path) -> None:
        path = clips.plain(tmp_path / "plain.mp4", frames=3)
        for name in ("concat:a|b.mp4", "-dash %03d 'q'.mp4", "tab\t\x1b[31m.mp4", "ünï.mp4"):
            assert len(probe(path.rename(path.with_name(name))).timeline) == 3
            path = path.with_name(name)
        broken = damaged.text(tmp_path / "a\n\x1b]52;x.mp4")
        assert _refusal(broken) == r"a\n\x1b]52;x.mp4: not a video that can be read"

    def test_nothing_decodes(self, tmp_path: Path) -> None:
        whole = clips.plain(tmp_path / "whole.mp4")
        path = damaged.zeroed(whole, tmp_path / "zeros.mp4")
        assert _refusal(path) == "zeros.mp4: no frame could be decoded (encrypted or unsupported: h264)"

    @pytest.mark.parametrize(
        "kind", [av.error.PermissionError, av.error.OSError, av.error.EOFError, av.InvalidDataError]
    )
    def test_an_error_of_a_decoder_says_nothing_of_permissions(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[av.FFmpegError]
    ) -> None:
        class Refusing:
            """As decoders of encrypted tracks are."""

            def decode(self, _: object) -> None:
                raise kind(1, "Operation not permitted")

        monkeypatch.setattr("vrinr_cli.video.timeline.decoder_of", lambda *_, **__: Refusing())
        path = clips.plain(tmp_path / "clip.mp4", frames=2)
        assert _refusal(path) == "clip.mp4: no frame could be decoded (encrypted or unsupported: h264)"

    def test_a_picture_that_is_too_large(self, tmp_path: Path) -> None:
        path = clips.plain(tmp_path / "clip.mp4", frames=2)
        with pytest.raises(InputError) as caught:
            probe(path, wanted=Wanted(most_pixels=64 * 96 - 1))
        assert str(caught.value) == "clip.mp4: its picture is 96x64, too large to be read"
        assert caught.value.hint == "6143 pixels are the most, in any shape; --max-pixels 96x64 takes it"

    def test_a_large_picture_is_read_when_allowed(self, tmp_path: Path) -> None:
        path = clips.plain(tmp_path / "clip.mp4", frames=4)
        info = probe(path, wanted=Wanted(most_pixels=64 * 96))
        assert [frame.size for frame in read_frames(info, 2, 4)] == [(64, 96)] * 2
        with open_source(path) as container:
            decoder = decoder_of(main_video(container, path), "h264", most_pixels=MOST_PIXELS)
            assert int(decoder.options["max_pixels"]) > MOST_PIXELS > LARGEST_PICTURE

    def test_the_largest_pictures_that_ffmpeg_holds_are_not_offered_to_be_read(self) -> None:
        assert more_pixels((30000, 30000), LARGEST_PICTURE) == "8192x8192 pixels are the most, in any shape"

    def test_times_that_span_more_than_anybody_films(self, tmp_path: Path) -> None:
        spec = Spec(frames=3, pts=(0, 40, 200 * 3_600_000), time_base=Fraction(1, 1000))
        path = clips.from_spec(tmp_path / "clip.mkv", spec)
        with pytest.raises(InputError) as caught:
            probe(path)
        assert str(caught.value) == "clip.mkv: it lasts 200 hours by the times of its frames, 100 are the most"
        assert caught.value.hint == "repair its times; if it is as long as that, --max-hours 200 takes it"
        assert len(probe(path, wanted=Wanted(longest_hours=200)).timeline) == 3

    def test_a_forged_size_gets_no_memory(self, tmp_path: Path) -> None:
        path = clips.plain(tmp_path / "clip.webm", frames=2, codec="libvpx", b_frames=0)
        content = path.read_bytes()
        real, forged = (b"\x9d\x01\x2a" + struct.pack("<2H", *size) for size in ((96, 64), (16000, 16000)))
        assert real in content
        path.write_bytes(content.replace(real, forged))
        assert _refusal(path) == "clip.webm: no frame could be decoded (encrypted or unsupported: vp8)"

    def test_a_cut_mp4_without_index(self, tmp_path: Path) -> None:
        path = damaged.cut(clips.plain(tmp_path / "whole.mp4"), tmp_path / "cut.mp4")
        assert _refusal(path) == "cut.mp4: the index is missing (file cut?)"

    @pytest.mark.parametrize("name", ["cut.mkv", "cut.mp4"])
    def test_a_cut_file_is_read_only_when_allowed(self, tmp_path: Path, name: str) -> None:
        whole = tmp_path / f"whole_{name}"
        with av.open(whole, "w", container_options=_FAST_START if name.endswith("mp4") else {}) as out:
            clips.mux_pictures(out, Spec(frames=75))
        path = damaged.cut(whole, tmp_path / name)
        cause = _refusal(path)
        assert cause.startswith(f"{name}: the file is cut, 1.")
        assert cause.endswith(" s are missing")
        info = probe(path, allow_damaged=True)
        assert 30 <= len(info.timeline) < 60
        assert info.notes[0] == cause.removeprefix(f"{name}: ")

    def test_a_cut_fragmented_mp4(self, tmp_path: Path) -> None:
        whole = tmp_path / "whole.mp4"
        with av.open(whole, "w", container_options={"movflags": "frag_keyframe+empty_moov"}) as out:
            clips.mux_pictures(out, Spec(frames=60))
        path = damaged.cut(whole, tmp_path / "cut.mp4", keep=0.5)
        assert "frames are missing" in _refusal(path)
        assert 20 <= len(probe(path, allow_damaged=True).timeline) < 40

    def test_sound_that_ends_sooner_is_no_cut(self, tmp_path: Path) -> None:
        path = tracks.with_sound(tmp_path / "clip.mkv", spec=Spec(frames=75), audio_start=Fraction(2))
        assert len(probe(path).timeline) == 75

    def test_a_clip_with_trimmed_frames_is_no_cut(self, tmp_path: Path) -> None:
        assert len(probe(damaged.edit_list(tmp_path / "clip.mp4")).timeline) == 19

    def test_reading_a_pixel_format_that_no_plane_holds_names_the_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(name: str) -> None:
            raise InputError(f"pixel format {name} cannot be read", hint="convert the file")

        monkeypatch.setattr("vrinr_cli.video.probe.plane_format", refuse)
        path = clips.plain(tmp_path / "clip.mkv", frames=2)
        assert _refusal(path) == "clip.mkv: pixel format yuv420p cannot be read"


_FAST_START = {"movflags": "faststart"}


@pytest.mark.parametrize(("factor", "cause"), [(0.0, ""), (0.5, ""), (2.0, "the file is cut, 3.0 s are missing")])
def test_a_length_in_the_header_that_is_no_truth(tmp_path: Path, factor: float, cause: str) -> None:
    path = clips.plain(tmp_path / "clip.mkv", frames=75)
    content = path.read_bytes()
    length = b"\x44\x89\x88" + struct.pack(">d", 3000)
    assert length in content
    path.write_bytes(content.replace(length, b"\x44\x89\x88" + struct.pack(">d", factor * 3000)))
    info = probe(path, allow_damaged=True)
    assert len(info.timeline) == 75
    assert info.duration == 3
    assert [note for note in info.notes if "cut" in note] == ([cause] if cause else [])
    if cause:
        assert _refusal(path) == f"clip.mkv: {cause}"


def test_the_duration_runs_to_the_end_of_the_last_frame(tmp_path: Path) -> None:
    info = probe(clips.plain(tmp_path / "clip.mp4", rate=Fraction(30_000, 1001), frames=30))
    assert info.duration == Fraction(1001, 1000)
    assert replace(info, notes=()).duration == info.duration


def _refusal(path: Path) -> str:
    with pytest.raises(VrinrError) as caught:
        probe(path)
    assert isinstance(caught.value, InputError)
    assert caught.value.hint
    assert not str(caught.value).endswith(".")
    return str(caught.value)
