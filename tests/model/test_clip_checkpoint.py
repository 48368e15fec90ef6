"""Fitted weights in a file: what comes back, how large it is, and what is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from networks import CLIP, noise, seeded, seeded_clip
from vrinr_cli.errors import OptionError, WeightsError
from vrinr_cli.model import checkpoint, clip_checkpoint
from vrinr_cli.model.clip_config import ClipConfig, dense_for_clip
from vrinr_cli.model.clip_network import ClipNetwork
from vrinr_cli.model.header import FittedTo, read_header

FITTED = FittedTo(name="lr.mp4", digest="abc", reference="def", scales=(4.0,), first=5)
CODED = dense_for_clip((6, 8), 3, cells_per_px=(1.0, 0.5), features=2, table_step=0.25)


def saved(path: Path, config: ClipConfig = CLIP) -> tuple[ClipNetwork, Path]:
    network = seeded_clip(config).float()
    clip_checkpoint.save(path, network, card={"steps": "3"}, fitted=FITTED)
    return network, path


def picture(network: ClipNetwork) -> Tensor:
    return network.render(noise(3, *network.config.size).float(), 0.5)


def refusal(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        clip_checkpoint.load(path)
    return str(caught.value).removeprefix(f"{path.name}: ")


def test_what_comes_back_is_what_was_kept_but_for_half_precision(tmp_path: Path) -> None:
    network, path = saved(tmp_path / "fit.safetensors")
    loaded = clip_checkpoint.load(path)
    assert loaded.config == CLIP
    assert not loaded.training
    for name, value in network.state_dict().items():
        kept = value.half().float() if name.endswith(".table") else value
        assert torch.equal(loaded.state_dict()[name], kept), name
    largest = float((picture(loaded) - picture(network)).abs().max())
    assert 0 < largest * 255 < 0.1 * float(picture(network).abs().max()) * 255


def test_the_header_tells_the_clip_and_the_protocol(tmp_path: Path) -> None:
    _, path = saved(tmp_path / "fit.safetensors")
    header = read_header(path)
    assert (header.kind, header.protocol, header.fitted, header.card) == ("clip", "paired", FITTED, {"steps": "3"})
    assert clip_checkpoint.load(path).first == 5


def test_coded_tables_come_back_as_whole_steps(tmp_path: Path) -> None:
    network, path = saved(tmp_path / "fit.safetensors", CODED)
    loaded = clip_checkpoint.load(path)
    for name, value in network.state_dict().items():
        kept = (value / 0.25).round() * 0.25 if name.endswith(".table") else value.half().float()
        assert torch.equal(loaded.state_dict()[name], kept), name
    first, kept = (of.state_dict()["grids.0.table"] for of in (network, loaded))
    assert torch.equal(clip_checkpoint.rounded(first, 0.25), kept)


def tables_of(network: ClipNetwork) -> list[Tensor]:
    return [value for name, value in network.state_dict().items() if name.endswith(".table")]


def test_tables_of_zeros_cost_next_to_nothing(tmp_path: Path) -> None:
    sizes = []
    for factor in (1.0, 0.0):
        network = seeded_clip(CODED).float()
        for table in tables_of(network):
            table.mul_(factor)
        clip_checkpoint.save(tmp_path / "fit", network, card={}, fitted=FITTED)
        sizes.append((tmp_path / "fit").stat().st_size)
    numbers = sum(table.numel() for table in tables_of(network))
    assert sizes[0] - sizes[1] > numbers / 4


def test_a_level_beyond_the_coder_is_cut_off() -> None:
    table = torch.tensor([[1e9, -1e9], [0.3, 0.0]])
    assert clip_checkpoint.levels_of(table, 0.25).tolist() == [[32767, 1], [-32767, 0]]


@pytest.mark.parametrize("config", [CLIP, CODED])
def test_every_changed_byte_of_the_tensors_is_noticed(tmp_path: Path, config: ClipConfig) -> None:
    _, path = saved(tmp_path / "fit.safetensors", config)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert refusal(path).startswith("weights damaged: sha256 ")


def test_general_weights_are_not_a_fit_and_the_other_way_round(tmp_path: Path) -> None:
    path = tmp_path / "general.safetensors"
    checkpoint.save(path, seeded(dtype=torch.float32), card={})
    assert refusal(path) == "weights of kind 'general', not fitted to a clip"
    _, fit = saved(tmp_path / "fit.safetensors")
    with pytest.raises(WeightsError, match="weights of kind 'clip', not general ones"):
        checkpoint.load(fit)


def forged(path: Path, tensors: dict[str, Tensor], config: ClipConfig) -> Path:
    checkpoint.save_tensors(path, tensors, config, card={}, fitted=FITTED)
    return path


def tensors_of(path: Path) -> dict[str, Tensor]:
    return safetensors.torch.load_file(path)


def test_tensors_that_do_not_fit_the_config_are_refused_by_name(tmp_path: Path) -> None:
    _, path = saved(tmp_path / "fit.safetensors")
    tensors = tensors_of(path)
    other = replace(CLIP, entries=(64, 128, 2048))
    assert refusal(forged(tmp_path / "a", tensors, other)) == "tensor grids.2.table does not fit the config"
    del tensors["color.0.bias"]
    assert refusal(forged(tmp_path / "b", tensors, CLIP)) == "tensor color.0.bias does not fit the config"


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        (torch.zeros(4, dtype=torch.uint8), "cannot be decoded"),
        (torch.zeros(4), "tensor levels does not fit the config"),
        (torch.zeros(1 << 18, dtype=torch.uint8), "tensor levels does not fit the config"),
        (None, "tensor levels does not fit the config"),
    ],
)
def test_coded_tables_that_decode_to_nothing_are_refused(tmp_path: Path, levels: Tensor | None, words: str) -> None:
    _, path = saved(tmp_path / "fit.safetensors", CODED)
    tensors = tensors_of(path) | ({} if levels is None else {"levels": levels})
    if levels is None:
        del tensors["levels"]
    assert refusal(forged(tmp_path / "a", tensors, CODED)).startswith(words)


def test_a_weight_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    _, path = saved(tmp_path / "fit.safetensors")
    tensors = tensors_of(path)
    tensors["color.2.bias"][0] = torch.nan
    assert refusal(forged(tmp_path / "a", tensors, CLIP)) == "a weight is not finite"


def test_a_small_file_may_not_ask_for_more_memory_than_a_bound() -> None:
    with pytest.raises(OptionError, match="268435456 coded numbers"):
        ClipConfig(
            size=(16, 16),
            frames=2,
            cells_per_px=(1.0,),
            entries=(1 << 24,),
            features=16,
            patch_sides=(3,),
            patch_spacing_px=(1,),
            patch_blur_px=(1.0,),
            key="xyt",
            table_step=0.05,
        )
