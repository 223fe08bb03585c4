"""The machine: its ceilings, measured in the best way there is and kept; its memory."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cnncalc.analysis.measurements import Result, StepRow
from cnncalc.engine import ceilings as measuring
from cnncalc.engine import machine
from cnncalc.engine.ceilings import Found, Way, ceilings, faster_than_bound


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "cnncalc" / "ceilings.json"


def measured(monkeypatch: pytest.MonkeyPatch, *ways: tuple[str, list[Found]]) -> list[float]:
    """Let each way find these figures, one after the other. The seconds that were asked for."""
    asked: list[float] = []

    def way(name: str, found: list[Found]) -> Way:
        def measure(threads: int, seconds: float) -> Found:
            asked.append(seconds)
            return found.pop(0)

        return Way(name, measure)

    made = [way(name, found) for name, found in ways]
    monkeypatch.setattr(measuring, "ways", lambda: iter(made))
    return asked


def figures(threads: int = 2, **options: Any) -> tuple[float, float, str]:
    found = ceilings(machine.describe(threads), **options)
    return found.flops_per_second, found.bytes_per_second, found.method


def test_the_best_ceilings_are_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = measured(monkeypatch, ("m", [(5, 2), (4, 3), (1, 1), (9, 9), (1, 1)]))
    assert [figures(), figures(), figures()] == [(5, 2, "m"), (5, 3, "m"), (5, 3, "m")]
    assert figures(1) == (9, 9, "m")  # another number of threads is another machine
    assert figures(again=False) == (5, 3, "m")
    assert asked[0] == asked[3] > asked[1] == asked[2]
    cache.write_text("{broken")
    assert figures() == (1, 1, "m")


def test_at_some_time_enough_is_measured(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Found] = [(number, 1) for number in range(1, measuring.TIMES + 1)]
    asked = measured(monkeypatch, ("m", found))
    seen = [figures()[0] for _ in range(measuring.TIMES + 3)]
    assert seen == [*range(1, measuring.TIMES + 1), *[measuring.TIMES] * 3]
    assert len(asked) == measuring.TIMES


def test_what_another_way_found_does_not_count(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured(monkeypatch, ("weak", [(9, 9)]))
    assert figures() == (9, 9, "weak")
    measured(monkeypatch, ("strong", [(5, 2)]), ("weak", [(1, 1)]))
    assert figures() == (5, 2, "strong")
    measured(monkeypatch, ("strong", [None]), ("weak", [(1, 1)]))
    assert figures() == (9, 9, "weak")  # the strong way fails today


def test_a_cache_that_cannot_be_written_is_no_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    measured(monkeypatch, ("m", [(5, 2), (4, 3)]))
    assert [figures(), figures()] == [(5, 2, "m"), (4, 3, "m")]


@pytest.mark.parametrize("native", [True, False])
def test_each_way_measures(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if native and not find_spec("numba"):
        pytest.skip("the native way needs Numba: pip install 'cnncalc[numba]'")
    if not native:
        monkeypatch.setattr(measuring, "missing", lambda: "Numba is not installed")
    way = next(measuring.ways())
    assert ("FMA" in way.method) == native
    found = way.measure(2, 0.01)
    assert found is not None
    assert found[0] > 1e9
    assert 1e8 < found[1] < 1e13


@pytest.mark.parametrize("kind", ["multiply", "read"])
def test_the_loops_pass_their_trial(
    kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba", reason="needs Numba: pip install 'cnncalc[numba]'")
    from cnncalc.engine.cpu import compile as compiling
    from cnncalc.engine.cpu.peak import Ceiling

    monkeypatch.setattr(compiling, "directory", lambda: tmp_path)
    loop = Ceiling(kind, 3)
    assert compiling.Loader(compiling.host()).load([loop])[loop]


def test_a_loop_that_fails_its_trial_measures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba", reason="needs Numba: pip install 'cnncalc[numba]'")
    from cnncalc.engine.cpu import compile as compiling
    from cnncalc.engine.cpu import peak

    monkeypatch.setattr(compiling, "stored", lambda name, where: None)
    monkeypatch.setattr(compiling, "try_in_child", lambda *given: None)
    monkeypatch.setattr(peak, "loader", compiling.Loader)
    assert peak.measure(1, 1 << 20, 0) is None


def test_more_is_read_than_the_caches_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    for cached, read in ((0, 64 << 20), (32 << 20, 128 << 20), (1 << 40, 256 << 20)):
        monkeypatch.setattr(measuring, "largest_cache", lambda size=cached: size)
        assert measuring.read_size() == read


def test_steps_faster_than_their_bound_are_explained() -> None:
    def step(name: str, algorithm: str, percent: float | None) -> StepRow:
        return StepRow(
            name=name, label="", layers=(), kernel="", algorithm=algorithm, layout="", output=(1,),
            in_place=False, arena_offset=0, arena_bytes=4, macs=1, flops=2, bytes=8, intensity=0.25,
            percent_of_bound=percent,
        )  # fmt: skip

    steps = (step("w", "winograd", 250), step("a", "direct", 99), step("b", "direct", None))
    result = Result(
        batch=1, images_at_a_time=1, images_per_second=1, timing=None, arena_bytes=4,
        peak_bytes=4, scratch_bytes=0, weight_bytes=0, steps=steps,
    )  # fmt: skip
    assert faster_than_bound([result]) == []  # a note of its own says why Winograd is
    (note,) = faster_than_bound(
        [msgspec.structs.replace(result, steps=(*steps, step("fc", "direct", 101)))] * 2
    )
    assert note.startswith("faster than their bound: fc;")


def test_free_memory_is_less_than_all() -> None:
    free, total = machine.free_memory(), machine.total_memory()
    assert free is None or total is None or 0 < free <= total


def test_the_largest_cache_is_that_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"index0": "32K\n", "index2": "1024K\n", "index3": "32768K\n"}
    monkeypatch.setattr(machine, "read", lambda path: sizes.get(Path(path).parent.name, ""))
    assert machine.largest_cache() == 32 << 20
    monkeypatch.setattr(machine, "read", lambda path: "")
    assert machine.largest_cache() == 0
