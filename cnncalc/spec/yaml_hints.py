"""The errors of the YAML parser, and what to write instead.

The parser says what it expected; what the writer meant shows in the text around the place. One
table of rows says both. The patterns cover the words of libyaml and of PyYAML's own parser.
"""

from typing import Literal, NamedTuple


class HintRow(NamedTuple):
    """A row fits if ``error`` is found in what the parser says, ``before`` in the line before
    and the text up to the place, and ``at`` matches the text from the place on. ``<word>`` in
    the message and the hint is the group ``word`` of a pattern. The finding stands at the
    problem, at the context (what was open: a bracket, a quote) or at the line above. To ``insert``
    a text at the group ``here`` is the one safe fix."""

    error: str
    before: str
    at: str
    message: str
    hint: str
    place: Literal["problem", "context", "above"] = "problem"
    insert: str = ""


_MAPPING_VALUE = "mapping values are not allowed"
_IN_FLOW = r"flow (mapping|sequence).*expected ',' or"
_IN_LINES = r"block mapping.*(expected key|but found)"
_KEY_BELOW = r"\n *[^\s:,{}\[\]]+$"
_OWN_LINES = "write the options on lines of their own, without { }"
_CONDITION = "the condition is written `a if condition else b`"

TABLE = [
    # A colon where no key is.
    HintRow(_MAPPING_VALUE, r"\s\?\s.*$", ": ", "? : has no meaning here", _CONDITION),
    HintRow(
        _MAPPING_VALUE,
        r"^ *(- +)+(?P<kind>\w+)(?P<here>) *(#.*)?\n *(?P<key>\w+)$",
        ":(?P<value>.*)",
        "<kind> takes <key> only with a colon of its own",
        "write `- <kind>:` and `<key>:<value>` below it, or `- {<kind>, <key>:<value>}`",
        insert=":",
    ),
    HintRow(
        _MAPPING_VALUE,
        r"^ *(- +)*(?P<key>[A-Za-z_]\w*):(?P<here>)(?P<value>[^\s:/].*)" + _KEY_BELOW,
        ":",
        "<key>:<value> is one word: the colon has no space after it",
        "write `<key>: <value>`",
        "above",
        " ",
    ),
    HintRow(
        _MAPPING_VALUE,
        r"^ *(- +)*(?P<above>[^\s:]+): +\S.*\n *(?P<key>[^\s:,{}\[\]]+)$",
        ":",
        "<key> is indented deeper than <above>, which has its value already",
        "align <key> with <above>",
    ),
    HintRow(
        _MAPPING_VALUE,
        r"^ *(?P<above>[^:]*\S)" + _KEY_BELOW,
        ":",
        "a colon, but the line above is no key: <above>",
        "write a colon and a space after the key of the line above: `key: value`",
        "above",
    ),
    HintRow(
        _MAPPING_VALUE,
        r"(^|\n) *(- +)*(?P<key>[^\s:]+): +(?P<value>[^\n]*)$",
        ":(?P<rest>.*)",
        "a second colon in one line",
        'quote it if it is text: `<key>: "<value>:<rest>"`; '
        "write `<value>:<rest>` on a line of its own if it is a key",
    ),
    HintRow(_MAPPING_VALUE, "", ":", "a colon, but no key before it", "quote the text"),
    # Lines without a colon.
    HintRow(
        "expected ':'",
        "",
        r"(?P<key>[A-Za-z_]\w*):(?P<here>)"
        r"(?P<value>\[[^\]]*\]?|\{[^}]*\}?|[^\s:/{\[][^\s,}\]]*)",
        "<key>:<value> is one word: the colon has no space after it",
        "write `<key>: <value>`",
        "context",
        " ",
    ),
    HintRow(
        "expected ':'",
        "",
        r"-(?P<here>)(?P<word>[A-Za-z_{\[].*)",
        "-<word> is one word: the dash has no space after it",
        "write `- <word>`",
        "context",
        " ",
    ),
    HintRow(
        "expected ':'",
        "",
        r"(?P<word>.*)",
        "a line without a colon: <word>",
        "write `key: value`; indent it if it goes on with the line above",
        "context",
    ),
    # Inside { } and [ ].
    HintRow(
        _IN_FLOW,
        r"(?P<word>[\w)\]]+)$",
        r"(?P<index>\[[^\]\n]*\]?)",
        "a [ within a value: inside { } and [ ] it starts a list",
        _OWN_LINES + " or [ ]: there <word><index> is read as one",
    ),
    HintRow(
        _IN_FLOW,
        r"\bin *$",
        r"(?P<list>\[[^\]\n]*\]?)",
        "a [ within a value: inside { } and [ ] it starts a list",
        _OWN_LINES + ": there `in <list>` is read as one",
    ),
    HintRow(
        _IN_FLOW,
        r"(?P<word>[^\s,\[\]{}]*)$",
        r"\{(?P<name>[^}\n]*)\}?",
        "a { within a value: inside { } and [ ] it starts a mapping",
        "computed parts of a name stand in parentheses: `<word>(<name>)`",
    ),
    HintRow(
        _IN_FLOW,
        "",
        r"\[",
        "a [ within a value: inside { } and [ ] it starts a list",
        _OWN_LINES,
    ),
    HintRow(_IN_FLOW, r"\s\?\s.*$|", r"\?", "? : has no meaning here", _CONDITION),
    HintRow(_IN_FLOW, r"\s\?\s[^\n]*$", ":", "? : has no meaning here", _CONDITION),
    HintRow(
        _IN_FLOW,
        r"[^\n]*[{,] *(?P<key>[^\s:,]+): +(?P<value>[^\s:,]+)$",
        r":(?P<rest>[^,}\]\n]*)",
        "a second colon in one value",
        'quote it if it is text: `<key>: "<value>:<rest>"`',
    ),
    HintRow(
        _IN_FLOW,
        r"[^\n]*[{,] *[^\s:,]+: +[^\n:,]* (?P<key>[^\s:,]+)$",
        ":",
        "<key> is a second key without a comma before it",
        "write a comma before <key>",
    ),
    HintRow("flow mapping.*expected ',' or", "", r"\]", "a { is closed by a ]", "close it with }"),
    HintRow("flow sequence.*expected ',' or", "", r"\}", "a [ is closed by a }", "close it with ]"),
    HintRow(
        _IN_FLOW,
        r"(?P<text>\"[^\"\n]*\"|'[^'\n]*') *$",
        r"(?P<sign>[=!]=|in\b) *(?P<name>[^\s,}\]]*)",
        "<text> ends the value: YAML takes nothing after a closing quote",
        "write the name first: `<name> == <text>`",
    ),
    HintRow(
        _IN_FLOW,
        r"[\"'] *$",
        r".",
        "text after a closing quote",
        "put all of it into the quotes, or a comma between; in '…' an apostrophe is doubled",
    ),
    HintRow(
        _IN_FLOW,
        r"[\]}] *$",
        r".",
        "a value goes on after its closing bracket",
        "write a comma after it; for an expression, " + _OWN_LINES,
    ),
    HintRow(
        _IN_FLOW,
        "",
        r"(?P<open>[\[{])",
        "this <open> is not closed",
        "close it, or write the comma that is missing between two of its parts",
        "context",
    ),
    HintRow("flow node", "", r",", "a comma with nothing before it", "remove it, or write a value"),
    HintRow("flow node", "", r":", "a colon with no key before it", "write `key: value`"),
    HintRow("flow node", "", r"[\]}]", "a bracket that was never opened", "remove it"),
    HintRow(
        "flow node",
        "",
        "",
        "a value is missing here: a [ or { above is still open",
        "close it with ] or }",
    ),
    # Values that start with a sign of YAML.
    HintRow(
        "an alias",
        r"[\]}\"'] *$",
        r"\*",
        "an operator after a list or a quoted text",
        "start with a name or a number, or put the expression into ( )",
        "context",
    ),
    HintRow(
        "an alias",
        "",
        r"(?P<text>[^\n,}\]#]*[^\s,}\]#])",
        "a value cannot start with *",
        'quote it if it is text: `"<text>"`; an expression starts with a name or a number',
        "context",
    ),
    HintRow("an anchor", "", r"&&", "a value cannot start with &&", "write `a and b`", "context"),
    HintRow(
        "an anchor", "", "", "a value cannot start with &", "write `and`; quote a text", "context"
    ),
    HintRow(
        "block scalar",
        "",
        r"\|\|",
        "a value cannot start with ||",
        "write `a or b`",
        "context",
    ),
    HintRow(
        "block scalar",
        "",
        r"(?P<sign>[>|])",
        "a value cannot start with <sign>: YAML takes it for a text in the lines below",
        "an expression starts with a name or a number, as in `n > 3`; quote a text",
        "context",
    ),
    HintRow(
        "cannot start any token|tab character",
        "",
        r"\t",
        "a tab: YAML is indented with spaces",
        "replace the tab by spaces",
    ),
    HintRow(
        "cannot start any token",
        "",
        r"(?P<sign>.)(?P<rest>[^\n,}\]#]*)",
        "a value cannot start with <sign>",
        'quote it if it is text: `"<sign><rest>"`; an expression starts with a name or a number',
    ),
    HintRow(
        "directive",
        "",
        "%",
        "a % at the start of a line",
        "YAML takes it for a directive; remove it, or quote the text",
        "context",
    ),
    HintRow(
        "<document start>",
        r"^%",
        "",
        "a % at the start of a line",
        "YAML takes it for a directive; remove it, or quote the text",
        "above",
    ),
    HintRow(
        "tag",
        "",
        r"(?P<word>!\S*)",
        "<word> is a tag of YAML, which specs do not use",
        "`not` is written as a word; quote a text that starts with !",
        "context",
    ),
    # Quotes.
    HintRow(
        "quoted scalar.*unexpected (end of stream|document)",
        "",
        '"',
        'this " is never closed',
        'close it with "',
        "context",
    ),
    HintRow(
        "quoted scalar.*unexpected (end of stream|document)",
        "",
        "'",
        "this ' is never closed",
        "close it with '; a text with an apostrophe is quoted with \"",
        "context",
    ),
    HintRow(
        "escape",
        "",
        "",
        r'in "…" a \ starts an escape, and YAML does not know this one',
        r"quote it with '…', where a \ is a \, or write \\",
    ),
    # Lines that fit nothing above.
    HintRow(
        _IN_LINES,
        r"(?P<text>\"[^\"\n]*\"|'[^'\n]*') *$",
        r"(?P<sign>[=!]=|in\b) *(?P<name>\S*)",
        "<text> ends the value: YAML takes nothing after a closing quote",
        "write the name first: `<name> == <text>`",
    ),
    HintRow(
        _IN_LINES,
        r"[\"'] *$",
        r".",
        "text after a closing quote",
        "put all of it into the quotes; in '…' an apostrophe is doubled, so use \"…\"",
    ),
    HintRow(
        r"block|<document start>",
        r"[\]}][^\n]*$",
        r"[\]}]",
        "a bracket that was never opened",
        "remove it",
    ),
    HintRow(
        r"block|<document start>",
        r"[\]}] *$",
        r"\S",
        "a value goes on after its closing bracket",
        "for an expression with a list, put all of it into ( ); else start a new line",
    ),
    HintRow(
        _IN_LINES,
        r"^ *(- +)*(?P<key>[A-Za-z_]\w*):(?P<here>)(?P<value>[^\s:/][^\n]*)\n *$",
        r"\w+:",
        "<key>:<value> is one word: the colon has no space after it",
        "write `<key>: <value>`",
        "above",
        " ",
    ),
    HintRow(
        _IN_LINES,
        r"\n *$",
        r"- ",
        "a list item where a key belongs",
        "align it with the items of its list; a list stands below its key, as in `layers:`",
    ),
    HintRow(
        _IN_LINES,
        r"\n *$",
        r":",
        "a colon with no key before it",
        "write `key: value`",
    ),
    HintRow(
        _IN_LINES,
        r"\n *$",
        r"(?P<word>[^\s:]*)",
        "<word> is indented unlike the lines above",
        "align it with the key it belongs beside",
    ),
    HintRow(
        "block collection",
        r"^ *(- +)+(?P<kind>\w+)(?P<here>) *(#.*)?\n +$",
        r"(?P<key>\w+):(?P<value>.*)",
        "<kind> takes <key> only with a colon of its own",
        "write `- <kind>:` and `<key>:<value>` below it, or `- {<kind>, <key>:<value>}`",
        insert=":",
    ),
    HintRow(
        "block collection",
        r"\n *$",
        r"- ",
        "this item is indented unlike the items above",
        "align their dashes",
    ),
    HintRow(
        "<document start>",
        r"\n *$",
        r"(?P<word>[^\s:]*)",
        "<word> is indented unlike the lines above",
        "align it with them",
    ),
    HintRow("block node", "", "", "a value is missing here", "write it, or remove the key"),
    HintRow(
        "block collection",
        r"\n *$",
        r"(?P<word>[^\s:]*)",
        "<word> stands where a list item belongs",
        "write `- <word>`; if it is a key beside the list, indent it like the list's key",
    ),
    HintRow("", r"\n *$", r"[\]}]", "a bracket that was never opened", "remove it"),
]
