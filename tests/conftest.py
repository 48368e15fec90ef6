"""One hypothesis profile for all rooms: torch's first call is slow, and the same examples come every time."""

import os
import signal

from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch loads: for small tensors threads only wait
os.environ["VRINR_CONFIG"] = os.devnull  # what the user of this machine has set is not what is tested
for _name in ("VRINR_PROFILE", "VRINR_DEVICE"):
    os.environ.pop(_name, None)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job: commands would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("vrinr", deadline=None, derandomize=True, max_examples=20, print_blob=True)
settings.load_profile("vrinr")
