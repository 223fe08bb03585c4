"""These tests compare cnncalc with PyTorch: ``pip install 'cnncalc[test,verify]'``."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest


class WithoutTorch(pytest.Module):
    """A test file that cannot even be imported."""

    def collect(self) -> Iterable[Any]:
        pytest.skip("PyTorch is not installed: pip install 'cnncalc[verify]'")


def pytest_pycollect_makemodule(module_path: Path, parent: Any) -> pytest.Module | None:
    if find_spec("torch") is None and Path(__file__).parent in module_path.parents:
        return WithoutTorch.from_parent(parent, path=module_path)
    return None


@pytest.fixture
def one_thread() -> Iterable[None]:
    """Threads only cost time on tensors of a few values."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


COUNTED = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def counted(pytestconfig: pytest.Config) -> list[str]:
    """Lines that say how much was compared; printed at the end."""
    return pytestconfig.stash.setdefault(COUNTED, [])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in config.stash.get(COUNTED, []):
        terminalreporter.write_line(line)
