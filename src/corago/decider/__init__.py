"""The decider door: workflows that decide about what has come (seed: pyworkflow, Amazon SWF)."""

from corago.core.events import (
    ActivityAborted,
    ActivityCanceled,
    ActivityCompleted,
    ActivityTimedOut,
    Failure,
)
from corago.core.history import History
from corago.core.retry import Retry
from corago.decider import rules
from corago.decider.activities import Activity, FunctionActivity, activity
from corago.decider.asking import Answer
from corago.decider.decisions import (
    CancelActivity,
    CancelProcess,
    CancelTimer,
    CompleteProcess,
    ContinueAsNew,
    Decision,
    FailProcess,
    RecordMarker,
    ScheduleActivity,
    SignalProcess,
    StartChildProcess,
    StartTimer,
)
from corago.decider.definition import Workflow
from corago.decider.handed import ActivityTask
from corago.decider.news import ActivityEnded, ChildEnded, ChildUnborn
from corago.decider.process import Child, Process, UnfinishedActivity, UntriggeredTimer
from corago.decider.results import ActivityFailed
from corago.decider.rules import Rules

CancelActivityDecision = CancelActivity
CancelProcessDecision = CancelProcess
CancelTimerDecision = CancelTimer
CompleteProcessDecision = CompleteProcess
ContinueAsNewDecision = ContinueAsNew
FailProcessDecision = FailProcess
RecordMarkerDecision = RecordMarker
ScheduleActivityDecision = ScheduleActivity
SignalProcessDecision = SignalProcess
StartChildProcessDecision = StartChildProcess
StartTimerDecision = StartTimer

__all__ = [
    "Activity",
    "ActivityAborted",
    "ActivityCanceled",
    "ActivityCompleted",
    "ActivityEnded",
    "ActivityFailed",
    "ActivityTask",
    "ActivityTimedOut",
    "Answer",
    "CancelActivity",
    "CancelActivityDecision",
    "CancelProcess",
    "CancelProcessDecision",
    "CancelTimer",
    "CancelTimerDecision",
    "Child",
    "ChildEnded",
    "ChildUnborn",
    "CompleteProcess",
    "CompleteProcessDecision",
    "ContinueAsNew",
    "ContinueAsNewDecision",
    "Decision",
    "FailProcess",
    "FailProcessDecision",
    "Failure",
    "FunctionActivity",
    "History",
    "Process",
    "RecordMarker",
    "RecordMarkerDecision",
    "Retry",
    "Rules",
    "ScheduleActivity",
    "ScheduleActivityDecision",
    "SignalProcess",
    "SignalProcessDecision",
    "StartChildProcess",
    "StartChildProcessDecision",
    "StartTimer",
    "StartTimerDecision",
    "UnfinishedActivity",
    "UntriggeredTimer",
    "Workflow",
    "activity",
    "rules",
]
