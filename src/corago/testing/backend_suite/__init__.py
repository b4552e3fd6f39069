"""The conformance suite of the Backend port: a new backend is proved by a test file of ten lines.

    class TestMyBackend(BackendSuite):
        def make_backend(self, clock: VirtualClock, tmp_path: Path) -> Backend:
            self.path, self.clock = tmp_path / "my.data", clock
            return self.reopen()

        def reopen(self) -> Backend:
            return MyBackend(self.path, self.clock)

Each check names the clauses of the contract that it proves, as `[B06]`, in its docstring. What
needs a capability that the backend does not claim is skipped, and that it is refused is proved
instead. Nothing here may rely on what only one backend does: what the contract leaves open, no
check may ask.
"""

from corago.testing.backend_suite.children import BetweenChecks, ChildChecks, RenewalChecks
from corago.testing.backend_suite.committing import CommitChecks
from corago.testing.backend_suite.defining import DefinitionChecks
from corago.testing.backend_suite.ending import EndChecks, ListChecks, ReadChecks
from corago.testing.backend_suite.failing import FailureChecks
from corago.testing.backend_suite.harness import BackendChecks, Check, clauses
from corago.testing.backend_suite.limits import LimitChecks
from corago.testing.backend_suite.opening import OpeningChecks
from corago.testing.backend_suite.polling import LeaseChecks, PollChecks
from corago.testing.backend_suite.refusing import RefusalChecks
from corago.testing.backend_suite.sending import SendChecks
from corago.testing.backend_suite.starting import StartChecks
from corago.testing.backend_suite.timers import TimerChecks
from corago.testing.backend_suite.tokens import StandingChecks, TokenChecks
from corago.testing.backend_suite.workers import HearingChecks, ValueChecks, WorkerChecks
from corago.testing.backend_suite.working import OutcomeChecks, QueueChecks

__all__ = ["BackendChecks", "BackendSuite", "Check", "clauses"]


class BackendSuite(
    OpeningChecks,
    DefinitionChecks,
    StartChecks,
    SendChecks,
    PollChecks,
    LeaseChecks,
    CommitChecks,
    FailureChecks,
    TimerChecks,
    ChildChecks,
    BetweenChecks,
    RenewalChecks,
    QueueChecks,
    OutcomeChecks,
    LimitChecks,
    StandingChecks,
    TokenChecks,
    EndChecks,
    ReadChecks,
    ListChecks,
    WorkerChecks,
    ValueChecks,
    HearingChecks,
    RefusalChecks,
):
    """Every check of the Backend port's contract, as a class of tests that needs no plugin.

    A backend's test subclasses it and supplies two methods: `make_backend(clock, tmp_path)` gives a
    fresh backend, not yet open, that goes by this virtual clock; `reopen()` gives another object on
    the same data, or None where there can be none. `capabilities` of the backend say what it can't
    do: what needs that is skipped, and it is proved that it is refused.
    """
