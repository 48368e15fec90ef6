"""Words on pictures: masks of text, the sheet that shows two pictures side by side, and labels on a video's planes."""

import io
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vrinr_cli.engine.color import plane_range
from vrinr_cli.errors import printable
from vrinr_cli.frame import ColorSpec, Plane, PlaneFormat
from vrinr_cli.jobs.spot import Pixels, Window

FONT_PX = 16
LINE_PX = 26
"""Height of a line of words."""
PAD_PX = 8
LEAST_CELL = 400
"""Width that each of two pictures gets at least, so that its words have room."""
BACKGROUND, WORDS, SOFT, FRAME = (24, 26, 29), (236, 238, 240), (165, 172, 180), (255, 196, 0)
DARK, LIGHT, LIGHT_HDR = 0.06, 0.92, 0.58
"""Luma of a label on a video; white in HDR would dazzle."""
HDR_TRANSFERS = (16, 18)
"""PQ and HLG: H.273, table 3."""


@dataclass(frozen=True, slots=True)
class SheetWords:
    """What a sheet says."""

    title: str
    before: str
    after: str
    crop: str


def sheet(before: Pixels, after: Pixels, crop: Window, words: SheetWords) -> Pixels:
    """Two pictures side by side with a crop of each below, magnified by a whole factor; (H, W, 3) uint8.

    Args:
        before: the left picture.
        after: the right one, of the same size.
        crop: part of both, framed in both.
        words: lines above them.
    """
    height, width = before.shape[:2]
    cell = max(width, LEAST_CELL)
    factor = magnification(crop, cell)
    tall, wide = crop.height * factor, crop.width * factor
    rows = [LINE_PX, LINE_PX, height, LINE_PX, tall + PAD_PX]
    canvas = Image.new("RGB", (2 * cell + 3 * PAD_PX, sum(rows)), BACKGROUND)
    pen = ImageDraw.Draw(canvas)
    lines = np.cumsum(rows)
    _write(pen, (PAD_PX, 0), words.title, 2 * cell + PAD_PX, SOFT)
    _write(pen, (PAD_PX, int(lines[2])), words.crop, 2 * cell + PAD_PX, SOFT)
    for number, (picture, caption) in enumerate(((before, words.before), (after, words.after))):
        left = PAD_PX + number * (cell + PAD_PX)
        _write(pen, (left, int(lines[0])), caption, cell, WORDS)
        framed = Image.fromarray(np.ascontiguousarray(picture))
        edges = (crop.left - 1, crop.top - 1, crop.right, crop.bottom)
        ImageDraw.Draw(framed).rectangle(edges, outline=FRAME)
        canvas.paste(framed, (left + (cell - width) // 2, int(lines[1])))
        part = Image.fromarray(np.ascontiguousarray(crop.of(picture))).resize((wide, tall), Image.Resampling.NEAREST)
        canvas.paste(part, (left + (cell - wide) // 2, int(lines[3])))
    return np.asarray(canvas)


def magnification(crop: Window, cell: int) -> int:
    """The whole factor by which a crop fills a cell's width."""
    return max(cell // crop.width, 1)


def png(picture: Pixels) -> bytes:
    """The picture as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


class SplitLabels:
    """Draws a dividing line and two labels on the planes of a video's frames, as shown."""

    def __init__(self, format_: PlaneFormat, color: ColorSpec, left: str, right: str) -> None:
        """Make the labels.

        Args:
            format_: of the planes.
            color: what their codes mean.
            left: what the left part shows.
            right: what the right part shows.
        """
        self.words = (left, right)
        self.format = format_
        white = LIGHT_HDR if color.transfer in HDR_TRANSFERS else LIGHT
        self.dark, self.light = (
            tuple(_code(format_, color, plane, value) for plane in range(format_.planes)) for value in (DARK, white)
        )

    def draw(self, planes: tuple[Plane, ...], middle: int) -> tuple[Plane, ...]:
        """The planes, writable and as shown, with a line before luma column `middle`."""
        size = (planes[0].shape[0], planes[0].shape[1])
        for number, plane in enumerate(planes):
            line = _on_plane(Window(0, middle - 1, size[0], 2), size, plane)
            line.of(plane)[...] = self.light[number]
        for left, room, text in ((0, middle - 1, self.words[0]), (middle + 1, size[1] - middle - 1, self.words[1])):
            box = Window(0, left, min(LINE_PX, size[0]), room)
            self._label(planes, size, box, text)
        return planes

    def _label(self, planes: tuple[Plane, ...], size: tuple[int, int], box: Window, text: str) -> None:
        mask = _mask(text, box.width)[: box.height]
        place = Window(box.top, box.left, *mask.shape)
        for number, plane in enumerate(planes):
            part = _on_plane(place, size, plane)
            small = np.asarray(Image.fromarray(mask).resize((part.width, part.height), Image.Resampling.BOX)) / 255.0
            mixed = self.dark[number] + small * (self.light[number] - self.dark[number])
            part.of(plane)[...] = np.rint(mixed).astype(plane.dtype)


def _on_plane(window: Window, size: tuple[int, int], plane: Plane) -> Window:
    """A window of the picture in one of its planes; at least a sample."""
    rows, columns = (-(-whole // part) for whole, part in zip(size, plane.shape, strict=True))
    top, left = window.top // rows, window.left // columns
    return Window(top, left, max(-(-window.bottom // rows) - top, 1), max(-(-window.right // columns) - left, 1))


def _code(format_: PlaneFormat, color: ColorSpec, plane: int, luma: float) -> int:
    """A gray's code in one plane: chroma is in the middle."""
    zero, span = plane_range(format_, color, plane)
    is_chroma = plane_range(format_, color, 0) != (zero, span)
    return round(zero + (0.0 if is_chroma else luma) * span)


@cache
def _mask(text: str, room: int) -> NDArray[np.uint8]:
    """A label as coverage 0 to 255, (LINE_PX, width)."""
    fitted = _fitted(text, room - 2 * PAD_PX)
    width = min(round(_font().getlength(fitted)) + 2 * PAD_PX, max(room, 1))
    drawn = Image.new("L", (width, LINE_PX), 0)
    ImageDraw.Draw(drawn).text((PAD_PX, LINE_PX // 2), fitted, fill=255, font=_font(), anchor="lm")
    return np.asarray(drawn)


def _write(pen: ImageDraw.ImageDraw, place: tuple[int, int], text: str, room: int, color: tuple[int, int, int]) -> None:
    left, top = place
    pen.text((left, top + LINE_PX // 2), _fitted(text, room), fill=color, font=_font(), anchor="lm")


def _fitted(text: str, room: int) -> str:
    """The text on one line, cut where there is no more room."""
    text = printable(text)[: max(room, 0) // 2]  # no letter is narrower than 2 px: long names are measured once
    if _font().getlength(text) <= room:
        return text
    while text and _font().getlength(text + "...") > room:
        text = text[:-1]
    return text + "..." if text else ""


@cache
def _font() -> ImageFont.FreeTypeFont:
    """Pillow's own, so that a picture is the same on every machine."""
    font = ImageFont.load_default(FONT_PX)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("this Pillow has no FreeType")
    return font
