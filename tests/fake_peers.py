"""Engines for tests of the comparison, run in processes of their own like real ones."""

import os
import sys
import threading
import time
from typing import Any

import numpy as np

from cnncalc.engine.peers.job import CannotBuild, Job
from cnncalc.engine.peers.own_engine import OwnEngine


class Fake(OwnEngine):
    """NumPy's kernels, and what the setting says goes wrong."""

    def __init__(self, job: Job) -> None:
        super().__init__(job._replace(engine="numpy"))
        self.setting = job.setting
        if self.setting == "spins":
            threading.Thread(target=self.spin, daemon=True).start()

    def spin(self) -> None:
        while True:
            pass

    def run(self) -> int:
        if self.setting == "slow":
            time.sleep(0.02)
        if self.setting == "hangs":
            time.sleep(1e6)
        if self.setting == "dies":
            print("that was too much", file=sys.stderr, flush=True)
            os.abort()
        print("an engine may print what it likes")
        return super().run()

    def outputs(self) -> list[Any]:
        scale = 1.01 if self.setting == "wrong" else 1
        return [output * np.float32(scale) for output in super().outputs()]


def build(job: Job) -> Fake:
    if job.setting == "cannot":
        raise CannotBuild("cannot build: kind of magic")
    if job.setting == "raises":
        raise ValueError("not like this\nnor like that")
    return Fake(job)
