"""Picture files, read and written: samples and tags as another library has them; files that are not what they say."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from media import clips, stills
from vrinr_cli.errors import InputError, OptionError, TargetError
from vrinr_cli.frame import Family, Matrix, Range
from vrinr_cli.video.origin import is_made_by_vrinr
from vrinr_cli.video.pictures import exif, png
from vrinr_cli.video.pictures.content import LARGEST_PROFILE, PictureTags
from vrinr_cli.video.pictures.kinds import JPEG, KINDS, PNG, TIFF, WEBP, PictureKind, is_picture, kind_of_content
from vrinr_cli.video.pictures.numbered import numbers_of, pattern_of, row_of_source
from vrinr_cli.video.pictures.reading import StillPicture, decode_picture, read_picture
from vrinr_cli.video.pictures.turning import is_turned, matrix_of, orientation_of, upright
from vrinr_cli.video.pictures.writing import choose_picture_target, encode_picture, held_tags, losses
from vrinr_cli.video.pixels import plane_format
from vrinr_cli.video.tags import rotation_of

TAGS = PictureTags(icc=stills.profile(), exif=stills.exif().tobytes()[6:])


def rgba_of(still: StillPicture) -> np.ndarray:
    """8-bit RGBA of a picture of RGB or gray."""
    planes = still.planes * 3 if still.format.family is Family.GRAY else still.planes
    opaque = np.full(still.size, 255, np.uint8)
    return np.stack([*planes, still.alpha if still.alpha is not None else opaque], axis=-1)


def pictures_of_all_modes() -> list[tuple[str, Image.Image, dict[str, Any]]]:
    rgba = stills.image(stills.samples(channels=4))
    rgb = rgba.convert("RGB")
    modes = {mode: rgba.convert(mode) for mode in ("L", "LA", "RGB", "RGBA")} | {
        mode: rgb.convert(mode) for mode in ("P", "1")
    }
    found: list[tuple[str, Image.Image, dict[str, Any]]] = [("PNG", picture, {}) for picture in modes.values()]
    found += [("PNG", modes["P"], {"transparency": 3}), ("PNG", rgb, {"transparency": rgb.getpixel((0, 0))})]
    found += [("TIFF", picture, {}) for picture in modes.values()]
    found += [("TIFF", rgb, {"compression": way}) for way in ("tiff_lzw", "tiff_adobe_deflate", "packbits")]
    found += [("TIFF", modes["1"], {"compression": "group4"}), ("TIFF", rgb, {"exif": stills.exif()})]
    return [*found, ("WEBP", rgb, {"lossless": True}), ("WEBP", rgba, {"lossless": True, "exact": True})]


@pytest.mark.parametrize("place", range(len(pictures_of_all_modes())))
def test_samples_are_those_that_another_reader_finds(place: int) -> None:
    kind, picture, options = pictures_of_all_modes()[place]
    data = stills.encoded(picture, kind, **options)
    wanted = np.asarray(picture.convert("RGBA")).copy()
    if "transparency" in options and picture.mode == "RGB":
        wanted[..., 3] = np.where((wanted[..., :3] == options["transparency"]).all(axis=-1), 0, 255)
    elif "transparency" in options:
        wanted[..., 3] = np.where(np.asarray(picture) == options["transparency"], 0, 255)
    found = decode_picture(data)
    assert np.array_equal(rgba_of(found), wanted)
    assert (found.alpha is not None) == (picture.mode in ("LA", "RGBA") or "transparency" in options)
    assert found.format.family is (Family.GRAY if picture.mode in ("L", "LA", "1") else Family.RGB)
    assert found.color.range is Range.FULL


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_are_read_as_they_are(channels: int) -> None:
    array = stills.samples(channels=channels, deep=True)
    found = decode_picture(stills.png(array))
    colors = 1 if channels < 3 else 3
    assert found.format.depth == 16
    assert all(np.array_equal(plane, array[..., n]) for n, plane in enumerate(found.planes))
    assert len(found.planes) == colors
    if channels in (2, 4):
        assert found.alpha is not None
        assert np.array_equal(found.alpha, array[..., -1])


@pytest.mark.parametrize(("subsampling", "name"), [(0, "yuv444p"), (1, "yuv422p"), (2, "yuv420p")])
def test_a_jpeg_keeps_its_planes_and_full_range(subsampling: int, name: str) -> None:
    data = stills.encoded(stills.image(stills.samples()), "JPEG", subsampling=subsampling, progressive=True)
    found = decode_picture(data)
    assert (found.format.name, found.color.matrix, found.color.range) == (name, Matrix.SMPTE170M, Range.FULL)
    assert found.is_lossy


def test_lossy_webp_is_video_of_limited_range_with_alpha() -> None:
    found = decode_picture(stills.encoded(stills.image(stills.samples(channels=4)), "WEBP", quality=90))
    assert (found.format.name, found.color.range, found.is_lossy) == ("yuv420p", Range.LIMITED, True)
    assert found.alpha is not None
    assert np.array_equal(found.alpha, stills.samples(channels=4)[..., 3])


def test_colors_that_were_multiplied_by_alpha_are_divided_by_it() -> None:
    array = stills.samples(channels=4)
    array[..., 3] = np.maximum(array[..., 3], 128)
    multiplied = array.copy()
    multiplied[..., :3] = (array[..., :3].astype(int) * array[..., 3:] + 127) // 255
    plain = stills.encoded(stills.image(multiplied), "TIFF")
    assert np.array_equal(rgba_of(decode_picture(plain)), multiplied)
    extra_samples = struct.pack("<HHII", 338, 3, 1, 2)
    associated = plain.replace(extra_samples, struct.pack("<HHII", 338, 3, 1, 1))
    assert associated != plain
    found = rgba_of(decode_picture(associated)).astype(int)
    assert np.abs(found - array).max() <= 1


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
@pytest.mark.parametrize("name", ["gray", "gray16le", "gbrp", "gbrp16le"])
@pytest.mark.parametrize("has_alpha", [False, True])
def test_another_reader_finds_what_was_written(tmp_path: Path, kind: PictureKind, name: str, has_alpha: bool) -> None:
    form = plane_format(name)
    target = choose_picture_target(kind, form, (40, 56), has_alpha=has_alpha, is_lossy=False)
    array = stills.samples(channels=4, deep=target.format.depth == 16)
    planes = tuple(array[..., n].copy() for n in range(target.format.planes))
    alpha = array[..., 3].copy() if target.has_alpha else None
    content = encode_picture(target, planes, alpha, held_tags(target, TAGS))
    path = tmp_path / f"a{kind.endings[0]}"
    path.write_bytes(content)
    assert read_picture(path).tags.icc == TAGS.icc
    if target.pix_fmt == "ya16le":
        return  # Pillow has no such picture; `encode_picture` has read it again
    other = stills.seen_by_another(path)
    assert other.size == (56, 40)
    assert stills.profile_in(path) == TAGS.icc
    assert (stills.exif_in(path).get(0x010F) == "Maker") == (kind is not TIFF)
    if kind is JPEG:
        return  # its samples are YCbCr
    wide = planes * 3 if len(planes) == 1 else planes
    deep = target.format.depth == 16
    if deep and other.mode == "I;16":
        assert np.array_equal(np.asarray(other), planes[0])
        return
    eight = [plane >> 8 if deep else plane for plane in (*wide, *([alpha] if alpha is not None else []))]
    found = np.asarray(other.convert("RGBA" if has_alpha else "RGB"))
    seen = alpha > 0 if alpha is not None and kind is WEBP else np.ones((40, 56), bool)
    assert np.array_equal(found[seen], np.stack(eight, axis=-1)[seen])


def test_a_jpeg_looks_like_the_planes_that_were_given(tmp_path: Path) -> None:
    target = choose_picture_target(JPEG, plane_format("gray"), (40, 56), has_alpha=False, is_lossy=False)
    luma = stills.samples(channels=1)[..., 0].copy()
    middle = np.full_like(luma, 128)
    path = tmp_path / "a.jpg"
    path.write_bytes(encode_picture(target, (luma, middle, middle), None, PictureTags()))
    found = np.asarray(stills.seen_by_another(path).convert("RGB")).astype(int)
    assert np.abs(found - luma[..., None]).mean() < 1.0


class TestTags:
    @pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
    @pytest.mark.parametrize("tags", [PictureTags(), TAGS], ids=["nothing else", "camera and profile"])
    def test_what_made_a_file_is_told_to_another_reader(
        self, tmp_path: Path, kind: PictureKind, tags: PictureTags
    ) -> None:
        target = choose_picture_target(kind, plane_format("gbrp"), (8, 8), has_alpha=False, is_lossy=False)
        planes = tuple(np.full((8, 8), 128, np.uint8) for _ in range(target.format.planes))
        path = tmp_path / f"a{kind.endings[0]}"
        path.write_bytes(encode_picture(target, planes, None, held_tags(target, tags, software="vrinr 1.2, größe")))
        assert told_software(path, kind) == "vrinr 1.2, gr??e"
        found = read_picture(path).tags
        assert found.software == "vrinr 1.2, gr??e"
        assert (found.icc, bool(found.exif)) == (tags.icc, bool(tags.exif) and kind is not TIFF)
        assert is_made_by_vrinr(path)

    def test_a_camera_s_own_software_stays_in_its_exif(self, tmp_path: Path) -> None:
        camera = stills.exif()
        camera[0x0131] = "Firmware 3"
        target = choose_picture_target(WEBP, plane_format("gbrp"), (8, 8), has_alpha=False, is_lossy=False)
        tags = PictureTags(exif=camera.tobytes()[6:])
        planes = tuple(np.full((8, 8), 128, np.uint8) for _ in range(3))
        path = tmp_path / "a.webp"
        path.write_bytes(encode_picture(target, planes, None, held_tags(target, tags, software="vrinr 1.2")))
        assert stills.exif_in(path)[0x0131] == "Firmware 3"
        assert not is_made_by_vrinr(path)

    def test_long_profiles_are_whole_in_a_jpeg(self, tmp_path: Path) -> None:
        tags = PictureTags(icc=stills.profile() + bytes(200_000))
        target = choose_picture_target(JPEG, plane_format("gbrp"), (8, 8), has_alpha=False, is_lossy=False)
        planes = tuple(np.full((8, 8), 128, np.uint8) for _ in range(3))
        path = tmp_path / "a.jpg"
        path.write_bytes(encode_picture(target, planes, None, tags))
        assert stills.profile_in(path) == tags.icc == read_picture(path).tags.icc

    def test_a_profile_that_lacks_a_piece_is_left_out(self) -> None:
        data = stills.encoded(stills.image(stills.samples()), "JPEG", icc_profile=stills.profile() + bytes(100_000))
        second = data.index(b"ICC_PROFILE\0\x02") - 4
        length = struct.unpack_from(">H", data, second + 2)[0]
        found = decode_picture(data[:second] + data[second + 2 + length :])
        assert (found.tags.icc, found.notes) == (b"", ("its color profile is damaged and left out",))

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
    def test_upright_is_where_another_reader_turns_it(self, kind: str, orientation: int) -> None:
        picture = stills.image(stills.samples(channels=1))
        told = stills.encoded(picture, kind, exif=stills.exif(orientation))
        assert decode_picture(told).tags.orientation == orientation
        picture.getexif()[0x0112] = orientation
        wanted = np.asarray(ImageOps.exif_transpose(picture))
        assert np.array_equal(upright(np.asarray(picture), orientation), wanted)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_orientations_and_display_matrices_mean_the_same(self, orientation: int) -> None:
        matrix = matrix_of(orientation)
        assert orientation_of(matrix) == orientation
        assert is_turned(orientation) == (rotation_of(matrix) in (90, 270))

    def test_exif_of_an_upright_picture_says_so_and_keeps_the_rest(self) -> None:
        told = exif.made_upright(stills.exif(6).tobytes()[6:], (80, 112))
        found = Image.Exif()
        found.load(b"Exif\0\0" + told)
        assert (found[0x0112], found[0x010F], found.get_ifd(0x8769)[0xA002]) == (1, "Maker", 112)

    def test_exif_loses_the_thumbnail_that_would_be_of_another_picture(self) -> None:
        entry = struct.pack("<HHII", 0x0112, 3, 1, 6)
        with_thumbnail = b"II*\0\x08\0\0\0\x01\0" + entry + struct.pack("<I", 26) + b"\x01\0" + entry + bytes(4)
        assert exif.orientation_of(with_thumbnail) == 6
        told = exif.made_upright(with_thumbnail, (4, 4))
        assert told[22:26] == bytes(4)
        assert exif.orientation_of(told) == 1

    @given(data=st.binary(max_size=80), place=st.integers(0, 40), order=st.sampled_from([b"II*\0", b"MM\0*"]))
    def test_exif_of_any_bytes_ends_well(self, data: bytes, place: int, order: bytes) -> None:
        whole = order + struct.pack("<I" if order[:1] == b"I" else ">I", place) + data
        assert 1 <= exif.orientation_of(whole) <= 8
        assert len(exif.made_upright(whole, (9, 9))) in (0, len(whole))

    def test_a_gray_profile_does_not_go_into_a_picture_of_colors(self) -> None:
        tags = PictureTags(icc=stills.profile(b"GRAY"))
        for kind in KINDS:
            target = choose_picture_target(kind, plane_format("gray"), (8, 8), has_alpha=False, is_lossy=False)
            is_kept = kind in (PNG, TIFF)
            assert bool(held_tags(target, tags).icc) == is_kept
            assert bool(losses(target, plane_format("gray"), tags, has_alpha=False)) != is_kept

    def test_png_chunks_about_color_stay_in_png_and_are_missed_elsewhere(self) -> None:
        gamma = stills.chunk(b"gAMA", (100_000).to_bytes(4, "big"))
        found = decode_picture(stills.png(stills.samples(), extra=gamma))
        assert found.tags.png_color == ((b"gAMA", (100_000).to_bytes(4, "big")),)
        for kind in (PNG, WEBP):
            target = choose_picture_target(kind, found.format, found.size, has_alpha=False, is_lossy=False)
            told = losses(target, found.format, found.tags, has_alpha=False)
            assert ("sRGB" in "".join(told)) == (kind is WEBP)
        target = choose_picture_target(PNG, found.format, found.size, has_alpha=False, is_lossy=False)
        written = encode_picture(target, found.planes, None, held_tags(target, found.tags))
        assert gamma in written


class TestRefusals:
    def animated_webp(self) -> bytes:
        first = stills.image(stills.samples())
        return stills.encoded(first, "WEBP", save_all=True, append_images=[first.rotate(180)])

    @pytest.mark.parametrize(
        ("kind", "mode", "options", "said"),
        [
            ("JPEG", "CMYK", {}, "this JPEG has four colors (CMYK)"),
            ("TIFF", "CMYK", {}, "this TIFF has four colors (CMYK)"),
            ("TIFF", "LAB", {}, "this TIFF is CIELAB"),
            ("TIFF", "F", {}, "this TIFF has floating-point or signed samples"),
            ("TIFF", "RGB", {"compression": "jpeg"}, "this TIFF holds a JPEG"),
            ("TIFF", "RGB", {"big_tiff": True}, "this TIFF is BigTIFF"),
            ("TIFF", "RGB", {"tiffinfo": {50706: (1, 4, 0, 0)}}, "this TIFF is a camera's raw file"),
        ],
    )
    def test_kinds_that_are_rare_are_named(self, kind: str, mode: str, options: dict[str, Any], said: str) -> None:
        data = stills.encoded(stills.image(stills.samples()).convert(mode), kind, **options)
        with pytest.raises(InputError) as caught:
            decode_picture(data)
        assert str(caught.value) == f"{said}; vrinr does not read such"

    def test_an_animation_is_named(self) -> None:
        with pytest.raises(InputError, match="this WebP is animated"):
            decode_picture(self.animated_webp())

    def test_a_size_that_is_too_large_is_refused_before_anything_is_decoded(self) -> None:
        with pytest.raises(InputError, match="its picture is 60000x60000, too large"):
            decode_picture(stills.png(stills.samples(), size=(60000, 60000)))

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
    @pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
    def test_a_cut_file_is_told(self, kind: str, share: float) -> None:
        data = stills.encoded(stills.image(stills.samples()), kind)
        with pytest.raises(InputError, match=r"cut|damaged|not a picture"):
            decode_picture(data[: int(len(data) * share)])

    @pytest.mark.parametrize("kind", ["PNG", "JPEG"])
    def test_where_it_is_allowed_what_is_there_is_taken_with_a_note(self, kind: str) -> None:
        data = stills.encoded(stills.image(stills.samples((128, 128))), kind)
        found = decode_picture(data[: len(data) * 2 // 3], allow_damaged=True)
        assert found.size == (128, 128)
        assert found.notes == ("it is damaged; what could be decoded is taken",)

    def test_a_flipped_bit_in_a_png_is_found(self) -> None:
        data = bytearray(stills.png(stills.samples()))
        data[data.index(b"IDAT") + 60] ^= 4
        with pytest.raises(InputError, match="damaged"):
            decode_picture(bytes(data))

    def test_a_missing_file_is_wrong_use(self, tmp_path: Path) -> None:
        with pytest.raises(OptionError, match=r"^a\.png: no such file$"):
            read_picture(tmp_path / "a.png")

    def test_kinds_have_largest_sizes(self) -> None:
        for kind, size in ((WEBP, (1, 16384)), (JPEG, (65501, 1)), (PNG, (16384, 16384))):
            with pytest.raises(TargetError, match="larger than"):
                choose_picture_target(kind, plane_format("gbrp"), size, has_alpha=False, is_lossy=False)


class TestBombs:
    def test_a_profile_that_unpacks_to_too_much_is_left_out(self) -> None:
        packed = zlib.compress(bytes(LARGEST_PROFILE * 4))
        extra = stills.chunk(b"iCCP", b"x\0\0" + packed)
        found = decode_picture(stills.png(stills.samples(), extra=extra))
        assert (found.tags.icc, found.notes) == (b"", ("its color profile is damaged and left out",))

    def test_texts_never_reach_the_decoder(self) -> None:
        extra = stills.chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(1 << 20))) + stills.chunk(b"tEXt", b"x\0y")
        content = png.read(stills.png(stills.samples(), extra=extra))
        assert b"zTXt" not in content.encoded
        assert b"tEXt" not in content.encoded


def seeds() -> list[bytes]:
    picture = stills.image(stills.samples((17, 23), channels=4))
    rgb, tags = picture.convert("RGB"), {"exif": stills.exif(6), "icc_profile": stills.profile()}
    return [
        stills.encoded(picture, "PNG", **tags),
        stills.encoded(rgb.convert("P"), "PNG", transparency=1),
        stills.encoded(rgb, "JPEG", **tags),
        stills.encoded(picture, "WEBP", **tags),
        stills.encoded(picture, "WEBP", lossless=True),
        stills.encoded(picture, "TIFF", **tags),
        stills.encoded(rgb, "TIFF", compression="tiff_lzw"),
    ]


SEEDS = seeds()


@given(
    number=st.integers(0, len(SEEDS) - 1),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6),
    kept=st.floats(0.02, 1),
    allow_damaged=st.booleans(),
)
@example(number=0, changes=[], kept=1.0, allow_damaged=False)
def test_mutated_files_are_read_or_refused_in_one_line(
    number: int, changes: list[tuple[float, int]], kept: float, allow_damaged: bool
) -> None:
    data = bytearray(SEEDS[number])
    for share, value in changes:
        data[int(share * (len(data) - 1))] = value
    cut = bytes(data[: max(int(len(data) * kept), 1)])
    try:
        found = decode_picture(cut, allow_damaged=allow_damaged)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either outcome is right
        return
    assert all(plane.size for plane in found.planes)
    target = choose_picture_target(PNG, plane_format("gray"), found.size, has_alpha=False, is_lossy=False)
    assert held_tags(target, found.tags).orientation == 1


class TestKindOfFile:
    def test_content_decides_and_not_the_name(self, tmp_path: Path) -> None:
        path = tmp_path / "movie.mp4"
        path.write_bytes(stills.png(stills.samples()))
        assert is_picture(path)
        assert not is_picture(clips.plain(tmp_path / "still.png.mp4", frames=2))
        assert not is_picture(tmp_path)
        assert not is_picture(tmp_path / "nothing.png")
        assert kind_of_content(b"text") is None

    def test_moving_pictures_are_videos(self, tmp_path: Path) -> None:
        first = stills.image(stills.samples())
        others = [first.rotate(180), first.rotate(90)]
        moving = stills.encoded(first, "PNG", save_all=True, append_images=others)
        (tmp_path / "a.png").write_bytes(moving)
        jpeg = stills.encoded(first, "JPEG")
        (tmp_path / "a.jpg").write_bytes(jpeg * 3)
        (tmp_path / "b.jpg").write_bytes(jpeg)
        assert [is_picture(tmp_path / name) for name in ("a.png", "a.jpg", "b.jpg")] == [False, False, True]


class TestNumbers:
    @given(digits=st.integers(0, 9), number=st.integers(0, 10**9), head=st.sampled_from(["", "a", "1", "frame-"]))
    def test_a_name_is_read_as_it_is_written(self, digits: int, number: int, head: str) -> None:
        place = f"%0{digits}d" if digits else "%d"
        pattern = pattern_of(Path("folder") / f"{head}{place}.png")
        assert pattern is not None
        assert pattern.number_in(pattern.file(number).name) == number
        assert pattern.number_in(f"{pattern.file(number).name}x") is None

    def test_names_without_a_place_or_with_two_mean_one_file(self) -> None:
        assert [pattern_of(Path(name)) for name in ("a.png", "%s.png", "%03d-%03d.png", "%d/a.png")] == [None] * 4

    def test_a_file_of_just_this_name_is_itself(self, tmp_path: Path) -> None:
        assert row_of_source(tmp_path / "%03d.png") is not None
        (tmp_path / "%03d.png").write_bytes(b"x")
        assert row_of_source(tmp_path / "%03d.png") is None

    def test_a_gap_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "%03d.png"
        pattern = pattern_of(path)
        assert pattern is not None
        with pytest.raises(OptionError, match="no such files"):
            numbers_of(path, pattern)
        for number in (8, 9, 10, 1000):
            pattern.file(number).write_bytes(b"")
        with pytest.raises(OptionError, match=r"011\.png: is missing, numbers go from 8 to 1000"):
            numbers_of(path, pattern)
        pattern.file(1000).unlink()
        (tmp_path / "0011.png").write_bytes(b"")  # of another width
        assert numbers_of(path, pattern) == range(8, 11)


def told_software(path: Path, kind: PictureKind) -> str:
    """What Pillow says made a file."""
    with Image.open(path) as picture:
        if kind is PNG:
            return str(picture.info["Software"])
        if kind is JPEG:
            return bytes(picture.info["comment"]).decode()
        return str(picture.getexif()[0x0131])
