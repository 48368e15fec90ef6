"""What can go wrong, as one tree.

VrinrError                   exit 1   any failure that vrinr explains
├── OptionError (ValueError) exit 2   a value that no job can have
├── TargetError              exit 2   a target that cannot be written as asked; told before the first frame
├── EncoderError (TargetError) exit 2 an encoder that is missing here, or does not open
├── InputError               exit 1   a source that cannot be read
├── EncodeError              exit 1   an encoder or muxer that failed during the work
├── DiskError                exit 1   a disk without room for the rest of a job; finished chunks are kept
├── VerifyError              exit 1   a result that is not what the plan promised; it is never renamed
├── WeightsError             exit 1   weights that are damaged, unknown or of another model
├── DeviceError              exit 2   a device or precision that is not to be had here
├── EngineError              exit 1   a frame that the engine could not restore
├── DeviceLostError (EngineError) exit 1 a device that stopped computing in the middle of the work
├── WorkerError              exit 1   a worker process that ended by itself, again and again; a cluster that fails
├── StallError               exit 1   work in which nothing came on for too long; finished chunks are kept
├── PartsError               exit 1   a job whose parts are not all there and whole
├── JobError                 exit 2   a job folder of another job, or in use
└── InterruptedJobError      exit 130 stopped by the user; the same command goes on
"""


def printable(text: str) -> str:
    r"""The text on one line with each control character as \xNN, so that names cannot act on a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def counted(count: int, thing: str) -> str:
    """As in "1 frame" and "2 frames"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def show_bytes(count: int) -> str:
    """Bytes in words: "0.2 MB", "12 MB", "3.1 GB"."""
    megabytes = max(count, 0) / 1e6
    if megabytes >= 1000:
        return f"{megabytes / 1000:.1f} GB"
    return f"{megabytes:.1f} MB" if megabytes < 10 else f"{megabytes:.0f} MB"


class VrinrError(Exception):
    """What happened, with the file or value, and what to do about it."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str, option: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.option = option
        """Whose value it is about, "device", where that may come from elsewhere than the command line."""


class OptionError(VrinrError, ValueError):
    """A value that no job can have."""

    exit_code = 2


class TargetError(VrinrError):
    """A target that cannot be written as asked; told before the first frame."""

    exit_code = 2


class EncoderError(TargetError):
    """An encoder that is missing here, or does not open; another one may."""

    def __init__(self, message: str, *, hint: str, encoder: str = "") -> None:
        super().__init__(message, hint=hint)
        self.encoder = encoder


class InputError(VrinrError):
    """A source that cannot be read."""


class EncodeError(VrinrError):
    """An encoder or muxer that failed during the work."""


class DiskError(VrinrError):
    """A disk without room for the rest of a job."""


class VerifyError(VrinrError):
    """A result that is not what the plan promised."""


class WeightsError(VrinrError):
    """Weights that are damaged, unknown or made for another model."""


class DeviceError(VrinrError):
    """A device or precision that is not to be had here."""

    exit_code = 2


class EngineError(VrinrError):
    """A frame that the engine could not restore."""


class DeviceLostError(EngineError):
    """A device that stopped computing; another one may do the frame."""


class WorkerError(VrinrError):
    """A worker process that ended by itself, again and again."""


class StallError(VrinrError):
    """Work in which nothing came on for too long."""


class PartsError(VrinrError):
    """A job whose parts are not all there and whole."""


class JobError(VrinrError):
    """A job folder that belongs to another job or is in use."""

    exit_code = 2


class InterruptedJobError(VrinrError):
    """Stopped by the user; what is finished is kept."""

    exit_code = 130


def unforeseen(error: Exception) -> VrinrError:
    """Whatever went wrong that nobody thought of, as one line and not a page of code."""
    words = (str(error) or "no message").splitlines()[0]
    return VrinrError(f"{type(error).__name__}: {words}", hint="see it all with `vrinr --debug ...`")
