"""The files of a row of pictures, from the chunks of a finished job.

A job that writes pictures makes its chunks as every job does, in FFV1, which loses nothing. When all are there each
frame becomes a file, which gets its name in one step. After a stop the files that are there already are compared and
let be.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from vrinr_cli.engine.device import Compute
from vrinr_cli.engine.engine import Engine, Geometry
from vrinr_cli.errors import EncodeError, OptionError, TargetError, VerifyError, printable
from vrinr_cli.frame import Frame
from vrinr_cli.jobs.folder import JobFolder
from vrinr_cli.jobs.plan import Plan, made_words
from vrinr_cli.jobs.row import has_other_colors, row_of_output, row_target
from vrinr_cli.video.files import cause_of, open_written, sync_file
from vrinr_cli.video.pictures import png
from vrinr_cli.video.pictures.content import PictureTags
from vrinr_cli.video.pictures.numbered import row_of_source
from vrinr_cli.video.pictures.sequence import tags_of
from vrinr_cli.video.pictures.turning import orientation_of, upright
from vrinr_cli.video.pictures.writing import PictureTarget, encode_picture, held_tags
from vrinr_cli.video.pixels import planes_of


def files_of(plan: Plan, output: Path) -> list[Path]:
    """The picture files that a plan will make."""
    pattern, first = row_of_output(output), plan.first_number
    if first is None:
        raise ValueError("a plan of no row of pictures")
    return [pattern.file(number) for number in range(first, first + plan.frames)]


def check_row(plan: Plan, output: Path, *, overwrite: bool, has_work: bool) -> None:
    """See that no picture of the source, nor any other without being asked, would be replaced.

    Args:
        plan: the job.
        output: its row.
        overwrite: whether existing files may be replaced.
        has_work: whether an earlier run of the job may have made some.

    Raises:
        OptionError: a file of the source.
        TargetError: an existing file, or a size that such files do not have.
    """
    row_target(plan.target, plan.source, output)
    files = files_of(plan, output)
    taken = _names(output.parent)
    there = [file for file in files if file.name in taken]
    row = row_of_source(plan.source.path)
    if row is not None and row.folder == output.parent:
        own = {row.file((plan.source.first_number or 0) + index).name for index in range(len(plan.source.timeline))}
        if any(file.name in own for file in there):
            raise OptionError(f"{printable(output.name)}: is the source itself", hint="choose another output")
    if there and not (overwrite or has_work):
        raise TargetError(f"{printable(str(there[0]))}: exists already", hint="use -y to replace it")


def write_pictures(
    plan: Plan, chunks: Sequence[Path], folder: JobFolder, *, overwrite: bool, on_picture: Callable[[], object]
) -> int:
    """Make every file of the row.

    Args:
        plan: the job.
        chunks: its chunk files, in order.
        folder: of the job, locked.
        overwrite: whether existing files are replaced.
        on_picture: called for each picture that is written.

    Returns:
        Bytes of all files.

    Raises:
        TargetError: an existing file that is not what would be written, and is not to be replaced.
        EncodeError: FFmpeg or the disk fails.
        VerifyError: a file or a chunk is not what was given. In every case finished files stay.
    """
    target = row_target(plan.target, plan.source, folder.target)
    converter = _converter(plan, target)
    total = 0
    files = files_of(plan, folder.target)
    for index, (file, frame) in enumerate(zip(files, _frames(plan, chunks), strict=True)):
        planes = next(iter(converter.restore([frame], range(index, index + 1)))).planes
        turn = orientation_of(plan.source.display_matrix)
        alpha = upright(frame.planes[-1], turn) if target.has_alpha else None
        tags = held_tags(target, _tags(plan, plan.first + index), software=made_words(plan.method, plan.weights))
        content = encode_picture(target, tuple(upright(plane, turn) for plane in planes), alpha, tags)
        total += len(content)
        _publish(folder, file, content, overwrite=overwrite)
        on_picture()
    return total


def _publish(folder: JobFolder, file: Path, content: bytes, *, overwrite: bool) -> None:
    """Give one file its name, unless it is there from an earlier run."""
    if _holds(file, content):
        return
    path = folder.result_path
    try:
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        sync_file(path)
    except OSError as error:
        raise EncodeError(f"{printable(file.name)}: {cause_of(error)}", hint="see that the disk has space") from error
    folder.publish(overwrite=overwrite, name=file)


def _holds(file: Path, content: bytes) -> bool:
    try:
        return not file.is_symlink() and file.stat().st_size == len(content) and file.read_bytes() == content
    except OSError:
        return False


def _converter(plan: Plan, target: PictureTarget) -> Engine:
    """From the chunks' planes to those of the files, at the same size."""
    source, size = plan.target, plan.target.size
    geometry = Geometry(source.format, source.color, size, target.format, target.color, size)
    return Engine(None, geometry, Compute(torch.device("cpu"), torch.float32), method="bicubic")


def _frames(plan: Plan, chunks: Sequence[Path]) -> Iterator[Frame]:
    """The chunks' frames in order, numbered from 0."""
    index, line = 0, plan.source.timeline
    for chunk, path in zip(plan.chunks, chunks, strict=True):
        before = index
        with open_written(path) as file:
            for picture in file.decode(video=0):
                planes = planes_of(picture, plan.target.format)
                place = plan.first + index
                yield Frame(index, planes, plan.target.format, plan.target.color, line.pts[place], 1, line.time_base)
                index += 1
        if index - before != chunk.frames:
            raise VerifyError(
                f"{path.name}: {index - before} frames, {chunk.frames} are wanted", hint="run the same command again"
            )


def _tags(plan: Plan, index: int) -> PictureTags:
    """What the source says of a frame, in the words of picture files."""
    source = plan.source
    if source.first_number is not None:
        return tags_of(source, index)
    if has_other_colors(source):
        return PictureTags(png_color=(png.coding_points(source.color.primaries, source.color.transfer),))
    return PictureTags()


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()
