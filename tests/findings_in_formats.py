"""The findings that every format is tested with, and those of all rules."""

import os
from pathlib import Path
from typing import Any

from cnncalc.api import check_specs
from cnncalc.diagnostics import Findings, Related, Span
from cnncalc.diagnostics.checkout import Checkout
from cnncalc.diagnostics.diagnostic import Edit, Fix
from cnncalc.diagnostics.formats import render

HERE = Path(__file__).parent
CHECKOUT = Checkout("/repository", "/repository/nets")
HOSTILE = "50%, 1:2::error::x\r\n\x1b[31m ](http://x) ]]> <b> \x00\ud800"

SOURCES = {
    "vgg.yaml": "name: VGG\ninput: [3, 224, 224]\nlayers:\n  - relu\n"
    "  - {name: 𝑘, conv2d: {out_channels: 64, kernel_size: 0}}\n",
    "50%,a:b.yaml": "layers:\n  - relu\n  - relu\n",
    "clean.yaml": "name: clean\n",
    "../beside.yaml": "x\n",
    "-": "x\n",
}
SPECS = ("vgg.yaml", "50%,a:b.yaml", "/repository/nets/clean.yaml", "../beside.yaml", "-", "gone")


def findings() -> Findings:
    """A finding of every sort of place, text and severity."""
    found = Findings()
    found.report("cannot-read", "there is no file gone")
    found.report(
        "bad-value",
        "kernel_size is 0; allowed: a whole number, 1 or more",
        Span("vgg.yaml", 5, 55, 5, 56),
        hint="write 1,\nor leave the layer out",
        related=[Related(Span("vgg.yaml", 2, 8, 2, 21), "input makes [3, 224, 224]")],
    )
    found.report("lost-rows", "1 row is never read", Span("vgg.yaml", 5, 15, 5, 21))
    found.report(
        "unread",
        "nobody reads it",
        Span("50%,a:b.yaml", 2, 5, 3, 9),
        fix=Fix("remove it", (Edit(Span("50%,a:b.yaml", 2, 1, 3, 1), ""),)),
    )
    found.report("structure", HOSTILE, Span("50%,a:b.yaml", 3, 5, 3, 9), hint=HOSTILE)
    found.report("unread", "two of them", Span("50%,a:b.yaml", 2, 5, 2, 9))
    found.report("structure", "beside", Span("../beside.yaml", 1, 1, 2, 1))
    found.report("structure", "typed", Span("-", 1, 1, 1, 1))
    found.report("structure", "built in", Span("/site-packages/a b.yaml", 1, 1, 1, 2))
    return found


def rendered(format_: str, **options: Any) -> str:
    options = {"specs": SPECS, "hidden": 1, "checkout": CHECKOUT, "version": "1.0"} | options
    return render(format_, findings(), SOURCES, **options)


def golden() -> tuple[Findings, dict[str, str]]:
    """A finding of every rule: the cases of tests/findings."""
    before = Path.cwd()
    os.chdir(HERE)
    try:
        checked = check_specs(sorted(map(str, Path("findings").glob("*.yaml"))))
    finally:
        os.chdir(before)
    assert len({finding.rule for finding in checked.findings}) > 30
    return checked.findings, checked.sources
