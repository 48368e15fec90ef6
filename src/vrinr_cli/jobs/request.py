"""What plan.json keeps of a job: its identity, and what was asked, so that it can be asked again.

Nothing in the file is believed: sources are only read, the output lies beside the folder by the folder's own name,
and the identity is compared with that of a plan made anew.
"""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from vrinr_cli.errors import OptionError
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.own_files import parse_json
from vrinr_cli.record import from_plain, to_plain
from vrinr_cli.video.pictures.numbered import numbers_of, row_of_source, state_of

LONGEST_NAME = 255
"""Bytes of a file name on common file systems."""

HARMLESS = frozenset(
    ["aq-mode", "aq-strength", "bf", "cpu-used", "deblock", "film-grain", "g", "keyint_min", "level"]
) | {
    *("lag-in-frames", "profile", "psy-rd", "qcomp", "qmax", "qmin", "rc-lookahead", "refs", "row-mt", "sc_threshold"),
    *("slices", "subq", "threads", "tile-columns", "tile-rows", "trellis", "tune"),
}
"""Options of encoders that are taken from a file: others can name files to write (`stats`, `x264-params`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """What was asked of a job. One that exists names no file but its sources and its output."""

    source: Path
    """Absolute."""
    source_bytes: int
    source_changed_ns: int
    output: str
    """Name of the file to write, beside the job folder."""
    options: UpscaleOptions
    overwrite: bool
    """Whether an existing output is replaced."""
    frames: int
    """Of the output."""

    def __post_init__(self) -> None:
        if not self.source.is_absolute() or b"\0" in os.fsencode(self.source):
            raise ValueError("source: expected an absolute path")
        name = os.fsencode(self.output)
        if self.output in ("", ".", "..") or b"/" in name or b"\0" in name or len(name) > LONGEST_NAME:
            raise ValueError("output: expected a file name")
        if not 0 < self.frames < 1 << 40:
            raise ValueError("frames: expected a number above 0")

    @property
    def source_state(self) -> str:
        """What is the matter with the source, at a glance; empty if nothing is."""
        row = row_of_source(self.source)
        try:
            if row is not None:
                state = state_of(row, numbers_of(self.source, row))
                found = state.bytes, state.changed_ns
            else:
                file = self.source.stat()
                found = file.st_size, file.st_mtime_ns
        except (OSError, OptionError):
            return "the source is gone"
        is_same = found == (self.source_bytes, self.source_changed_ns)
        return "" if is_same else "the source has changed"

    @property
    def odd_options(self) -> list[str]:
        """Encoder options that are not taken from a file."""
        pairs = self.options.encoder_options
        return [name for name, value in pairs if not is_harmless(name, value)]


def is_harmless(name: str, value: str) -> bool:
    """Whether an option of an encoder is taken from a file that anybody may have written."""
    return name in HARMLESS and re.fullmatch(r"[\w.,:+-]*", value) is not None


def plan_words(identity: dict[str, str], request: JobRequest, plan: object) -> str:
    """The content of plan.json."""
    return json.dumps({"identity": identity, "request": to_plain(request), "plan": to_plain(plan)})


def kept_identity(content: bytes) -> dict[str, str]:
    """The identity in a plan.json.

    Raises:
        ValueError: there is none.
    """
    return from_plain(dict[str, str], _part(content, "identity"), at="identity")


def kept_request(content: bytes) -> JobRequest:
    """What was asked, from a plan.json.

    Raises:
        ValueError: there is none, or a value in it that no job can have.
    """
    return from_plain(JobRequest, _part(content, "request"), at="request")


def hash_of(part: object) -> str:
    """A short hash of plain data."""
    words = json.dumps(to_plain(part), sort_keys=True)
    return hashlib.sha256(words.encode()).hexdigest()[:32]


def _part(content: bytes, name: str) -> object:
    whole = parse_json(content)
    if not isinstance(whole, dict) or name not in whole:
        raise ValueError(f"plan: expected {name}")
    return whole[name]
