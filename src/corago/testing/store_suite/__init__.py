"""The conformance suite of the Store port: a new store is proved by a test file of ten lines.

    class TestMyStore(StoreSuite):
        def make_store(self, clock: VirtualClock, tmp_path: Path) -> Store:
            self.again = lambda: MyStore(tmp_path / "my.store", clock)
            return self.again()

        def reopen(self) -> Store | None:
            return self.again()

Each check names the clauses of the contract that it proves, as `[C06]`, in its docstring. Nothing
here may rely on what only one store does: what the contract leaves open, no check may ask.
"""

from corago.testing.store_suite.appending import AppendChecks
from corago.testing.store_suite.beating import ActivityChecks, DetachChecks, HeartbeatChecks
from corago.testing.store_suite.blobs import BlobChecks
from corago.testing.store_suite.children import ChildChecks, SendChecks
from corago.testing.store_suite.claiming import ClaimChecks
from corago.testing.store_suite.definitions import DefinitionChecks
from corago.testing.store_suite.documents import DocumentChecks
from corago.testing.store_suite.expiring import ExpiryChecks
from corago.testing.store_suite.following import FollowingChecks, HeirChecks, NobodyChecks
from corago.testing.store_suite.harness import Check, StoreChecks, clauses
from corago.testing.store_suite.hearing import HearingChecks
from corago.testing.store_suite.inbox import InboxChecks
from corago.testing.store_suite.leases import LeaseChecks
from corago.testing.store_suite.limits import LimitChecks
from corago.testing.store_suite.opening import OpeningChecks
from corago.testing.store_suite.parking import ParkingChecks
from corago.testing.store_suite.reading import ReadingChecks
from corago.testing.store_suite.returning import ReturnChecks
from corago.testing.store_suite.runs import FailureChecks, RunChecks, TagChecks
from corago.testing.store_suite.seizing import SeizingChecks
from corago.testing.store_suite.standing import StandingChecks
from corago.testing.store_suite.starting import StartChecks
from corago.testing.store_suite.tasks import QueueChecks, TaskChecks
from corago.testing.store_suite.workers import WorkerChecks

__all__ = ["Check", "StoreChecks", "StoreSuite", "clauses"]


class StoreSuite(
    OpeningChecks,
    DefinitionChecks,
    StartChecks,
    InboxChecks,
    AppendChecks,
    ParkingChecks,
    SeizingChecks,
    DocumentChecks,
    FollowingChecks,
    NobodyChecks,
    ChildChecks,
    SendChecks,
    BlobChecks,
    ClaimChecks,
    HeirChecks,
    LeaseChecks,
    RunChecks,
    FailureChecks,
    TagChecks,
    QueueChecks,
    TaskChecks,
    ReturnChecks,
    ActivityChecks,
    LimitChecks,
    ExpiryChecks,
    HeartbeatChecks,
    DetachChecks,
    StandingChecks,
    WorkerChecks,
    ReadingChecks,
    HearingChecks,
):
    """Every check of the contract. A store's test subclasses it and supplies two methods."""
