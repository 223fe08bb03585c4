"""Workflow commands as GitHub's runner reads them: actions/runner, ActionCommand.TryParseV2."""


def commands(log: str) -> list[tuple[str, dict[str, str], str]]:
    """The commands in a log: their names, properties and messages."""
    found = []
    for line in log.splitlines():
        if line.lstrip().startswith("::") and line.find("::", 2) > 0:
            head, _, data = line.lstrip()[2:].partition("::")
            command, _, rest = head.partition(" ")
            pairs = (pair.split("=", 1) for pair in rest.split(","))
            properties = {key: unescaped(value, ":,") for key, value in pairs}
            found.append((command, properties, unescaped(data, "")))
    return found


def unescaped(text: str, more: str) -> str:
    for char in ("\r", "\n", *more, "%"):
        text = text.replace(f"%{ord(char):02X}", char)
    return text
