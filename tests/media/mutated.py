"""Files with something wrong in them: bytes flipped, tails cut, MP4 boxes and Matroska elements mixed up.

Every mutation follows from its seed alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import av

from media import clips, tracks
from media.clips import Spec

Grammar = Callable[[bytes], "list[Element]"]
"""Finds all elements of a file, those inside others too."""

_BOXES_WITH_BOXES = b"moov trak mdia minf stbl edts udta dinf mvex moof traf ilst".split()
_EBML_WITH_ELEMENTS = {
    *(0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE, 0xE0, 0xE1, 0xA0, 0x1C53BB6B, 0xBB, 0xB7, 0x114D9B74, 0x4DBB),
    *(0x1254C367, 0x7373, 0x1043A770, 0x45B9, 0x1941A469, 0x61A7, 0x1549A966),
}
"""Segment, Cluster, Tracks, TrackEntry, Video, Audio, BlockGroup, Cues and its parts, SeekHead, Tags, Chapters ..."""


@dataclass(frozen=True, slots=True)
class Element:
    """A box or an element: its name, its size, its content."""

    start: int
    size_at: int
    """Where the bytes of its size are."""
    size_bytes: int
    content: int
    """Where its content begins."""
    stop: int
    parent: int
    """Start of the element around it, -1 outside all."""


def sources(folder: Path) -> list[tuple[Path, Grammar | None]]:
    """Whole files of the common kinds, small, and how their elements are found."""
    spec = Spec(size=(32, 48), frames=12, gop=6)
    return [
        (tracks.rich_mp4(folder / "rich.mp4", spec=spec), boxes),
        (_fragmented(folder / "fragments.mp4", spec), boxes),
        (tracks.rich_mkv(folder / "rich.mkv", spec=spec), elements),
        (clips.from_spec(folder / "vp9.webm", Spec(size=(32, 48), frames=8, codec="libvpx-vp9")), elements),
        (clips.vfr(folder / "ten.mkv", frames=8, codec="ffv1"), elements),
        (clips.from_spec(folder / "hevc.mp4", Spec(frames=8, codec="libx265")), boxes),
        (tracks.transport(folder / "in.ts", spec=spec), None),
        (clips.plain(folder / "in.avi", size=(32, 48), frames=12, codec="mpeg4"), None),
    ]


def mutated(content: bytes, grammar: Grammar | None, seed: str) -> tuple[bytes, str]:
    """The content with one to three things wrong, and what they are."""
    random = Random(seed)  # noqa: S311 - no secret
    done = []
    for _ in range(random.choice((1, 1, 2, 3))):
        found = grammar(content) if grammar is not None else []
        ways = (_flip, _flip, _cut) + ((_swap, _resize, _resize, _drop, _repeat, _renumber) if found else ())
        way = random.choice(ways)
        content = way(content, found, random)
        done.append(way.__name__.lstrip("_"))
    return content, " ".join(done)


def boxes(content: bytes) -> list[Element]:
    """Boxes of an MP4."""
    return list(_boxes(content, 0, len(content), -1))


def elements(content: bytes) -> list[Element]:
    """Elements of a Matroska file."""
    return list(_elements(content, 0, len(content), -1))


def _fragmented(path: Path, spec: Spec) -> Path:
    with av.open(path, "w", container_options={"movflags": "frag_keyframe+empty_moov"}) as out:
        clips.mux_pictures(out, spec)
    return path


def _boxes(content: bytes, start: int, stop: int, parent: int) -> Iterator[Element]:
    while start + 8 <= stop:
        size = int.from_bytes(content[start : start + 4], "big")
        if not 8 <= size <= stop - start:
            return
        yield Element(start, start, 4, start + 8, start + size, parent)
        if content[start + 4 : start + 8] in _BOXES_WITH_BOXES:
            yield from _boxes(content, start + 8, start + size, start)
        start += size


def _elements(content: bytes, start: int, stop: int, parent: int) -> Iterator[Element]:
    while start + 2 <= stop:
        name_bytes = 9 - content[start].bit_length()
        size_at = start + name_bytes
        if name_bytes > 4 or size_at >= stop or not content[size_at]:
            return
        size_bytes = 9 - content[size_at].bit_length()
        inside = size_at + size_bytes
        size = int.from_bytes(content[size_at:inside], "big") & ((1 << 7 * size_bytes) - 1)
        if size > stop - inside:
            return
        yield Element(start, size_at, size_bytes, inside, inside + size, parent)
        if int.from_bytes(content[start:size_at], "big") in _EBML_WITH_ELEMENTS:
            yield from _elements(content, inside, inside + size, start)
        start = inside + size


def _flip(content: bytes, _: list[Element], random: Random) -> bytes:
    """Some bits, half of the time where headers and indexes are."""
    changed = bytearray(content)
    for _number in range(random.choice((1, 2, 5, 20))):
        edge = min(2000, len(content))
        place = random.choice((random.randrange(len(content)), random.randrange(edge), -1 - random.randrange(edge)))
        changed[place] ^= 1 << random.randrange(8)
    return bytes(changed)


def _cut(content: bytes, _: list[Element], random: Random) -> bytes:
    return content[: random.randrange(1, len(content) + 1)]


def _swap(content: bytes, found: list[Element], random: Random) -> bytes:
    """Two elements that stand in the same one change places."""
    one = random.choice(found)
    other = random.choice([element for element in found if element.parent == one.parent])
    first, last = sorted((one, other), key=lambda element: element.start)
    if first is last:
        return content
    between = content[first.stop : last.start]
    moved = content[last.start : last.stop] + between + content[first.start : first.stop]
    return content[: first.start] + moved + content[last.stop :]


def _resize(content: bytes, found: list[Element], random: Random) -> bytes:
    """An element says another size than it has."""
    element = random.choice(found)
    end = element.size_at + element.size_bytes
    size = int.from_bytes(content[element.size_at : end], "big")
    most = (1 << 8 * element.size_bytes) - 1
    wrong = random.choice((0, 1, 7, most, most // 2, size - 1, size + 1, size // 2, size * 2, random.randrange(most)))
    return content[: element.size_at] + min(max(wrong, 0), most).to_bytes(element.size_bytes, "big") + content[end:]


def _drop(content: bytes, found: list[Element], random: Random) -> bytes:
    element = random.choice(found)
    return content[: element.start] + content[element.stop :]


def _repeat(content: bytes, found: list[Element], random: Random) -> bytes:
    element = random.choice(found)
    return content[: element.stop] + content[element.start : element.stop] + content[element.stop :]


def _renumber(content: bytes, found: list[Element], random: Random) -> bytes:
    """A number of one to four bytes inside an element becomes an extreme one, or any."""
    element = random.choice([element for element in found if element.stop > element.content] or found)
    length = random.choice((1, 2, 4))
    place = random.randrange(element.content, max(element.stop, element.content + 1))
    most = (1 << 8 * length) - 1
    number = random.choice((0, 1, most, most // 2, most // 2 + 1, random.randrange(most)))
    return content[:place] + number.to_bytes(length, "big") + content[place + length :]
