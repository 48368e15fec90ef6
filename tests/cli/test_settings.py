"""Options from files and profiles: who has the say, what is refused, and what a stranger's file cannot do."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from media import clips
from vrinr_cli.cli import settings, variables
from vrinr_cli.cli.app import app
from vrinr_cli.cli.benchmark import benchmark
from vrinr_cli.cli.denoise import denoise
from vrinr_cli.cli.fit import fit
from vrinr_cli.cli.profiles import BUILT_IN
from vrinr_cli.cli.resume import resume
from vrinr_cli.cli.train import train
from vrinr_cli.cli.upscale import upscale
from vrinr_cli.errors import OptionError
from vrinr_cli.video.probe import probe

FUNCTIONS = {
    "upscale": upscale,
    "denoise": denoise,
    "resume": resume,
    "fit": fit,
    "train": train,
    "benchmark": benchmark,
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a clip; the user's own files lie in `home` beside it."""
    folder = tmp_path / "here"
    folder.mkdir()
    (tmp_path / "home" / "vrinr").mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    for name in (variables.CONFIG, variables.PROFILE, variables.DEVICE):
        monkeypatch.delenv(name, raising=False)
    clips.plain(folder / "in.mp4", frames=2, size=(48, 64))
    return folder


def write(folder: Path, text: str) -> None:
    (folder / settings.NAME).write_text(text)


def users(place: Path) -> Path:
    return place.parent / "home" / "vrinr"


def planned(*arguments: str) -> dict[str, Any]:
    """What `vrinr plan` decides, and what it says on stderr."""
    line = ["upscale", "in.mp4", "--method", "bicubic", "--dry-run", "--json", *arguments]
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 0, done.stderr
    plan: dict[str, Any] = json.loads(done.stdout)
    return {**plan, "told": done.stderr}


def refused(*arguments: str) -> str:
    """The line of an error, with exit code 2 and nothing made."""
    before = sorted(Path().iterdir())
    done = CliRunner().invoke(app, ["upscale", "in.mp4", "--method", "bicubic", *arguments])
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    assert sorted(Path().iterdir()) == before
    error = done.stderr.splitlines()[-1]
    assert error.startswith("vrinr: error: ")
    return error


def test_the_order_is_command_line_profile_folder_user_default(place: Path) -> None:
    assert planned()["codec"] == "h264"
    write(users(place), '[upscale]\ncodec = "vp9"\nscale = 3\ncontainer = "mkv"\n[profile.mine]\nscale = 5\n')
    found = planned()
    assert (found["codec"], found["target_size"], found["container"]) == ("vp9", [144, 192], "Matroska")
    write(place, '[upscale]\nscale = 4\n[profile.mine]\ncodec = "ffv1"\n')
    found = planned()
    assert (found["codec"], found["target_size"]) == ("vp9", [192, 256])
    found = planned("--profile", "mine")
    assert (found["codec"], found["target_size"]) == ("ffv1", [192, 256])
    found = planned("--profile", "mine", "--codec", "h265", "--scale", "2")
    assert (found["codec"], found["target_size"]) == ("h265", [96, 128])


def test_the_environment_has_less_say_than_the_command_line_and_more_than_files(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(place, '[upscale]\ndevice = "abacus"\n')
    assert f"vrinr: error: {settings.NAME} in this folder: device 'abacus'; choose auto" in refused()
    monkeypatch.setenv(variables.DEVICE, "cpu")
    assert planned()["device"] == "cpu fp32"
    monkeypatch.setenv(variables.DEVICE, "sundial")
    assert refused().startswith("vrinr: error: VRINR_DEVICE=sundial: device 'sundial'; choose auto")
    assert refused("--device", "abacus").startswith("vrinr: error: device 'abacus'; choose auto")
    done = CliRunner().invoke(app, ["preview", "in.mp4", "--json"])
    assert (done.exit_code, json.loads(done.stdout)["message"]) == (2, "VRINR_DEVICE=sundial: device 'sundial'")
    assert planned("--device", "cpu")["device"] == "cpu fp32"


@pytest.mark.usefixtures("place")
def test_a_profile_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variables.PROFILE, "archive")
    assert (planned()["codec"], planned()["container"]) == ("h265", "Matroska")
    assert planned("--profile", "web")["codec"] == "h264"


@pytest.mark.usefixtures("place")
def test_a_wrong_profile_from_the_environment_is_told_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variables.PROFILE, "archve")
    assert refused() == "vrinr: error: VRINR_PROFILE=archve: no profile is called archve; did you mean archive?"


@pytest.mark.parametrize(
    ("name", "meant"), [("VRINR_DEVCE", "did you mean VRINR_DEVICE? "), ("VRINR_CACHE", ""), ("VRINR_device", "")]
)
@pytest.mark.usefixtures("place")
def test_a_variable_that_means_nothing_is_told(monkeypatch: pytest.MonkeyPatch, name: str, meant: str) -> None:
    note = f"note: {name} is set and means nothing; {meant}vrinr reads VRINR_CONFIG, VRINR_PROFILE, VRINR_DEVICE\n"
    for value, told in (("cpu", note), ("", "")):
        monkeypatch.setenv(name, value)
        assert planned()["told"] == told
        assert CliRunner().invoke(app, ["jobs"]).stderr.startswith(told or "no unfinished")
        assert planned("--quiet")["told"] == ""


def test_one_file_may_be_named_in_place_of_both(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(place, '[upscale]\ncodec = "ffv1"\ncontainer = "mkv"\n')
    write(users(place), "[upscale]\nscale = 3\n")
    (place / "other.toml").write_text('[upscale]\ncodec = "h265"\n')
    monkeypatch.setenv(variables.CONFIG, str(place / "other.toml"))
    found = planned()
    assert (found["codec"], found["target_size"]) == ("h265", [96, 128])
    monkeypatch.setenv(variables.CONFIG, "/dev/null")
    assert planned()["codec"] == "h264"
    monkeypatch.setenv(variables.CONFIG, "nosuch.toml")
    assert "nosuch.toml: no such file" in refused()


def test_who_names_a_codec_or_a_size_has_all_of_it(place: Path) -> None:
    write(place, '[upscale]\ncodec = "h265"\ncrf = 30\npreset = "ultrafast"\nheight = 144\n')
    assert planned("--bitrate", "2M")["codec"] == "h265"  # a rate on both sides would be refused
    assert planned("--scale", "2")["target_size"] == [96, 128]
    assert planned("--codec", "av1")["codec"] == "av1"  # which knows no preset `ultrafast`


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_profile_gives_what_it_says(name: str) -> None:
    found = planned("--profile", name)
    profile = BUILT_IN[name]
    assert found["codec"] == profile["codec"]
    assert Path(found["output"]).suffix == f".{profile['container']}"
    assert found["pix_fmt"] == profile.get("pix-fmt", "yuv420p")
    assert found["target_size"] == ([1080, 1440] if name == "dvd" else [96, 128])
    assert planned("--profile", name, "-o", "out.mov")["container"] == "MOV"


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_profile_makes_a_file(place: Path, name: str) -> None:
    line = ["upscale", "in.mp4", "--method", "bicubic", "--profile", name, "-q"]
    done = CliRunner().invoke(app, [*line, *(["--scale", "1"] if name == "dvd" else [])])
    assert done.exit_code == 0, done.stderr
    made = next(path for path in place.iterdir() if path.name.startswith("in.x"))
    assert (made.suffix, len(probe(made).timeline)) == (f".{BUILT_IN[name]['container']}", 2)


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_profiles_keep_the_rules_of_files(name: str, tmp_path: Path) -> None:
    lines = (f"{key} = {json.dumps(value)}" for key, value in BUILT_IN[name].items())
    (tmp_path / "a.toml").write_text("\n".join(["[profile.copy]", *lines]))
    file = settings.read(tmp_path / "a.toml", is_of_folder=True)
    assert file is not None
    assert file.profiles == {"copy": BUILT_IN[name]}


def test_a_profile_may_hold_options_of_one_command_alone(place: Path) -> None:
    write(place, "[profile.both]\nscale = 3\nsigma = 4\n[profile.both.upscale]\nscale = 4\n")
    assert planned("--profile", "both")["target_size"] == [192, 256]
    denoised = settings.layers("denoise", "both")
    assert [dict(layer.values) for layer in denoised] == [{"scale": 3, "sigma": 4}]


def test_a_folders_file_is_told_and_everything_with_verbose(place: Path) -> None:
    write(users(place), "[upscale]\nscale = 3\n")
    assert planned()["told"] == ""
    write(place, '[upscale]\ncodec = "h265"\ncrf = 20\nstrict = false\n')
    assert planned()["told"] == "vrinr.toml in this folder: codec h265, crf 20, strict off\n"
    assert planned("-q")["told"] == ""
    told = planned("-v", "--profile", "web")["told"].splitlines()
    assert told[0].startswith("profile web: codec h264, crf 18, preset slow, ")
    assert told[1:] == ["vrinr.toml in this folder: strict off", f"{users(place) / 'vrinr.toml'}: scale 3"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[upscal]\n", "vrinr.toml: upscal: no such table; did you mean upscale?"),
        ("scale = 2\n", "vrinr.toml: scale: no such key; "),
        ("upscale = 2\n", "vrinr.toml: [upscale]: is no table"),
        ("[upscale]\ncodek = 'h264'\n", "vrinr.toml: [upscale] codek: no such key; did you mean codec?"),
        ("[upscale]\nsigma = 3\n", "vrinr.toml: [upscale] sigma: no such key"),
        ("[denoise]\nheight = 3\n", "vrinr.toml: [denoise] height: no such key"),
        ("[upscale]\ncrf = 'low'\n", "vrinr.toml: [upscale] crf: is of the wrong kind; write a number"),
        ("[upscale]\ncrf = true\n", "vrinr.toml: [upscale] crf: is of the wrong kind"),
        ("[upscale]\nscale = 0x1" + 5000 * "0" + "\n", "vrinr.toml: [upscale] scale: is of the wrong kind"),
        ("[upscale]\nheight = 1.5\n", "vrinr.toml: [upscale] height: is of the wrong kind; write a whole number"),
        ("[upscale]\ncodec = 5\n", "vrinr.toml: [upscale] codec: is of the wrong kind; write a text in quotes"),
        ("[upscale]\nstrict = 1\n", "vrinr.toml: [upscale] strict: is of the wrong kind; write true or false"),
        ("[upscale]\nencoder-option = 'a=b'\n", "encoder-option: is of the wrong kind; write a list of texts"),
        ("[profile.web]\ncrf = 1\n", "vrinr.toml: [profile.web]: this profile is built in"),
        ("[profile.'a b']\ncrf = 1\n", "vrinr.toml: [profile.a b]: is no name"),
        ("profile = 1\n", "vrinr.toml: [profile]: is no table"),
        ("[profile]\nmine = 1\n", "vrinr.toml: [profile.mine]: is no table"),
        ("[profile.mine]\nkodec = 'a'\n", "vrinr.toml: [profile.mine] kodec: no such key; did you mean codec?"),
        ("[profile.mine.denoise]\nbox = '1x1'\n", "vrinr.toml: [profile.mine.denoise] box: no such key"),
        ("[upscale\n", "vrinr.toml: is not TOML: "),
        ("[resume]\ncodec = 'h264'\n", "vrinr.toml: [resume] codec: no such key"),
        ("[upscale]\n'\\u001b[2J' = 1\n", "no such key"),
    ],
)
def test_what_no_file_may_hold_is_told_with_file_and_key(place: Path, text: str, words: str) -> None:
    write(place, text)
    line = refused()
    assert words in line
    assert "\x1b" not in line


def test_a_file_of_bytes_that_are_no_text_is_told(place: Path) -> None:
    (place / settings.NAME).write_bytes(b"[upscale]\ncodec = '\xff'\n")
    assert "vrinr.toml: is not TOML: " in refused()
    write(place, "a = " + "[" * 100_000)
    assert "vrinr.toml: is not TOML: " in refused()
    write(place, "#" * (settings.LARGEST + 1))
    assert "vrinr.toml: is larger than 1 MiB" in refused()
    (place / settings.NAME).unlink()
    (place / settings.NAME).mkdir()
    assert "vrinr.toml: is no ordinary file" in refused()


def test_an_unknown_profile_is_told_with_the_nearest(place: Path) -> None:
    assert "no profile is called archiv; did you mean archive?" in refused("--profile", "archiv")
    write(place, "[profile.mine]\ncrf = 20\n")
    assert "choose archive, web, anime, dvd, mine" in refused("--profile", "x")


@pytest.mark.parametrize("key", sorted(settings.NOT_IN_FILES))
@pytest.mark.parametrize("table", ["upscale", "profile.mine"])
def test_nothing_that_writes_replaces_or_loses_may_stand_in_a_file(place: Path, key: str, table: str) -> None:
    write(place, f"[{table}]\n{key} = true\n")
    assert f"vrinr.toml: [{table}] {key}: may not stand in a file; give --{key} on the command line" in refused()


@pytest.mark.parametrize(
    "text", ["x264-params=a=b", "stats=/tmp/x", "tune=a b", "tune=/etc/x", "dump", "passlogfile=x"]
)
def test_options_of_encoders_that_could_name_files_are_refused(place: Path, text: str) -> None:
    for folder in (place, users(place)):
        write(folder, f"[upscale]\nencoder-option = [{json.dumps(text)}]\n")
        assert "[upscale] encoder-option: " in refused()
        (folder / settings.NAME).unlink()
    write(place, '[upscale]\nencoder-option = ["tune=film"]\n')
    assert planned()["told"] == "vrinr.toml in this folder: encoder-option tune=film\n"


@pytest.mark.parametrize("name", ["mkv/../../evil.mkv", "/tmp/a.mkv", "", "avi", "."])  # noqa: S108 - not written
def test_a_container_is_an_ending_and_no_way_to_another_name(place: Path, name: str) -> None:
    write(place, f"[upscale]\ncontainer = {json.dumps(name)}\n")
    assert f"container is {name!r}; choose mp4, m4v, mov, mkv, webm" in refused()


def test_many_sources_have_the_profile_too(place: Path) -> None:
    clips.plain(place / "two.mp4", frames=2, size=(48, 64))
    write(place, '[upscale]\ncontainer = "mkv"\n')
    line = ["upscale", "in.mp4", "two.mp4", "--method", "bicubic", "-o", "large/"]
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 0, done.stderr
    assert sorted(path.name for path in (place / "large").iterdir()) == ["in.x2.mkv", "two.x2.mkv"]
    assert "--container given with the name of a file" in refused("--container", "webm", "-o", "out.mp4")
    write(place, "")
    done = CliRunner().invoke(app, [*line, "-y", "--progress-file", "state.json"])
    assert "--progress-file given with a folder or several sources" in done.stderr


def test_a_profile_leaves_out_what_means_nothing_in_a_pipe(place: Path) -> None:
    write(place, "[upscale]\nchunk-frames = 7\n")
    line = ["upscale", "in.mp4", "--method", "bicubic", "--profile", "web", "-o", "-"]
    environment = {**os.environ, variables.CONFIG: str(place / settings.NAME)}
    done = subprocess.run([sys.executable, "-m", "vrinr_cli", *line], capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stdout[:10]) == (0, b"YUV4MPEG2 "), done.stderr.decode()


@pytest.mark.parametrize("path", ["../a.safetensors", "/etc/a.safetensors", "sub/a.safetensors", ".hidden", ""])
def test_weights_in_a_folders_file_lie_in_it_or_are_bundled(tmp_path: Path, path: str) -> None:
    (tmp_path / "a.toml").write_text(f"[upscale]\nweights = {json.dumps(path)}\n")
    with pytest.raises(OptionError, match="may not lead to others"):
        settings.read(tmp_path / "a.toml", is_of_folder=True)
    assert settings.read(tmp_path / "a.toml", is_of_folder=False) is not None


@pytest.mark.parametrize("name", ["fast", "clip.safetensors"])
def test_weights_beside_a_folders_file_are_taken(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.toml").write_text(f"[upscale]\nweights = {json.dumps(name)}\n")
    file = settings.read(tmp_path / "a.toml", is_of_folder=True)
    assert file is not None
    assert file.tables == {"upscale": {"weights": name}}


def test_every_key_is_an_option_of_its_command_and_none_that_is_refused() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    types = {"text": str, "texts": list[str], "amount": str, "number": float, "whole": int, "flag": bool}
    for table, keys in settings.TABLES.items():
        names = {o[2:]: p.name for p in commands[table].params for o in p.opts if o.startswith("--")}
        hints = get_type_hints(FUNCTIONS[table])
        assert {key: _bare(hints[names[key]]) for key in keys} == {key: types[kind] for key, kind in keys.items()}
        assert not settings.NOT_IN_FILES & set(keys)


def _bare(hint: Any) -> Any:
    """A type without None."""
    return hint if get_origin(hint) is not UnionType else next(t for t in get_args(hint) if t is not type(None))


def test_help_works_beside_a_broken_file_and_info_tells_of_it(place: Path) -> None:
    write(place, "[upscal]\n")
    assert CliRunner().invoke(app, ["upscale", "--help"]).exit_code == 0
    done = CliRunner().invoke(app, ["info"])
    assert done.exit_code == 0
    assert re.search(r"vrinr.toml +refused: vrinr.toml: upscal: no such table; did you mean upscale\?", done.stdout)
    write(place, "[profile.mine]\ncrf = 3\n")
    rows = dict(json.loads(CliRunner().invoke(app, ["info", "--json"]).stdout)["settings"])
    assert (rows["vrinr.toml"], rows["profiles"]) == ("read", "archive, web, anime, dvd, mine")
    assert rows[str(users(place) / "vrinr.toml")] == "not there"


def test_an_error_in_a_file_is_an_object_with_json(place: Path) -> None:
    write(place, "[upscal]\n")
    done = CliRunner().invoke(app, ["upscale", "in.mp4", "--json"])
    record = json.loads(done.stdout)
    assert (done.exit_code, record["event"], record["code"], record["kind"]) == (2, "error", 2, "OptionError")


def test_the_users_own_file_is_not_a_strangers_in_its_own_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(users(place), '[upscale]\nweights = "/somewhere/a.safetensors"\n')
    monkeypatch.chdir(users(place))
    assert [is_of_folder for _, is_of_folder in settings.places()] == [False]


@pytest.mark.usefixtures("place")
def test_without_a_home_there_is_no_file_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setattr(Path, "home", nowhere)
    assert settings.places() == [(Path(settings.NAME), True)]
