"""A frame that is unlike the first one of its source is told by its number, from a file and from a pipe alike."""

from dataclasses import replace
from pathlib import Path

import av
import pytest

from media import clips
from vrinr_cli.errors import InputError
from vrinr_cli.video.piped import STDIN
from vrinr_cli.video.probe import probe
from vrinr_cli.video.uniform import planes_like_first


@pytest.mark.parametrize("path", [Path("in.mkv"), STDIN])
def test_another_size_or_format_is_told(tmp_path: Path, path: Path) -> None:
    info = replace(probe(clips.plain(tmp_path / "in.mkv", frames=2, size=(48, 64))), path=path)
    assert [plane.shape for plane in planes_like_first(av.VideoFrame(64, 48, "yuv420p"), 0, info, size_hint="")] == [
        (48, 64),
        (24, 32),
        (24, 32),
    ]
    with pytest.raises(InputError, match=rf"^{path}: frame 7 is 48x64, the video began with 64x48$") as told:
        planes_like_first(av.VideoFrame(48, 64, "yuv420p"), 7, info, size_hint="split it")
    assert told.value.hint == "split it"
    with pytest.raises(InputError, match=rf"^{path}: frame 7: pixel format is gray, the video began with yuv420p$"):
        planes_like_first(av.VideoFrame(64, 48, "gray"), 7, info, size_hint="split it")
