"""Workers written by hand: a Manager hands out tasks, and takes back what they have come to."""

from corago.manual.manager import Manager
from corago.manual.tasks import ActivityTask, DecisionTask
from corago.manual.workers import ActivityWorker, DecisionWorker

__all__ = ["ActivityTask", "ActivityWorker", "DecisionTask", "DecisionWorker", "Manager"]
