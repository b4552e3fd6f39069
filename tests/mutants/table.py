"""All deliberate bugs: `make mutants` shows that each of them fails a test."""

from __future__ import annotations

from tests.mutants.core import CORE
from tests.mutants.doors import DOORS
from tests.mutants.local import LOCAL
from tests.mutants.memory import MEMORY
from tests.mutants.mutant import Mutant
from tests.mutants.runtime import RUNTIME
from tests.mutants.simulated import SIMULATED
from tests.mutants.sqlite import SQLITE

MUTANTS: tuple[Mutant, ...] = (
    *CORE,
    *MEMORY,
    *SQLITE,
    *LOCAL,
    *RUNTIME,
    *DOORS,
    *SIMULATED,
)
