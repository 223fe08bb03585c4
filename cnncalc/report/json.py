"""The summary as JSON (docs/json.md). Keys come in the order of the classes that hold them."""

import re

import msgspec

#: A list of plain values over several lines, and its line breaks. JSON has none inside texts.
_SPREAD, _BREAK = re.compile(r"\[\n\s*([^\[\]{}]*?)\n\s*\]"), re.compile(r"\n\s*")


def render(summary: object) -> str:
    """Indented JSON; a shape stays on one line."""
    text = msgspec.json.format(msgspec.json.encode(summary), indent=2).decode()
    return _SPREAD.sub(lambda spread: f"[{_BREAK.sub(' ', spread[1])}]", text) + "\n"
