"""Checkpoints: what was saved comes back; everything else is refused in one line."""

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from networks import TINY, noise, seeded
from strategies import model_configs
from vrinr_cli.errors import WeightsError
from vrinr_cli.model import checkpoint
from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.header import FORMAT_VERSION, digest_of, read_header, tensor_table
from vrinr_cli.model.network import VrInr
from vrinr_cli.record import to_plain

CARD = {"trained on": "nothing", "psnr": "0"}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    checkpoint.save(path, seeded(dtype=torch.float32), card=CARD)
    return path


def forge(path: Path, tensors: dict[str, Tensor], config: Any = None, **words: Any) -> Path:
    """A checkpoint with right sums around whatever is in it."""
    plain = safetensors.torch.save(tensors)
    length = int.from_bytes(plain[:8], "little")
    table = tensor_table(json.loads(plain[8 : 8 + length]))
    own = {
        "format": FORMAT_VERSION,
        "config": to_plain(TINY) if config is None else config,
        "card": CARD,
        "digest": digest_of(to_plain(TINY), table, plain[8 + length :]),
    }
    path.write_bytes(safetensors.torch.save(tensors, metadata={"vrinr": json.dumps(own | words)}))
    return path


def tiny_tensors() -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in seeded(dtype=torch.float32).state_dict().items()}


def refusal(read: Callable[[Path], object], path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        read(path)
    words = str(caught.value)
    assert "\n" not in words
    assert path.name in words
    assert caught.value.exit_code == 1
    return words.removeprefix(f"{path.name}: ")


def test_forged_right_it_loads(tmp_path: Path) -> None:
    assert checkpoint.load(forge(tmp_path / "w", tiny_tensors())).config == TINY


def test_saved_and_loaded_is_the_same_network(saved: Path) -> None:
    model, loaded = seeded(dtype=torch.float32), checkpoint.load(saved)
    assert loaded.config == model.config
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    clip = noise(1, 2, 3, 4, 4, dtype=torch.float32)
    assert torch.equal(loaded(clip, (7, 9)), model(clip, (7, 9)))


@given(config=model_configs())
def test_any_network_comes_back(config: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("w") / "w.safetensors"
    digest = checkpoint.save(path, checkpoint.initial(config, 3), card={})
    assert read_header(path).digest == digest
    assert checkpoint.load(path).config == config


def test_memory_layout_and_dtype_do_not_matter(tmp_path: Path) -> None:
    model = seeded(dtype=torch.float32)
    plain = checkpoint.save(tmp_path / "a", model, card={})
    turned = model.to(memory_format=torch.channels_last).double()  # type: ignore[call-overload]
    assert checkpoint.save(tmp_path / "b", turned, card={}) == plain
    checkpoint.load(tmp_path / "b")


def test_loading_leaves_the_random_numbers_alone(saved: Path) -> None:
    before = torch.random.get_rng_state()
    checkpoint.load(saved)
    checkpoint.initial(TINY, 5)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_initial_is_decided_by_the_seed() -> None:
    one, same, other = (checkpoint.initial(TINY, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_header_says_what_is_inside(saved: Path) -> None:
    header = read_header(saved)
    assert header.config == TINY
    assert header.card == CARD
    assert header.parameters == sum(p.numel() for p in VrInr(TINY).parameters())
    assert header.tensors["query.bias"] == ("F32", (4,))


def test_header_is_read_without_torch(saved: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from vrinr_cli.model.header import check_digest, read_header;"
        "check_digest(read_header(Path(sys.argv[1])));"
        "print([m for m in ('torch', 'numpy', 'safetensors') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script, str(saved)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@given(data=st.data())
def test_no_changed_byte_changes_the_network(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("w") / "w.safetensors"
    model = seeded(dtype=torch.float32)
    checkpoint.save(path, model, card=CARD)
    content = bytearray(path.read_bytes())
    last = read_header(path).data_start + 64
    content[data.draw(st.integers(0, last))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    try:
        loaded = checkpoint.load(path)
    except WeightsError:
        return
    assert loaded.config == TINY  # the byte stood in the card
    assert all(
        torch.equal(a, b) for a, b in zip(loaded.state_dict().values(), model.state_dict().values(), strict=True)
    )


def test_a_changed_byte_in_the_tensors_is_noticed(saved: Path) -> None:
    content = bytearray(saved.read_bytes())
    content[-100] ^= 1
    saved.write_bytes(content)
    assert refusal(checkpoint.load, saved).startswith("weights damaged: sha256 ")
    assert read_header(saved).config == TINY  # the header by itself is whole


def test_a_cut_file_is_noticed_wherever_it_is_cut(saved: Path) -> None:
    content = saved.read_bytes()
    start = read_header(saved).data_start
    for length in (0, 1, 7, 8, 9, start - 9, start, len(content) - 1):
        saved.write_bytes(content[:length])
        words = refusal(checkpoint.load, saved)
        assert words.startswith("weights damaged" if length >= start else "not a safetensors file")


@pytest.mark.parametrize("length", [0, 1, 1 << 20, (1 << 20) + 1, 1 << 60, (1 << 64) - 1])
def test_a_wrong_header_length_is_refused_before_it_is_read(saved: Path, length: int) -> None:
    saved.write_bytes(length.to_bytes(8, "little") + saved.read_bytes()[8:])
    assert refusal(checkpoint.load, saved) == "not a safetensors file, or cut short"


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"7 ",
        b"null",
        b"{}",
        b'{"__metadata__":7}',
        b'{"__metadata__":{"vrinr":7}}',
        b"\xff\xfe\x00",
        b"[" * 9999,
    ],
)
def test_another_header_is_refused(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    assert refusal(checkpoint.load, path).startswith(("not a safetensors file", "not weights of vrinr"))


def test_a_shape_that_is_no_number_is_refused(saved: Path) -> None:
    for shape in (b"[1e999]", b'["a"]', b"[NaN]", b"7  "):
        content = saved.read_bytes()
        changed = content.replace(b'"shape":[4]', b'"shape":' + shape)
        length = int.from_bytes(content[:8], "little") + len(changed) - len(content)
        path = saved.with_name("changed")
        path.write_bytes(length.to_bytes(8, "little") + changed[8:])
        assert refusal(checkpoint.load, path).startswith("not weights of vrinr (")


def test_what_only_safetensors_refuses_is_refused_in_our_words(saved: Path) -> None:
    content = saved.read_bytes()
    changed = content.replace(b'{"__metadata__":{', b'{"__metadata__":{"other":7,')
    length = int.from_bytes(content[:8], "little") + len(changed) - len(content)
    saved.write_bytes(length.to_bytes(8, "little") + changed[8:])
    assert refusal(checkpoint.load, saved).startswith("not a safetensors file (")


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    path = tmp_path / "weights.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    assert refusal(checkpoint.load, path) == "not a safetensors file, or cut short"
    torch.save({"a": Bomb()}, path)
    assert refusal(checkpoint.load, path) == "not a safetensors file, or cut short"
    assert not (tmp_path / "exploded").exists()


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert refusal(read_header, tmp_path / "none").endswith("none: No such file or directory")
    assert refusal(read_header, tmp_path).endswith(": Is a directory")


@pytest.mark.parametrize("change", ["renamed", "missing", "more", "reshaped", "cut", "half"])
def test_tensors_that_do_not_fit_the_config_are_refused(tmp_path: Path, change: str) -> None:
    tensors = tiny_tensors()
    name = "query.bias"
    tensor = tensors.pop(name)
    match change:
        case "renamed":
            name, tensors["query.bios"] = "query.bi", tensor
        case "more":
            tensors |= {name: tensor, "zebra": tensor.clone()}
            name = "zebra"
        case "reshaped":
            tensors[name] = tensor[None]
        case "cut":
            tensors[name] = tensor[:3].clone()
        case "half":
            tensors[name] = tensor.half()
    words = refusal(checkpoint.load, forge(tmp_path / "w", tensors))
    assert words.startswith(f"tensor {name}")
    assert words.endswith("does not fit the config")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_is_not_finite_is_refused(tmp_path: Path, value: float) -> None:
    model = seeded(dtype=torch.float32)
    model.state_dict()["trunk.stem.bias"][3] = value
    checkpoint.save(tmp_path / "w", model, card={})
    assert refusal(checkpoint.load, tmp_path / "w") == "a weight is not finite"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("colour", 3, "not weights of vrinr (config: expected no field colour)"),
        ("channels", "8", "not weights of vrinr (config.channels: expected of type int)"),
        ("channels", 0, "no such network: channels 0, not 1 to 1024"),
        ("base_kernel", 10**400, "not weights of vrinr (config.base_kernel: expected a number that fits)"),
    ],
)
def test_an_unknown_config_is_refused(tmp_path: Path, field: str, value: object, words: str) -> None:
    path = forge(tmp_path / "w", tiny_tensors(), config=to_plain(TINY) | {field: value})
    assert refusal(read_header, path) == words


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = forge(tmp_path / "w", tiny_tensors(), format=FORMAT_VERSION + 1)
    assert refusal(read_header, path) == f"weights of format {FORMAT_VERSION + 1}"


def test_a_config_of_a_giant_is_refused_without_making_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    giant = replace(TINY, channels=128, table_cells=(40, 40))
    tensors = tiny_tensors()
    plain = safetensors.torch.save(tensors)
    length = int.from_bytes(plain[:8], "little")
    digest = digest_of(to_plain(giant), tensor_table(json.loads(plain[8 : 8 + length])), plain[8 + length :])
    path = forge(tmp_path / "w", tensors, config=to_plain(giant), digest=digest)
    made: list[Tensor] = []

    class WatchedVrInr(VrInr):
        def __init__(self, config: ModelConfig) -> None:
            super().__init__(config)
            made.extend(self.parameters())

    monkeypatch.setattr(checkpoint, "VrInr", WatchedVrInr)
    assert refusal(checkpoint.load, path).endswith("does not fit the config")
    assert {p.device.type for p in made} == {"meta"}


def test_a_failed_save_leaves_the_old_file_and_nothing_else(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = saved.read_bytes()

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.write_whole(saved, b"new")
    assert saved.read_bytes() == old
    assert list(saved.parent.iterdir()) == [saved]


def test_a_file_is_replaced_in_one_step(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, seen = saved.read_bytes(), []
    replace_file = Path.replace

    def watched(part: Path, target: Path) -> Path:
        seen.append((part.read_bytes(), target.read_bytes()))
        return replace_file(part, target)

    monkeypatch.setattr(Path, "replace", watched)
    checkpoint.write_whole(saved, b"new")
    assert seen == [(b"new", old)]
    assert saved.read_bytes() == b"new"
    assert list(saved.parent.iterdir()) == [saved]
