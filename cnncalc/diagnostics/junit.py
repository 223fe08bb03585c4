"""Findings as a JUnit report, in which each spec is a test case.

The format has no standard. This is the part of it that GitLab, Jenkins and Azure read alike: one
``failure`` at most for each case, and no times. https://docs.gitlab.com/ci/testing/unit_test_reports/
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ..terminal import printable
from .checkout import UNKNOWN, Checkout
from .diagnostic import Diagnostic
from .text import position, report

_NAME = "cnncalc check"


def render(
    findings: Iterable[Diagnostic],
    sources: Mapping[str, str],
    specs: Sequence[str] = (),
    checkout: Checkout = UNKNOWN,
    *,
    strict: bool = False,
) -> str:
    """The report, XML: a case for each spec that was read, and for each other file with findings.

    Errors, with ``strict`` all findings, are the case's failure; what else there is to say of it
    is its output. Control characters, which XML cannot hold, are written as escapes. Findings
    that are of no file (one cannot be read) are a case of their own.
    """
    read = dict.fromkeys(_read(specs, sources, checkout))
    cases: dict[str | None, list[Diagnostic]] = {path: [] for path in read}
    for finding in sorted(findings, key=position):
        cases.setdefault(_case(finding, read), []).append(finding)
    suites = Element("testsuites", name=_NAME)
    suite = SubElement(suites, "testsuite", name=_NAME)
    for path, found in cases.items():
        case = SubElement(suite, "testcase", name=_NAME, classname="cnncalc.check")
        if path is not None:
            inside = checkout.path(path)
            case.set("name", printable(inside or path))
            if inside:
                case.set("file", printable(inside))
        _fill(case, found, sources, strict)
    counts = {"tests": len(cases), "failures": len(suite.findall("*/failure")), "errors": 0}
    for element in (suites, suite):
        element.attrib.update({key: str(count) for key, count in counts.items()})
    suite.set("skipped", "0")
    indent(suites)
    text = tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _read(specs: Sequence[str], sources: Mapping[str, str], checkout: Checkout) -> Iterator[str]:
    """The paths, as in ``sources``, of the specs that were read."""
    paths = {checkout.path(path) or path: path for path in sources}
    stems = {PurePath(path).stem: path for path in sources}
    for spec in specs:
        path = paths.get(checkout.path(spec) or spec) or stems.get(spec.replace("-", "_"))
        if path is not None:  # else a finding of no file says why not
            yield path


def _case(finding: Diagnostic, specs: Container[str]) -> str | None:
    """The file that a finding is a finding of: one in a configuration is of the spec it names."""
    spans = [finding.span, *(related.span for related in finding.related)]
    paths = [span.path for span in spans if span]
    return next((path for path in paths if path in specs), next(iter(paths), None))


def _fill(case: Element, found: list[Diagnostic], sources: Mapping[str, str], strict: bool) -> None:
    failing = [finding for finding in found if strict or finding.severity == "error"]
    if failing:
        first, *others = failing
        message = f"{first.rule.code} {first.rule.name}: {printable(first.message)}"
        message += f" (and {len(others):,} more)" if others else ""
        failure = SubElement(case, "failure", message=message, type=first.rule.code)
        failure.text = "\n".join(report(failing, sources))
    passing = [finding for finding in found if finding not in failing]
    if passing:
        SubElement(case, "system-out").text = "\n".join(report(passing, sources))
