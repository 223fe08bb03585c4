"""A spec's text from a file or standard input, or the finding that says why not."""

import os
import stat
import sys

from ..diagnostics import Findings, Span, did_you_mean
from ..diagnostics.checkout import Checkout

#: Text of more bytes is refused before it is read.
MAX_BYTES = 16 * 2**20

_OTHER_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_PIPE = "the text of a spec can also be piped in: the path is then -"


def read(path: str) -> tuple[str | None, Findings]:
    """The text of a path (``-`` is standard input), its lines ended by ``\\n``, without a byte
    order mark; or None and the finding that says why there is none."""
    findings = Findings()
    try:
        data = _stdin() if path == "-" else _file(path, findings)
    except (OSError, ValueError) as error:
        _report_error(path, error, findings)
        return None, findings
    if data is None:
        return None, findings
    if len(data) > MAX_BYTES:
        report_size(path, None, findings)
        return None, findings
    return decode(path, data, findings), findings


def straying(path: str) -> Findings:
    """The finding for a link that leads out of its folder and of the git repository around that.

    For files that nobody named: a text that is no spec would be shown with what is wrong in it.
    """
    findings = Findings()
    if os.path.islink(path):
        folder, real = os.path.realpath(os.path.dirname(path)), os.path.realpath(path)
        top = Checkout.around(folder, {}).top
        if os.path.commonpath([real, top]) != top:
            message = f"{path} is a link to {real}, outside its folder and repository"
            findings.report("outside", message, hint="name the file itself, or copy it")
    return findings


def _stdin() -> bytes:
    return sys.stdin.buffer.read(MAX_BYTES + 1)


def _file(path: str, findings: Findings) -> bytes | None:
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        hint = "`cnncalc check` takes folders; elsewhere name one of the files in it"
        findings.report("cannot-read", f"{path} is a folder, not a file", hint=hint)
    elif not stat.S_ISREG(status.st_mode):
        # Opening a device or a pipe may wait, or read, for ever.
        findings.report("cannot-read", f"{path} is a device or pipe, not a file", hint=_PIPE)
    elif status.st_size > MAX_BYTES:
        report_size(path, status.st_size, findings)
    else:
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)
    return None


def report_size(path: str, size: int | None, findings: Findings) -> None:
    """Add the finding for a file of more than MAX_BYTES; None where nobody knows how many."""
    message = f"{path} has {f'{size:,}' if size else 'more than that many'} bytes"
    hint = "is this a spec? `repeat` and `blocks` make large networks small"
    findings.report("cannot-read", f"{message}; allowed: {MAX_BYTES:,} (16 MiB)", hint=hint)


def _report_error(path: str, error: OSError | ValueError, findings: Findings) -> None:
    if isinstance(error, FileNotFoundError):
        folder, name = os.path.split(path)
        try:
            beside = sorted(os.listdir(folder or "."))
        except OSError:
            findings.report("cannot-read", f"there is no folder {folder}")
            return
        guess = did_you_mean(name, beside)
        hint = guess if guess.startswith("did") else ""
        findings.report("cannot-read", f"there is no file {path}", hint=hint)
    elif isinstance(error, PermissionError):
        findings.report("cannot-read", f"{path} may not be read", hint="permission denied")
    else:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        findings.report("cannot-read", f"{path!r} cannot be read: {reason}")


def decode(path: str, data: bytes, findings: Findings) -> str | None:
    """The text of a file's bytes, or None with a finding; ``path`` is how the file is shown."""
    encoding = _OTHER_ENCODINGS.get(data[:2])
    hint = f"it looks like {encoding}; save it as UTF-8" if encoding else "save it as UTF-8"
    if not encoding and b"\0" in data:
        findings.report(
            "cannot-read",
            f"{path} holds binary data: byte {data.index(0):,} is zero",
            hint="a spec is YAML text",
        )
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # With a byte order mark the positions of the decoder start after it.
        start = error.start + (len(data) - len(error.object))
        before = data[:start].decode("utf-8-sig", "replace")
        line = before.count("\n") + 1
        column = len(before) - before.rfind("\n")
        findings.report(
            "cannot-read",
            f"{path} is no UTF-8 text: byte {start:,} (0x{data[start]:02x})",
            Span(path, line, column, line, column + 1),
            hint=hint,
        )
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")
