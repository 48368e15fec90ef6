"""Chunks as tasks of a real Ray cluster, two nodes on this machine: the same frames, and what becomes of lost tasks."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs import stand_ins
from jobs.facts import facts, tiny_weights
from media import clips
from vrinr_cli.errors import OptionError, WorkerError
from vrinr_cli.jobs import own_files
from vrinr_cli.jobs.events import Advanced, Event, JobReport, Noted
from vrinr_cli.jobs.executors import cluster, cluster_node
from vrinr_cli.jobs.executors.cluster import Cluster, Share, share_of
from vrinr_cli.jobs.executors.cluster_node import Kit, attempt_name, is_folder_here, sees
from vrinr_cli.jobs.job import upscale
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.video.probe import probe

FRAMES = 22
FAKE = "0123456789abcdef"


@pytest.mark.parametrize(
    "address",
    ["", "remote", "ray://", "ray://host", "ray://host:0", "ray://host:70000", "http://host:1", "ray://a b:1"],
)
def test_a_malformed_address_is_wrong_use(address: str) -> None:
    with pytest.raises(OptionError, match="cluster is") as caught:
        UpscaleOptions(cluster=address)
    assert (caught.value.exit_code, caught.value.hint) == (2, "choose local, auto or ray://HOST:PORT")


@pytest.mark.parametrize(
    "address", ["local", "auto", "ray://10.0.0.7:10001", "ray://head.example:1", "ray://[::1]:10001"]
)
def test_addresses(address: str) -> None:
    assert UpscaleOptions(cluster=address, device="cuda").cluster == address


def test_a_task_has_one_device() -> None:
    for device in ("cuda:1", "cpu,cpu", "mps"):
        with pytest.raises(OptionError, match="with a cluster"):
            UpscaleOptions(cluster="auto", device=device)


def test_what_a_task_takes_of_a_node() -> None:
    cpus = [{"CPU": 8.0}, {"CPU": 4.0}, {"CPU": 0.0}]
    assert share_of(cpus, UpscaleOptions()) == Share("cpu", 4, 2)
    assert share_of(cpus, UpscaleOptions(threads=2)) == Share("cpu", 2, 4)
    with pytest.raises(OptionError, match="threads is 9, and no node of the cluster has more than 8 CPUs"):
        share_of(cpus, UpscaleOptions(threads=9))
    mixed = [{"CPU": 32.0}, {"CPU": 16.0, "GPU": 4.0}]
    assert share_of(mixed, UpscaleOptions()) == Share("cuda", 4, 4)
    assert share_of(mixed, UpscaleOptions(device="cpu")) == Share("cpu", 16, 2)
    cuda = share_of(mixed, UpscaleOptions(device="cuda", threads=2))
    assert (cuda.resources, [cuda.fits(node) for node in mixed]) == ({"num_cpus": 2, "num_gpus": 1}, [0, 4])


def test_nobody_at_the_address_is_one_line(tmp_path: Path) -> None:
    clips.plain(tmp_path / "in.mp4", frames=3)
    with pytest.raises(WorkerError, match=r"^cluster ray://127.0.0.1:9 cannot be reached: Connection refused$"):
        upscale(tmp_path / "in.mp4", None, UpscaleOptions(method="bicubic", cluster="ray://127.0.0.1:9"))
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_a_cluster_that_is_gone_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips.plain(tmp_path / "in.mp4", frames=3)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp" / "ray").mkdir(parents=True)
    (tmp_path / "tmp" / "ray" / "ray_current_cluster").write_text("127.0.0.1:9")
    with pytest.raises(
        WorkerError, match=r"^cluster auto cannot be reached: 127.0.0.1:9: Connection refused$"
    ) as caught:
        upscale(tmp_path / "in.mp4", None, UpscaleOptions(method="bicubic", cluster="auto"))
    assert caught.value.hint == "start one with `ray start --head`, or use --cluster local"


def test_a_folder_or_source_of_the_same_name_is_another(tmp_path: Path) -> None:
    assert not is_folder_here(tmp_path, FAKE)
    (tmp_path / own_files.TOKEN).write_text(FAKE)
    assert is_folder_here(tmp_path, FAKE)
    (tmp_path / own_files.TOKEN).write_text(FAKE + "0")
    assert not is_folder_here(tmp_path, FAKE)
    source = probe(clips.plain(tmp_path / "in.mp4", frames=3))
    assert sees(source)
    assert not sees(replace(source, changed_ns=source.changed_ns + 1))
    assert not sees(replace(source, digest=FAKE))
    assert not sees(replace(source, path=tmp_path / "other.mp4"))


def test_files_of_attempts_are_own_files(tmp_path: Path) -> None:
    (tmp_path / "chunks").mkdir()
    names = [attempt_name(3, FAKE, 12), attempt_name(3, FAKE, 12) + ".part"]
    for name in [*names, "000003.mkv.old", "000003.xyz-1.mkv"]:
        (tmp_path / "chunks" / name).touch()
    (tmp_path / own_files.TOKEN).touch()
    assert sorted(path.name for path in own_files.own_files(tmp_path)) == sorted([*names, own_files.TOKEN])


class TwoNodes:
    """A cluster of two nodes with a processor each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster as RayCluster  # noqa: PLC0415 - slow, and some tests do without

        size = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_dashboard": False}
        self.ray: Any = RayCluster(initialize_head=True, head_node_args=size)
        self.second: Any = self.ray.add_node(num_cpus=1, object_store_memory=100 << 20)
        self.address = str(self.ray.address)

    def lose_the_second(self) -> None:
        if self.second is not None:
            self.ray.remove_node(self.second, allow_graceful=False)
            self.second = None


@pytest.fixture(scope="module")
def nodes() -> Iterator[TwoNodes]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cluster._SETTINGS.items():
            patch.setenv(name, value)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]))
        found = TwoNodes()
        patch.setenv("RAY_ADDRESS", found.address)
        yield found
        found.ray.shutdown()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip, weights, and what one process makes of them."""
    folder = tmp_path_factory.mktemp("alone")
    source = clips.plain(folder / "in.mkv", frames=FRAMES)
    upscale(source, folder / "one.mkv", options(folder))
    return folder


def options(folder: Path, **others: Any) -> UpscaleOptions:
    chosen: dict[str, Any] = {"weights": str(tiny_weights(folder)), "precision": "fp32", "device": "cpu", "threads": 1}
    return UpscaleOptions(codec="ffv1", chunk_frames=5, **(chosen | others))


def made(alone: Path, output: Path, told: list[Event], **others: Any) -> JobReport:
    """The same by the cluster; every frame is as it was, and nothing is left but the file."""
    source = alone / "in.mkv"
    report = upscale(source, output, options(alone, cluster="auto", **others), listen=told.append)
    one, many = facts(alone / "one.mkv"), facts(output)
    assert one.seconds == many.seconds
    assert all(np.array_equal(a, b) for a, b in zip(one.pictures, many.pictures, strict=True))
    assert [path.name for path in output.parent.iterdir()] == [output.name]
    assert max(event.done for event in told if isinstance(event, Advanced)) == FRAMES
    return report


def notes(told: list[Event]) -> str:
    return "\n".join(event.text for event in told if isinstance(event, Noted))


def test_a_node_that_is_killed_loses_no_frame(
    alone: Path, nodes: TwoNodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while both are at a chunk. Both see source and folder; the weights are sent to them."""
    told: list[Event] = []
    plain = Cluster._look

    def look(self: Cluster, hooks: Any) -> None:
        plain(self, hooks)
        if sum(attempt.state is not None for attempt in self._attempts.values()) == 2:
            nodes.lose_the_second()

    monkeypatch.setattr(Cluster, "_look", look)
    report = made(alone, tmp_path / "out.mkv", told)
    assert nodes.second is None
    assert report.device == "cpu of 2 nodes"
    assert "died: Task failed because the node it was running on is dead or unavailable; chunk" in notes(told)
    assert "is done again" in notes(told)


def test_what_a_node_does_not_see_is_sent_and_a_task_that_hangs_is_ended(
    alone: Path, nodes: TwoNodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(**known: Any) -> Kit:
        plan = known["plan"]
        path = Path("/nowhere") / plan.source.path.name
        return Kit(
            **known | {"folder": Path("/nowhere"), "plan": replace(plan, source=replace(plan.source, path=path))}
        )

    assert nodes.address
    told: list[Event] = []
    monkeypatch.setattr(cluster, "Kit", elsewhere)
    monkeypatch.setattr(cluster_node, "serve", stand_ins.serve_after_a_hang)  # here; tasks have the true one
    made(alone, tmp_path / "out.mkv", told, stall_timeout=20)
    size = (alone / "in.mkv").stat().st_size / 1e6
    assert f"does not see in.mkv: {size:.1f} MB are sent through the cluster" in notes(told)
    assert "a task on a host was ended after 20 s without progress; chunk 0 is done again" in notes(told)


def test_another_version_is_one_line(
    alone: Path, nodes: TwoNodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert nodes.address
    monkeypatch.setattr(cluster, "__version__", "9.9")
    with pytest.raises(WorkerError, match=r"^a node of the cluster has vrinr 0\.1\.0, this is 9\.9$"):
        upscale(alone / "in.mkv", tmp_path / "out.mkv", options(alone, cluster="auto"))
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_the_tasks_and_the_same_command_goes_on(nodes: TwoNodes, tmp_path: Path) -> None:
    assert nodes.address
    clips.plain(tmp_path / "in.mp4", frames=600)
    command = ["upscale", "in.mp4", "--method", "bicubic", "--chunk-frames", "20", "--cluster", "auto", "-o", "out.mp4"]
    running = subprocess.Popen(
        [sys.executable, "-m", "vrinr_cli", *command], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    folder = tmp_path / ".out.mp4.vrinr"
    while not (folder / "journal.jsonl").exists() and running.poll() is None:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate()
    assert running.returncode == 130, err
    assert err.splitlines()[-1] == "vrinr: error: stopped; the same command goes on, or `vrinr resume out.mp4`"
    assert "Traceback" not in err
    kept = sorted(path.name for path in (folder / "chunks").iterdir())
    assert kept == [f"{number:06d}.mkv" for number in range(len(kept))]
    assert not (folder / own_files.TOKEN).exists()
    report = upscale(tmp_path / "in.mp4", tmp_path / "out.mp4", UpscaleOptions(method="bicubic", chunk_frames=20))
    assert report.resumed_frames >= 20
