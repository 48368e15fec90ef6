"""Sets of options with a name: `--profile web`. docs/configuration.md says what each is for."""

from collections.abc import Mapping

Value = bool | int | float | str | list[str]
"""Of an option, as TOML has it."""

BUILT_IN: Mapping[str, Mapping[str, Value]] = {
    "archive": {"codec": "h265", "crf": 12, "preset": "slow", "container": "mkv"},
    "web": {
        "codec": "h264",
        "crf": 18,
        "preset": "slow",
        "pix-fmt": "yuv420p",
        "audio": "aac",
        "container": "mp4",
    },
    "anime": {
        "codec": "h265",
        "crf": 16,
        "preset": "slow",
        "pix-fmt": "yuv420p10le",
        "encoder-option": ["tune=animation"],
        "container": "mkv",
    },
    "dvd": {"height": 1080, "codec": "h264", "crf": 16, "preset": "slow", "container": "mkv"},
}
"""Options by their names on the command line. What a command lacks is left out of it."""
