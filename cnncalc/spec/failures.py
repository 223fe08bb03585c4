"""The findings of a walk: one for each entry that fails, with the calls that led to it."""

from ..diagnostics import Diagnostic, Findings, Related
from .formula import EvaluationError
from .model import Entry
from .scope import Scope


class Failures:
    """Collects what goes wrong in a walk, each mistake once."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        #: Findings that are not yet told apart from those before them; the builder adds here.
        self.fresh = Findings()
        self._failed: set[tuple[Entry, ...]] = set()
        self._said: set[Diagnostic] = set()

    def known(self, entry: Entry, scope: Scope) -> bool:
        """Whether the entry, reached by the same calls, failed in an earlier round."""
        return bool(self._failed) and (*scope.site, entry) in self._failed

    def add(self, entry: Entry, scope: Scope, error: EvaluationError) -> None:
        """The finding of an entry that fails."""
        self.fresh.report(error.rule, error.message, error.span, hint=error.hint)
        self.settle(entry, scope)

    def settle(self, entry: Entry, scope: Scope) -> None:
        """Say of the fresh findings by which calls they were reached, the innermost first.

        One inside a library is shown at the call, which is where its reader can mend it. One in a
        block of the spec's own is said once, by whichever call it is reached.
        """
        for finding in self.fresh.take():
            span, related = finding.span, list(finding.related)
            if scope.home.library and scope.caller is not None:
                inside = span if span and span != scope.caller.span else entry.span
                related.append(Related(inside, f"in the block {scope.site[-1].word}, {entry.word}"))
                span = scope.caller.span
            related += [
                Related(call.span, f"called as {call.word} from here")
                for call in scope.site[:-4:-1]
                if call.span != span
            ]
            cause = finding._replace(span=span, related=())
            if cause not in self._said:
                self._said.add(cause)
                self.findings.append(finding._replace(span=span, related=tuple(related)))
        self._failed.add((*scope.site, entry))
