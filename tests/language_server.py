"""A client of the YAML language server, as small as the tests need it."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

COMMAND = os.environ.get("YAML_LANGUAGE_SERVER") or shutil.which("yaml-language-server")


class LanguageServer:
    """The server in a process of its own, with one schema for all specs."""

    def __init__(self, schema: Path) -> None:
        assert COMMAND is not None
        self.process = subprocess.Popen(
            [COMMAND, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.settings = {
            "validate": True, "completion": True, "hover": True, "format": {"enable": False},
            "schemas": {schema.as_uri(): ["*.yaml"]}, "schemaStore": {"enable": False},
            "kubernetesCRDStore": {"enable": False},
        }  # fmt: skip
        self.number = self.files = 0
        capabilities = {"textDocument": {"completion": {"completionItem": {"snippetSupport": True}},
                                         "publishDiagnostics": {}},
                        "workspace": {"configuration": True}}  # fmt: skip
        self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": capabilities})
        self.tell("initialized", {})

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()

    # ------------------------------------------------------------------------------ what it says

    def diagnostics(self, text: str) -> list[dict[str, Any]]:
        """What the server marks in a spec."""
        uri = self.open(text)
        while True:
            message = self.receive()
            if message.get("method") == "textDocument/publishDiagnostics":
                if message["params"]["uri"] == uri:
                    return list(message["params"]["diagnostics"])
            else:
                self.answer(message)

    def completions(self, text: str) -> dict[str, dict[str, Any]]:
        """What the server offers at the ``|`` of a spec, by label."""
        found = self.at_bar("textDocument/completion", text)
        return {item["label"]: item for item in found["items"]}

    def hover(self, text: str) -> str:
        """What the server explains at the ``|`` of a spec."""
        return str(self.at_bar("textDocument/hover", text)["contents"]["value"])

    # ------------------------------------------------------------------------------ the protocol

    def open(self, text: str) -> str:
        self.files += 1
        uri = f"file:///specs/{self.files}.yaml"
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})
        return uri

    def at_bar(self, method: str, text: str) -> Any:
        before = text[: text.index("|")]
        uri = self.open(text.replace("|", "", 1))
        line = before.count("\n")
        position = {"line": line, "character": len(before) - before.rfind("\n") - 1}
        return self.ask(method, {"textDocument": {"uri": uri}, "position": position})

    def tell(self, method: str, params: Any) -> None:
        self.send({"method": method, "params": params})

    def ask(self, method: str, params: Any) -> Any:
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while True:
            message = self.receive()
            if message.get("id") == self.number and "method" not in message:
                assert "error" not in message, message["error"]
                return message["result"]
            self.answer(message)

    def answer(self, message: dict[str, Any]) -> None:
        """Answer what the server asks: the settings."""
        if "id" in message and "method" in message:
            result: Any = None
            if message["method"] == "workspace/configuration":
                given = {"yaml": self.settings}
                result = [given.get(item["section"]) for item in message["params"]["items"]]
            self.send({"id": message["id"], "result": result})

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        length = 0
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, "the language server has ended"
        message: dict[str, Any] = json.loads(self.process.stdout.read(length))
        return message
