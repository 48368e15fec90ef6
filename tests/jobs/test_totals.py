from pathlib import Path
from typing import cast

from vrinr_cli.jobs.forecast import Forecast
from vrinr_cli.jobs.totals import Totals, total

FORECAST = Forecast(
    source=Path("/a/in.mkv"),
    output=Path("/a/out.mkv"),
    container="Matroska",
    source_size=(48, 64),
    target_size=(96, 128),
    frames=100,
    done=30,
    seconds=4.0,
    chunks=1,
    chunk_frames=100,
    codec="h264",
    encoder="libx264",
    pix_fmt="yuv420p",
    streams=(),
    method="bicubic",
    weights="",
    weights_digest="",
    device="cpu fp32",
    tile=0,
    tiles=1,
    memory=1,
    memory_free=2,
    output_bytes=10,
    disk_needed=25,
    disk_free=100,
    enough_disk=True,
    trial_frames=4,
    trial_share=1.0,
    fps=1.0,
    work_seconds=70.0,
    notes=(),
)


def plans(folder: Path, *needs: tuple[int, int], free: int) -> list[Forecast]:
    """Plans by the bytes of their output and the bytes that are needed meanwhile."""
    kept = {name: getattr(FORECAST, name) for name in Forecast.__dataclass_fields__}
    words = {"output": folder / "not" / "yet" / "out.mkv", "disk_free": free}
    return [Forecast(**{**kept, **words, "output_bytes": size, "disk_needed": need}) for size, need in needs]


def test_outputs_add_up_and_chunks_come_and_go(tmp_path: Path) -> None:
    summed = total(plans(tmp_path, (10, 25), (20, 60), (5, 12), free=70))
    assert summed == Totals(
        files=3,
        frames=300,
        done=90,
        seconds=12.0,
        work_seconds=210.0,
        output_bytes=35,
        disk_needed=70,
        disk_free=70,
        enough_disk=True,
    )
    tight = total(plans(tmp_path, (10, 25), (20, 61), free=70))
    assert (tight.enough_disk, tight.room.lacking) == (False, 1)


def test_each_disk_has_its_own_room(tmp_path: Path) -> None:
    other = Path("/proc/self")
    assert other.stat().st_dev != tmp_path.stat().st_dev
    summed = total([*plans(tmp_path, (10, 25), (10, 25), free=35), *plans(other, (10, 25), free=24)])
    assert (summed.disk_needed, summed.disk_free, summed.enough_disk) == (25, 24, False)


def test_nothing_comes_to_nothing() -> None:
    summed = total(cast("list[Forecast]", []))
    assert (summed.files, summed.disk_needed, summed.enough_disk) == (0, 0, True)
