"""Whether an output is there already, for `--skip-existing`. Names tell it: none is given before its time."""

from pathlib import Path

from vrinr_cli.errors import VrinrError
from vrinr_cli.jobs.folder import JobFolder
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.plan import as_read
from vrinr_cli.jobs.row import first_number, is_row_name, probe_any, row_of_output
from vrinr_cli.jobs.times import chosen_frames


def is_finished(source: Path, output: Path, options: UpscaleOptions) -> bool:
    """Whether a file is there; of a row of pictures every one, and no work of a stopped job beside them.

    A row of which only some are there is not finished: the job goes on if it is its own work, else it refuses.

    Args:
        source: the video or row to read; one that cannot be read has no finished row.
        output: the file, or the row.
        options: what was asked; for a row they say how many pictures there are.
    """
    if not is_row_name(output):
        return output.is_file()
    if JobFolder(output).has_work:
        return False
    try:
        return all(file.is_file() for file in _wanted(source, output, options))
    except VrinrError:
        return False


def _wanted(source: Path, output: Path, options: UpscaleOptions) -> list[Path]:
    """Every file of a row, without the rest of a plan."""
    info = as_read(probe_any(source, options, is_row_written=True), options)
    first, stop = chosen_frames(info.timeline, options.start, options.end, options.frames)
    number, pattern = first_number(info, options, first), row_of_output(output)
    return [pattern.file(number + place) for place in range(stop - first)]
