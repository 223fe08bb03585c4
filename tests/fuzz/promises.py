"""What `cnncalc check` promises for every text, whoever wrote it.

It ends soon, with findings and no exception; it reads nothing but the spec's folder and the zoo; it
writes nothing; what it reports is well-formed in every format, and drives no terminal; and `--fix`
leaves a spec that checks better.
"""

import os
import re
import time
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import msgspec
from fuzz.guard import guarded
from workflow_commands import commands

from cnncalc.api import Checked, check_specs
from cnncalc.checking import Wanted
from cnncalc.diagnostics import Findings
from cnncalc.diagnostics.checkout import Checkout
from cnncalc.diagnostics.formats import render
from cnncalc.fixing import repair
from cnncalc.spec.files import shown
from cnncalc.spec.text_file import decode

#: Of processor time, for a text of a few KB.
SECONDS = 2.0
#: What stands between the spec, the file beside it and the configuration: RECORD SEPARATOR.
BETWEEN = b"\x1e"
FORMATS = ("text", "json", "github", "sarif", "junit")
_COLORS = re.compile(r"\x1b\[[0-9;]*m")


class Input(NamedTuple):
    """A spec, ``beside.yaml``, ``cnncalc.toml``, and what is asked for."""

    spec: bytes
    beside: bytes = b""
    config: bytes = b""
    format: str = "text"
    fix: bool = False
    all_rules: bool = False
    on_disk: bool = True

    @classmethod
    def read(cls, data: bytes) -> "Input":
        """The input that bytes mean: the first chooses, the others are the texts."""
        choice, texts = data[0] if data else 0, data[1:].split(BETWEEN, 2)
        choice, format_ = divmod(choice, len(FORMATS))
        choice, fix = divmod(choice, 8)
        on_disk, all_rules = divmod(choice, 2)
        spec, beside, config = (*texts, b"", b"")[:3]
        return cls(
            spec, beside, config, FORMATS[format_], fix == 7, all_rules == 1, on_disk in (2, 3)
        )

    def write(self) -> bytes:
        """The bytes that `read` reads so."""
        choice = 7 * self.fix + 8 * (self.all_rules + 2 * 2 * self.on_disk)
        texts = [self.spec, self.beside, self.config]
        return bytes([FORMATS.index(self.format) + len(FORMATS) * choice]) + BETWEEN.join(texts)


class Folder:
    """A folder that holds one input after the other."""

    def __init__(self, path: Path) -> None:
        (path / ".git").mkdir(parents=True)  # nobody looks for a configuration above
        self.path = path
        self.files = [str(path / name) for name in ("spec.yaml", "beside.yaml", "cnncalc.toml")]
        self.specs = self.files[:1]
        self.checkout = Checkout.around(str(path), {})
        #: What stands in the files now.
        self.written: dict[str, bytes] = {}
        for file in self.files:
            self.write(file, b"")

    def write(self, file: str, content: bytes) -> None:
        if self.written.get(file) == content:
            return
        self.written[file] = content
        with open(file, "wb") as target:
            target.write(content)

    def texts(self, given: Input) -> dict[str, str]:
        """The texts of an input, by path, or {} if they are on the disk, which takes longer."""
        contents = dict(zip(self.files, given[:3], strict=True))
        if given.config:
            self.write(self.files[2], given.config)
        elif self.written.pop(self.files[2], None) is not None:
            os.unlink(self.files[2])  # an empty one is read, too
        texts = {}
        for file in self.files[:2]:
            text = None if given.on_disk else decode(file, contents[file], Findings())
            if text is None:
                self.write(file, contents[file])
            else:
                texts[shown(Path(file))] = text
        return texts

    def hold(self, given: Input) -> Findings:
        """Check an input, and see that all that is promised holds; its findings come back."""
        wanted = Wanted(select=("ALL",) if given.all_rules else (), texts=self.texts(given))
        begin = time.perf_counter()
        checked, report = self.check(wanted, given.format)
        if time.perf_counter() - begin > SECONDS:  # or was the machine busy with others?
            begin = time.process_time()
            self.check(wanted, given.format)
            spent = time.process_time() - begin
            assert spent < SECONDS, f"{spent:.1f} s"
        well_formed(given.format, report, checked.findings)
        if given.fix and any(finding.fix for finding in checked.findings):
            self.hold_fixed(wanted, checked)
        return checked.findings

    def check(self, wanted: Wanted, format_: str) -> tuple[Checked, str]:
        with guarded(self.path):
            checked = check_specs(self.specs, wanted)
            return checked, self.report(checked, format_)

    def report(self, checked: Checked, format_: str) -> str:
        return render(
            format_, checked.findings, checked.sources, specs=checked.specs, hidden=1,
            color=format_ == "text", checkout=self.checkout, version="1.0",
        )  # fmt: skip

    def hold_fixed(self, wanted: Wanted, before: Checked) -> None:
        """A fix makes a spec better, and touches nothing else."""
        with guarded(self.path):
            repairs = repair(self.specs, wanted)
        assert {shown(Path(path)) for path in self.specs} >= set(repairs.texts)
        if repairs.texts:
            texts = {**wanted.texts, **repairs.texts}
            after = check_specs(self.specs, wanted._replace(texts=texts))
            assert badness(after.findings) < badness(before.findings)


def badness(findings: Findings) -> tuple[int, int]:
    """How bad findings are: by the errors, and then by all."""
    return sum(finding.severity == "error" for finding in findings), len(findings)


def well_formed(format_: str, report: str, findings: Findings) -> None:
    """A report has all findings, and nothing of what it embeds gets out of its place."""
    match format_:
        case "json":
            found = msgspec.json.decode(report)["findings"]
            assert len(found) == len(findings)
        case "github":
            said = commands(report)
            assert len(said) == len(findings)
            for command, properties, message in said:
                assert command in ("error", "warning", "notice")
                assert set(properties) <= {"title", "file", "line", "endLine", "col", "endColumn"}
                assert printed(message)
            assert len(report.splitlines()) - len(said) in (1, 2)
            assert printed(report)
        case "sarif":
            (run,) = msgspec.json.decode(report)["runs"]
            (invocation,) = run["invocations"]
            results = [*run["results"], *invocation["toolExecutionNotifications"]]
            assert len(results) == len(findings)
            assert all(printed(result["message"]["text"]) for result in results)
        case "junit":
            tree = ElementTree.fromstring(report.encode())
            assert tree.tag == "testsuites"
            assert printed("".join(tree.itertext()))
        case _:
            assert printed(_COLORS.sub("", report))
            assert report.count("\n") > len(findings)


def printed(text: str) -> bool:
    """Whether a text is for eyes only."""
    return text.replace("\n", "").isprintable()
