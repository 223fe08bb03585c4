"""JSON Schema of all that holds entries, at each level of what is known of names."""

from .name_schema import LEVELS, choose, hidable, layer_kinds, wrong
from .option_schema import Schema, alone, kind_schema
from .schema_texts import GROUPS, MODIFIERS
from .words import BLOCK_KEYS, MERGES

PARAMETERS: Schema = {
    "type": ["object", "array"],
    "propertyNames": {"$ref": "#/$defs/name"},
    "additionalProperties": {"$ref": "#/$defs/value"},
    "items": {"$ref": "#/$defs/name"},
}


def entry_definitions() -> Schema:
    """The kinds, and at each level lists of entries, entries, branches, blocks and repeats."""
    found: Schema = {
        "call": {
            "description": "a block with its options, or a parameter that holds a kind",
            "type": ["object", "null"],
            "additionalProperties": {"$ref": "#/$defs/value"},
        },
    }
    found |= {
        f"kind_{kind}": kind_schema(layer)
        for kind, layer in layer_kinds().items() if kind not in MERGES
    }  # fmt: skip
    for number, name in enumerate(LEVELS):
        found |= Level(number, name).definitions()
    return found


class Level:
    """All that holds entries, at one level of ignorance."""

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        #: The kinds that no name can hide.
        self.kinds = [] if name == "numbered" else hidable("numbered")
        if name not in ("words", "numbered"):
            self.kinds += hidable("words")

    def ref(self, what: str) -> Schema:
        return {"$ref": f"#/$defs/{what}_{self.name}"}

    def definitions(self) -> Schema:
        return {
            f"{what}_{self.name}": made
            for what, made in {
                "layers": {"type": "array", "items": self.ref("entry"), "minItems": 1},
                "entry": self.entry(),
                "branch": self.branch(),
                "block": self.block(),
                "repeat": self.repeat(),
            }.items()
        }

    def word(self) -> Schema:
        """An entry that is a word: a kind without options."""
        standing = {
            "enum": [kind for kind, layer in layer_kinds().items() if alone(layer)],
            "errorMessage": "this cannot stand alone: it is no kind, or it needs options",
        }
        if self.name == "known":
            return {"if": {"type": "string"}, "then": standing}
        needy = [kind for kind in self.kinds if not alone(layer_kinds()[kind])]
        ways: list[Schema] = [{"enum": ["repeat", "sequential", "head", *needy]}]
        if self.name == "own":
            ways.append({"$ref": "#/$defs/misspelt"})
        return {"if": {"type": "string", "anyOf": ways}, "then": standing}

    def entry(self) -> Schema:
        """A kind alone; or a mapping: one kind with its options, and modifiers."""
        properties: Schema = {key: dict(value) for key, value in MODIFIERS.items()}
        properties |= {kind: {"$ref": f"#/$defs/kind_{kind}"} for kind in self.kinds}
        properties |= {merge: self.merge(merge) for merge in MERGES}
        properties["repeat"] = self.ref("repeat")
        for group in ("sequential", "head"):
            properties[group] = {**self.ref("layers"), "description": GROUPS[group]}
        spelling = {
            "known": [{"$ref": "#/$defs/no_misspelt_key"}],
            "own": [{"$ref": "#/$defs/no_misspelt_key"}],
            "foreign": [{"$ref": "#/$defs/warn_of_misspelt_key"}],
        }
        return {
            "description": "A layer kind, a block or a group, alone or with its options.",
            "type": ["string", "object"],
            "minLength": 1,
            "properties": properties,
            "additionalProperties": False if self.name == "known" else {"$ref": "#/$defs/call"},
            "allOf": [
                self.word(),
                {
                    "if": {"propertyNames": {"enum": list(MODIFIERS)}},
                    "then": {"required": ["(a kind)"],
                             "errorMessage": "this entry has modifiers but no kind"},
                },
                {
                    "if": {"required": ["training"], "properties": {"training": {"const": True}}},
                    "then": {"required": ["head"],
                             "errorMessage": "only a head may be for training only"},
                },
                *spelling.get(self.name, []),
            ],
        }  # fmt: skip

    def merge(self, kind: str) -> Schema:
        options = kind_schema(layer_kinds()[kind])["properties"]
        return {
            "description": GROUPS[kind],
            "type": ["object", "null"],
            "properties": {
                name: {"anyOf": [option, self.ref("branch")]} for name, option in options.items()
            },
            "additionalProperties": self.ref("branch"),
        }

    def branch(self) -> Schema:
        """A branch of a merge: a list of entries, or one entry."""
        return {
            "if": {"type": "array"},
            "then": self.ref("layers"),
            "else": self.ref("entry"),
        }

    def block(self) -> Schema:
        """A block: its entries, or a mapping of what it takes and its entries."""

        def at(level: int) -> Schema:
            return {"properties": {"layers": {"$ref": f"#/$defs/layers_{LEVELS[level]}"}}}

        texts = {"inputs": {"$ref": "#/$defs/names"}, "parameters": PARAMETERS,
                 "layers": {"type": "array"}}  # fmt: skip
        return {
            "description": "A block: a list of entries, or its parameters, inputs and layers.",
            "type": ["array", "object"],
            "if": {"type": "array"},
            "then": self.ref("layers"),
            "else": {
                "properties": {key: texts[key] for key in BLOCK_KEYS},
                "additionalProperties": False,
                "required": ["layers"],
                "allOf": [choose(self.number, ["parameters"], at)],
            },
        }

    def repeat(self) -> Schema:
        """Entries several times: so often, or for each value of lists, or each row of a table."""

        def at(level: int) -> Schema:
            return {"properties": {"layers": {"$ref": f"#/$defs/layers_{LEVELS[level]}"}}}

        columns: Schema = {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"$ref": "#/$defs/name"},
            "additionalProperties": {"$ref": "#/$defs/value"},
        }
        return {
            "description": GROUPS["repeat"],
            "type": "object",
            "properties": {
                "times": {"$ref": "#/$defs/value", "description": "how often"},
                "over": {"description": "lists by the names of their columns, side by side; with "
                                        "columns, the rows of a table"},
                "columns": {"$ref": "#/$defs/names",
                            "description": "the names of the columns of over"},
                "layers": {"type": "array", "description": "the entries of a round"},
            },
            "additionalProperties": False,
            "required": ["layers"],
            "allOf": [
                {
                    "if": {"required": ["over"]},
                    "then": {"properties": {"times": wrong("repeat has times or over, not both")}},
                    "else": {"required": ["times"], "errorMessage": "repeat needs times or over",
                             "properties": {"columns": wrong("columns name the values of over")}},
                },
                {
                    "if": {"required": ["columns"]},
                    "then": {"properties": {"over": {"$ref": "#/$defs/value"}}},
                    "else": {"properties": {"over": columns}},
                },
                choose(self.number, ["over", "columns"], at),
            ],
        }  # fmt: skip
