from pathlib import Path

import av
import pytest

from media import clips, damaged
from media.clips import Spec
from vrinr_cli.video.origin import MARK, is_made_by_vrinr


def with_comment(path: Path, comment: str) -> Path:
    with av.open(path, "w") as out:
        out.metadata["comment"] = comment
        clips.mux_pictures(out, Spec(frames=2))
    return path


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
def test_a_comment_says_who_made_it(tmp_path: Path, ending: str) -> None:
    spec = Spec(frames=2, codec="libvpx-vp9") if ending == ".webm" else Spec(frames=2)
    path = tmp_path / f"a{ending}"
    with av.open(path, "w") as out:
        out.metadata["comment"] = f"{MARK}1.2, bicubic"
        clips.mux_pictures(out, spec)
    assert is_made_by_vrinr(path)


def test_other_files_are_not_ours(tmp_path: Path) -> None:
    assert not is_made_by_vrinr(with_comment(tmp_path / "a.mp4", "made with vrinr 1.2"))
    assert not is_made_by_vrinr(clips.plain(tmp_path / "b.mkv", frames=2))
    assert not is_made_by_vrinr(damaged.text(tmp_path / "c.mp4"))
    assert not is_made_by_vrinr(tmp_path / "nosuch.mp4")
