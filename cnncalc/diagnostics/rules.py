"""Every finding cnncalc can make, in one table. Codes are API: never renumbered, never reused.

CNN0xx the file and its YAML; CNN1xx the language; CNN2xx layers and shapes; CNN3xx notes and
warnings about a valid network; CNN4xx broken contracts (``expect``); CNN5xx lint, which is in
`lint_rules`.
"""

from .lint_rules import LINT
from .rule import Rule, RuleOption, Severity

__all__ = ["RULES", "Rule", "RuleOption", "Severity"]

_TABLE = [
    Rule(
        "CNN001",
        "cannot-read",
        "error",
        "the file cannot be read",
        "The path does not exist, is not a file, may not be read, is larger than 16 MiB, or "
        "does not hold UTF-8 text.",
    ),
    Rule(
        "CNN002",
        "yaml-syntax",
        "error",
        "the text is not valid YAML",
        "The YAML parser could not read the text. The usual causes: a comma or bracket inside"
        " { } (write the options on lines of their own), a missing space after a colon, a "
        "value that starts with one of * ! % @ ` > |, or text that contains ': ' or ' #' "
        "unquoted.",
    ),
    Rule(
        "CNN003",
        "yaml-feature",
        "error",
        "a YAML feature that specs do not use",
        "Anchors, aliases, tags, merge keys, null and second documents are not part of the "
        "language: blocks and parameters do their work, visibly.",
    ),
    Rule(
        "CNN004",
        "duplicate-key",
        "error",
        "a key stands twice in one mapping",
        "YAML would silently take the last one. Remove or rename one of the two.",
    ),
    Rule(
        "CNN005",
        "limit",
        "error",
        "the spec is larger than cnncalc will read",
        "Limits keep a mistake from taking the machine down: text of 16 MiB, nesting of 100, "
        "200,000 layers, blocks 50 deep, numbers of 4,096 bits.",
    ),
    Rule(
        "CNN006",
        "toml-syntax",
        "error",
        "the configuration is not valid TOML",
        "cnncalc.toml, or [tool.cnncalc] in pyproject.toml, could not be read. The usual causes: a "
        "text without quotes, a key that stands twice, a list without its closing bracket.",
    ),
    Rule(
        "CNN101",
        "structure",
        "error",
        "something else was expected here",
        "A mapping stands where a list belongs, a list where a mapping belongs, an entry has "
        "no kind or two. The message says what belongs here.",
    ),
    Rule(
        "CNN102",
        "unknown-key",
        "error",
        "a key that means nothing here",
        "The message lists the keys that are allowed at this place, and the nearest one.",
    ),
    Rule(
        "CNN103",
        "missing-key",
        "error",
        "a required key is missing",
        "A spec needs name, input (or inputs) and layers; a block needs layers.",
    ),
    Rule(
        "CNN104",
        "unknown-kind",
        "error",
        "no layer kind, block or group has this name",
        "The key of an entry is a layer kind, a block of this file or of one it includes, a "
        "group (repeat, sequential, head, add, sub, mul, concat), or a parameter that holds a"
        " kind. Unknown kinds are never counted as zero. `cnncalc explain KIND` documents "
        "each kind.",
    ),
    Rule(
        "CNN105",
        "unknown-name",
        "error",
        "a name that stands for nothing here",
        "Plain text is an expression, so a bare word is a name: a parameter, a column of a "
        "repeat, a block, a kind or a choice word. Quote it if it is meant as text. A block "
        "sees the parameters of its own file, never those of its caller.",
    ),
    Rule(
        "CNN106",
        "expression",
        "error",
        "an expression cannot be read",
        "Allowed: numbers, names, + - * / // % **, comparisons, and or not, a if c else b, "
        "in, xs[i], lists, and the functions min max abs ceil floor round len sum "
        "make_divisible.",
    ),
    Rule(
        "CNN107",
        "evaluation",
        "error",
        "an expression has no value",
        "A division by zero, a number too large, an index out of range, or operands that do "
        "not fit the operator. A fraction where a whole number is needed is CNN110.",
    ),
    Rule(
        "CNN108",
        "unknown-option",
        "error",
        "a kind or block has no such option",
        "The message lists the nearest option.",
    ),
    Rule(
        "CNN109",
        "missing-option",
        "error",
        "a required option is missing",
        "The kind or block cannot be made without it.",
    ),
    Rule(
        "CNN110",
        "bad-value",
        "error",
        "a value that is not allowed here",
        "The message says what is and what is allowed. Quoted numbers are text, 2.7 is no "
        "whole number, true is no number.",
    ),
    Rule(
        "CNN111",
        "duplicate-name",
        "error",
        "a name stands twice",
        "Names written by hand are unique within their block, so that from can tell them "
        "apart. Compute part of the name: conv(index + 1).",
    ),
    Rule(
        "CNN112",
        "unknown-from",
        "error",
        "from or share names no layer before this one",
        "from looks in this branch, then outwards up to the edge of the block; previous is "
        "the layer before, input the block's input. Layers that come later cannot be read: a "
        "network has no cycles.",
    ),
    Rule(
        "CNN113",
        "share-mismatch",
        "error",
        "shared weights do not fit",
        "share gives an entry the weights of an earlier one: the same kinds, the same shapes,"
        " in the same order.",
    ),
    Rule(
        "CNN114",
        "recursion",
        "error",
        "a block, include or extends that reaches itself without end",
        "Blocks may call themselves up to 50 deep, if a when ends it. Files may not include "
        "or extend themselves.",
    ),
    Rule(
        "CNN115",
        "empty-branch",
        "error",
        "a branch without entries",
        "The identity is written: identity. A branch whose entries are all removed by when is"
        " gone, and that is allowed.",
    ),
    Rule(
        "CNN116",
        "unknown-parameter",
        "error",
        "a parameter that the spec does not have",
        "A child of extends, or --set, replaces values of existing parameters; it cannot add "
        "new ones.",
    ),
    Rule(
        "CNN117",
        "not-found",
        "error",
        "include or extends finds no such file",
        "They look beside the file, then among the built-in architectures.",
    ),
    Rule(
        "CNN118",
        "outside",
        "error",
        "include, extends or a link leaves the spec's folder",
        "include and extends reach only files below the spec's own folder and the built-in "
        "architectures. `cnncalc check` follows a link, as a spec or a configuration, only within "
        "its folder or its git repository: what it reports holds lines of what it reads.",
    ),
    Rule(
        "CNN119",
        "unset-parameter",
        "error",
        "a required parameter has no value",
        "The spec is a template: give the values with --set name=value, or in a spec that "
        "extends it.",
    ),
    Rule(
        "CNN120",
        "reserved-name",
        "error",
        "a name that cannot be given",
        "Choice words, functions, groups, Python's keywords and channels, in_channels, index,"
        " previous, input, true, false keep their meaning.",
    ),
    Rule(
        "CNN201",
        "rank",
        "error",
        "an input with the wrong number of axes",
        "conv2d wants [C, H, W]. Flatten, permute or reshape first.",
    ),
    Rule(
        "CNN202",
        "input-count",
        "error",
        "too many or too few inputs",
        "Most kinds take one input; merges take two or more; choose them with from.",
    ),
    Rule(
        "CNN203",
        "kernel-too-large",
        "error",
        "the kernel is larger than the padded input",
        "Not one window fits. A smaller kernel, more padding, or less downsampling before.",
    ),
    Rule(
        "CNN204",
        "groups",
        "error",
        "groups do not divide the channels",
        "Both the input and the output channels must be multiples of groups.",
    ),
    Rule(
        "CNN205",
        "merge-mismatch",
        "error",
        "shapes that cannot be merged",
        "add, sub, mul and max want equal shapes (an axis of 1 is stretched); concat wants "
        "equality on every axis but the one it joins. The finding names where each shape "
        "comes from.",
    ),
    Rule(
        "CNN206",
        "shape",
        "error",
        "a layer that cannot take this shape",
        "The sizes do not fit the layer: a reshape to another number of values, an axis that "
        "is not there, a crop larger than the image, channels that do not divide.",
    ),
    Rule(
        "CNN301",
        "lost-rows",
        "note",
        "a step that does not divide leaves rows or columns unread",
        "(W − K + 2P) is no multiple of the stride, so the last rows or columns of the padded"
        " input are never read. Legal, and usual in real networks; an error with --strict.",
    ),
    Rule(
        "CNN302",
        "misaligned",
        "note",
        "a merge of paths whose receptive fields are shifted",
        "Each position of the output mixes image regions with different centres. The union of"
        " both is counted.",
    ),
    Rule(
        "CNN303",
        "mixed-strides",
        "note",
        "a merge of paths with different strides",
        "The paths step through the image at different rates, so their fields drift apart "
        "along the axis. The union at each position is counted, and the largest is shown.",
    ),
    Rule(
        "CNN304",
        "linear-on-image",
        "warning",
        "linear acts on the last axis of an image",
        "As in PyTorch, linear on [C, H, W] mixes the width only. Write flatten before it, or"
        " permute the channels to the end.",
    ),
    Rule(
        "CNN305",
        "unread",
        "warning",
        "a layer whose output nobody reads",
        "It costs parameters and time and changes nothing. Read it with from, or remove it.",
    ),
    Rule(
        "CNN306",
        "shadowed-kind",
        "warning",
        "a block that is named like a layer kind",
        "The block wins. Rename it, so that readers are not misled.",
    ),
    Rule(
        "CNN307",
        "single-branch",
        "warning",
        "a merge that is left with one branch",
        "All other branches were removed by when; the merge is that branch.",
    ),
    Rule(
        "CNN308",
        "freeze-nothing",
        "warning",
        "a freeze pattern that matches no layer",
        "freeze takes layer names, with * for any text.",
    ),
    Rule(
        "CNN401",
        "expect-params",
        "error",
        "params are not what the spec expects",
        "expect is a contract: the exact number of learned values.",
    ),
    Rule(
        "CNN402",
        "expect-macs",
        "error",
        "MACs are not what the spec expects",
        "expect is a contract: the exact number of multiply-accumulates for one image.",
    ),
    Rule(
        "CNN403",
        "expect-output",
        "error",
        "the output shape is not what the spec expects",
        "expect is a contract: the exact shape of the output, or one shape for each output.",
    ),
    Rule(
        "CNN404",
        "budget",
        "error",
        "a number is outside its limit",
        "A limit stands in expect, in a [[budget]] of the configuration, or in --budget: "
        "'<= 5M', '>= 224', '>= 4M, <= 5M'. k, M and G are decimal, KiB, MiB and GiB are powers of "
        "1,024. The finding says the number, the limit, and by how much they differ.",
    ),
    Rule(
        "CNN405",
        "growth",
        "error",
        "a number grew more than is allowed",
        "With --baseline REV, check compares a network with what its file was at that git "
        "revision. max-growth, in expect, in a [[budget]] or as an option, says how much each "
        "number may grow; without one, nothing may. The layers that grew most are named.",
    ),
    Rule(
        "CNN406",
        "budget-nothing",
        "error",
        "a limit that limits nothing",
        "No block, layer or spec has a name that fits the pattern. A budget for a layer that was "
        "renamed would guard nothing from then on, without a word.",
    ),
]

#: The rules by name.
RULES: dict[str, Rule] = {rule.name: rule for rule in (*_TABLE, *LINT)}
