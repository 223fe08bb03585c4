"""Which steps of the native engine wait for those before them."""

import pytest

from cnncalc.engine.cpu.hazards import Hazards, Stretch

SLOT, OVER, APART = (Stretch(start, start + 100, 0, 400) for start in (0, 50, 100))


def part(low: int, high: int) -> Stretch:
    return SLOT._replace(low=low, high=high)


@pytest.mark.parametrize(
    ("reads", "writes", "waits"),
    [
        ([SLOT], [APART], True),  # reads what is being written
        ([OVER], [], True),
        ([], [SLOT], True),  # overwrites what is being written
        ([], [Stretch(200, 300, 0, 400)], True),  # or read
        ([Stretch(200, 300, 0, 400)], [APART], False),  # two readers
        ([], [APART], False),
    ],
)
def test_a_step_waits_for_what_it_touches(
    reads: list[Stretch], writes: list[Stretch], waits: bool
) -> None:
    hazards = Hazards()
    assert not hazards.must_wait([Stretch(200, 300, 0, 400)], [SLOT])
    assert hazards.must_wait(reads, writes) == waits


@pytest.mark.parametrize(("low", "waits"), [(0, True), (100, True), (200, False)])
def test_parts_of_a_concatenation_do_not_meet(low: int, waits: bool) -> None:
    hazards = Hazards()
    assert not hazards.must_wait([], [part(0, 200)])
    assert hazards.must_wait([], [part(low, 400)]) == waits


def test_after_waiting_only_newer_steps_count() -> None:
    hazards = Hazards()
    hazards.must_wait([], [SLOT])
    assert hazards.must_wait([SLOT], [APART])
    assert not hazards.must_wait([SLOT], [])
    assert hazards.must_wait([APART], [])
