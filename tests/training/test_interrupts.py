import os
import signal
import threading

import pytest

from vrinr_cli.training.interrupts import HeldInterrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_waits_for_the_check(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with HeldInterrupts() as held:
        held.check()
        os.kill(os.getpid(), number)
        assert held.is_asked
        with pytest.raises(KeyboardInterrupt):
            held.check()
    assert signal.getsignal(number) is before


def test_a_second_signal_acts_at_once() -> None:
    with HeldInterrupts():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_outside_the_main_thread_nothing_is_touched() -> None:
    seen = []

    def enter() -> None:
        with HeldInterrupts() as held:
            held.check()
            seen.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before]
