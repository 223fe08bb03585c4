"""How many images of a batch run through the network at a time.

One image finds what the step before wrote still in the caches, but every image reads all weights
again; with all images at once it is the other way round.
"""

from collections.abc import Sequence

from ..plan import Plan

#: Bytes of tensors that stay in the shared cache from one step to the next.
CACHE = 12 << 20
#: What a wave costs beside its traffic, in bytes: each step waits for all threads, some 5 µs.
STEP = 175 << 10


def images_at_a_time(plan: Plan, packed: Sequence[int], batch: int) -> int:
    """The divisor of a batch with the least traffic with memory; ``packed``: values of weights
    of each step, as they are packed."""
    wave = 4 * sum(packed) + STEP * len(plan.steps)
    traffic = [4 * step.traffic for step in plan.steps]

    def cost(images: int) -> int:
        return batch // images * wave + batch * sum(t for t in traffic if images * t > CACHE)

    return min((n for n in range(1, batch + 1) if batch % n == 0), key=cost)
