"""Findings as SARIF 2.1.0, for code scanning and for editors.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html
(§ below are its sections).
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

import msgspec

from ..terminal import printable
from .checkout import UNKNOWN, Checkout
from .diagnostic import Diagnostic, Fix, Related, Span
from .fingerprint import Fingerprints
from .rules import RULES, Rule
from .text import hint, position

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_ROOT = "%SRCROOT%"
#: What ends a line of a spec, as YAML 1.1 has it.
_LINE_ENDS = ["\r\n", "\n", "\r", "\x85", "\u2028", "\u2029"]


def render(
    findings: Iterable[Diagnostic],
    sources: Mapping[str, str],
    checkout: Checkout = UNKNOWN,
    *,
    version: str = "",
    rules_page: str = "",
) -> str:
    """A log of one run. Paths are relative to the top of the repository, ``%SRCROOT%``.

    A finding that is of no file (one cannot be read) is a notification of the run, because a
    result without a place makes GitHub refuse the whole log. ``rules_page`` is where rules are
    documented, each under an anchor that is its code.
    """
    ordered = sorted(findings, key=position)
    # From the table: a finding's own rule may have another severity, by the user's settings.
    rules = sorted({RULES[finding.rule.name] for finding in ordered})
    number = {rule.code: index for index, rule in enumerate(rules)}
    fingerprints = Fingerprints(sources)
    placeless = [_notification(finding) for finding in ordered if finding.span is None]
    driver = {"name": "cnncalc", "version": version, "informationUri": rules_page}
    run = {
        "tool": {
            "driver": {key: value for key, value in driver.items() if value}
            | {"rules": [_rule(rule, rules_page) for rule in rules]}
        },
        "invocations": [
            {"executionSuccessful": not placeless, "toolExecutionNotifications": placeless}
        ],
        "originalUriBaseIds": {
            _ROOT: {"description": {"text": "The top of the repository."}},
        },
        # Python's text, and so every column, is in code points (§3.14.27).
        "columnKind": "unicodeCodePoints",
        "newlineSequences": _LINE_ENDS,
        "results": [
            _result(finding, finding.span, number, checkout)
            | {"partialFingerprints": fingerprints.of(finding)}
            for finding in ordered
            if finding.span
        ],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log), indent=2).decode() + "\n"


def _rule(rule: Rule, page: str) -> dict[str, Any]:
    # Indented lines are code to Markdown from four blanks on.
    explained = rule.explanation.replace("\n  ", "\n    ")
    markdown = f"**{rule.code} {rule.name}**: {rule.summary}\n\n{explained}"
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.explanation.partition("\n\n")[0]},
        "help": {"text": f"{rule.summary}\n\n{rule.explanation}", "markdown": markdown},
        **({"helpUri": f"{page}#{rule.code.lower()}"} if page else {}),
        "defaultConfiguration": {"level": rule.severity, "enabled": rule.default},
    }


def _result(
    finding: Diagnostic, span: Span, number: Mapping[str, int], checkout: Checkout
) -> dict[str, Any]:
    related = [_related(index, one, checkout) for index, one in enumerate(finding.related)]
    return {
        "ruleId": finding.rule.code,
        "ruleIndex": number[finding.rule.code],
        "level": finding.severity,
        "message": _message(finding),
        "locations": [_location(span, checkout)],
        **({"relatedLocations": related} if related else {}),
        **({"fixes": [_fix(finding.fix, checkout)]} if finding.fix else {}),
    }


def _notification(finding: Diagnostic) -> dict[str, Any]:
    return {
        "level": finding.severity,
        "message": _message(finding),
        "associatedRule": {"id": finding.rule.code},
    }


def _related(index: int, related: Related, checkout: Checkout) -> dict[str, Any]:
    place = _location(related.span, checkout)
    return {"id": index, **place, "message": {"text": _text(related.text)}}


def _fix(fix: Fix, checkout: Checkout) -> dict[str, Any]:
    changes: dict[str, list[dict[str, Any]]] = {}
    for span, text in fix.edits:
        replacement = {"deletedRegion": _region(span), "insertedContent": {"text": text}}
        changes.setdefault(span.path, []).append(replacement)
    return {
        "description": {"text": _text(fix.text)},
        "artifactChanges": [
            {"artifactLocation": _artifact(path, checkout), "replacements": replacements}
            for path, replacements in changes.items()
        ],
    }


def _message(finding: Diagnostic) -> dict[str, str]:
    return {"text": "\n".join(map(_text, [finding.message, *map(str.strip, hint(finding))]))}


def _text(text: str) -> str:
    """Plain text of a message, in which nothing is a link: ``[…](…)`` would be one (§3.11.6).

    Braces stay single: of a message without arguments, viewers show two where there are two.
    """
    return printable(text).replace("](", "\\](")


def _location(span: Span, checkout: Checkout) -> dict[str, Any]:
    artifact = _artifact(span.path, checkout)
    return {"physicalLocation": {"artifactLocation": artifact, "region": _region(span)}}


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.line, "startColumn": span.column,
        "endLine": span.end_line, "endColumn": span.end_column,
    }  # fmt: skip


def _artifact(path: str, checkout: Checkout) -> dict[str, str]:
    inside = checkout.path(path)
    if inside is not None:
        return {"uri": quote(inside, errors="backslashreplace"), "uriBaseId": _ROOT}
    absolute = PurePath(os.path.normpath(os.path.join(checkout.folder, path)))
    if path.startswith("-"):  # standard input, --set
        return {"uri": quote(path, errors="backslashreplace")}
    return {"uri": absolute.as_uri()}
