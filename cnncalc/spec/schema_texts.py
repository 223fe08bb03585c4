"""What the keys, modifiers and groups of the language are, for the JSON Schema."""

from typing import Any

_TEXT = {"type": ["string", "number", "boolean"], "minLength": 1}

#: The keys of a file: what they are, and examples.
ROOT: dict[str, dict[str, Any]] = {
    "extends": {
        "description": "the spec whose parameters this one sets: a file beside it, or a built-in "
        "architecture",
        "examples": ["vgg", "resnet"],
    },
    "name": {"description": "the network's title", "examples": ["VGG-16"]},
    "source": {"description": "where the network comes from: a paper, a figure, a table"},
    "input": {
        "description": "the shape of the input, without the batch: [channels, height, width]",
        "examples": [[3, 224, 224]],
    },
    "inputs": {"description": "several inputs, each with its shape"},
    "include": {
        "description": "libraries of blocks: files beside it, or built-in ones",
        "examples": ["common"],
    },
    "parameters": {
        "description": "names and their values; a name alone has none yet, and the spec is a "
        "template. In a spec that extends another: new values",
    },
    "blocks": {"description": "parts of the network by name: each is a kind in the entries"},
    "layers": {"description": "the network: entries in order, each reads the one before it"},
    "freeze": {
        "description": "layers that are not trained, by name; * stands for any text",
        "examples": [["conv*"]],
    },
    "expect": {"description": "contracts that cnncalc check enforces: what the numbers must be"},
}

#: The modifiers of an entry.
MODIFIERS: dict[str, dict[str, Any]] = {
    "times": {
        "$ref": "#/$defs/value",
        "description": "so many times, one after the other; index counts from 0",
    },
    "when": {
        "$ref": "#/$defs/value",
        "description": "whether the entry is there: a condition such as stride != 1",
    },
    "from": {
        "type": ["string", "number", "boolean", "array"],
        "minLength": 1,
        "minItems": 1,
        "items": _TEXT,
        "description": "the layers it reads, by name; without it the one before. previous is the "
        "layer before, input the block's input",
        "examples": ["input", "previous"],
    },
    "name": {
        **_TEXT,
        "description": "its name; parts in ( ) are computed",
        "examples": ["conv(index + 1)"],
    },
    "share": {**_TEXT, "description": "the earlier entry whose weights it has, too"},
    "freeze": {"type": "boolean", "description": "its weights are not trained"},
    "training": {"type": "boolean", "description": "of a head: it runs in training only"},
}

_BRANCHES = "Branches that read the same and are"

#: The groups: entries made of entries.
GROUPS: dict[str, str] = {
    "repeat": "Entries several times: times: 3, or over: {width: [64, 128]}, or columns: [a, b] "
    "and over: rows.",
    "sequential": "Several entries as one, for one when, times, name or freeze.",
    "head": "A side output: the main path goes on from before it.",
    "add": f"{_BRANCHES} added: a mapping of names to entries, or none and from: [a, b].",
    "sub": f"{_BRANCHES} subtracted: the first minus the others.",
    "mul": f"{_BRANCHES} multiplied, value by value.",
    "max": f"{_BRANCHES} reduced to the largest value at each position.",
    "concat": f"{_BRANCHES} joined along the channels.",
}

#: What ``expect`` may be about, beside the metrics.
EXPECT: dict[str, str] = {
    "output": "the shape of the output, or a list of shapes, one for each output",
    "training": "with the heads that run in training only",
    "blocks": "limits of the layers of a block together, by its name; * stands for any text",
    "layers": "limits of layers, by name; * stands for any text",
    "max-growth": "how much the numbers may grow against a baseline",
}
