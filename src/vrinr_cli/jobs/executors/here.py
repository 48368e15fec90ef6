"""Chunks one after the other, in this process."""

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import count

from vrinr_cli.jobs.executors.orders import Finished, Hooks, Order
from vrinr_cli.jobs.plan import Plan
from vrinr_cli.jobs.run import Resources, peak_memory, run_chunk


class Here:
    """The caller's own process and one engine."""

    def __init__(self, plan: Plan, resources: Resources) -> None:
        self.plan, self.resources = plan, resources

    def run(self, orders: Iterable[Order], hooks: Hooks) -> Iterator[Finished]:
        """Make chunks, in order.

        Raises:
            VrinrError: as `run_chunk` does.
        """
        for order in orders:
            hooks.before()
            yield self._made(order, hooks)

    def close(self) -> None:
        """Nothing is left to end."""

    def _made(self, order: Order, hooks: Hooks) -> Finished:
        done = count(1)
        return make(self.plan, order, self.resources, lambda _: hooks.advance(next(done)))


def make(plan: Plan, order: Order, resources: Resources, on_frame: Callable[[int], None]) -> Finished:
    """Make one chunk in this process.

    Raises:
        VrinrError: as `run_chunk` does.
    """
    counts = resources.engine.counts
    before = counts.halvings
    report = run_chunk(plan, plan.chunks[order.index], order.path, resources, on_frame)
    return Finished(report, counts.tile, counts.halvings - before, os.getpid(), peak_memory())
