from pathlib import Path

import pytest

from vrinr_cli.cli.parse import bits_per_second, key_values, memory_bytes
from vrinr_cli.cli.progress import Bar, show_duration
from vrinr_cli.errors import OptionError
from vrinr_cli.jobs.events import Advanced, Started
from vrinr_cli.jobs.progress import Rate


@pytest.mark.parametrize(("text", "bits"), [("2.5M", 2_500_000), ("800k", 800_000), ("1000", 1000), ("1G", 10**9)])
def test_bit_rates(text: str, bits: int) -> None:
    assert bits_per_second(text) == bits


@pytest.mark.parametrize("text", ["", "M", "-1", "1e6", "fast", "1T"])
def test_no_bit_rate(text: str) -> None:
    with pytest.raises(OptionError, match="bitrate is"):
        bits_per_second(text)


def test_memory_counts_in_powers_of_two() -> None:
    assert memory_bytes("4G") == 4 << 30
    assert memory_bytes("512M") == 512 << 20
    assert memory_bytes("1.5GiB") == 3 << 29


def test_encoder_options_are_split_at_the_first_equals_sign() -> None:
    assert key_values(["x264-params=a=b", "tune=film"]) == (("x264-params", "a=b"), ("tune", "film"))


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (89, "89 s"), (600, "10 min"), (11_400, "3 h 10 min"), (86_400, "24 h 00 min")]
)
def test_durations(seconds: float, words: str) -> None:
    assert show_duration(seconds) == words


def test_the_rate_is_that_of_the_last_minute() -> None:
    rate = Rate(0.0)
    assert rate.per_second is None
    for second in range(1, 100):
        rate.add(float(second))
    assert rate.per_second == pytest.approx(1.0)
    for tick in range(1, 700):
        rate.add(99 + tick / 10)
    assert rate.per_second == pytest.approx(10.0, rel=0.01)


def test_a_resumed_bar_begins_where_the_job_is_and_times_what_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("vrinr_cli.cli.progress.time.monotonic", lambda: now[0])
    bar = Bar(verbose=False)
    (task,) = bar.rich.tasks
    sizes = {"source_size": (64, 96), "target_size": (128, 192)}
    words = {"codec": "h264", "pix_fmt": "yuv420p", "device": "cpu fp32", "method": "vrinr"}
    bar(Started(source=Path("a"), output=Path("b"), frames=1800, done=900, **sizes, **words))  # type: ignore[arg-type]
    assert (task.completed, task.total) == (900, 1800)
    for count in range(1, 11):
        now[0] += 0.5
        bar(Advanced(900 + count, 1800))
    assert task.completed == 910
    assert task.fields["speed"] == "2 fps  7 min left  cpu fp32"
