"""Environment variables that vrinr reads, and those that only look like one of them."""

import difflib
import os
from collections.abc import Mapping

PREFIX = "VRINR_"
CONFIG, PROFILE, DEVICE = "VRINR_CONFIG", "VRINR_PROFILE", "VRINR_DEVICE"
KNOWN = (CONFIG, PROFILE, DEVICE)


def unknown_notes(environment: Mapping[str, str] = os.environ) -> list[str]:
    """A line for each variable that is set and has a name as ours have, but means nothing."""
    names = sorted(name for name, value in environment.items() if name.startswith(PREFIX) and value)
    return [_note(name) for name in names if name not in KNOWN]


def _note(name: str) -> str:
    close = difflib.get_close_matches(name, KNOWN, n=1, cutoff=0.8)
    meant = f"did you mean {close[0]}? " if close else ""
    return f"{name} is set and means nothing; {meant}vrinr reads {', '.join(KNOWN)}"
