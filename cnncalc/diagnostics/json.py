"""Findings as JSON, for programs. Keys are only ever added within a version of the schema."""

from collections.abc import Iterable
from typing import Any

import msgspec

from .diagnostic import Diagnostic, Span
from .text import position

SCHEMA = "cnncalc.findings/1"


def render(findings: Iterable[Diagnostic]) -> str:
    """An object with ``schema`` and ``findings``, a list by place; ends in a newline.

    Places are null for a finding that is of no file. Lines and columns count from 1, in
    characters; the end is past the last one.
    """
    found = [_one(finding) for finding in sorted(findings, key=position)]
    text = msgspec.json.encode({"schema": SCHEMA, "findings": found})
    return msgspec.json.format(text, indent=2).decode() + "\n"


def _one(finding: Diagnostic) -> dict[str, Any]:
    return {
        "code": finding.rule.code,
        "name": finding.rule.name,
        "severity": finding.severity,
        "message": _encodable(finding.message),
        "hint": _encodable(finding.hint),
        **_place(finding.span),
        "related": [
            {**_place(span), "message": _encodable(text)} for span, text in finding.related
        ],
    }


def _place(span: Span | None) -> dict[str, Any]:
    if span is None:
        return dict.fromkeys(Span._fields)
    return span._asdict() | {"path": _encodable(span.path)}


def _encodable(text: str) -> str:
    """The text with what is no character (a path that is not UTF-8) as an escape."""
    return text.encode("utf-8", "backslashreplace").decode()
