"""Puts one deliberate bug after the other into a copy of the sources: each must fail a test.

    python scripts/mutants.py                      all of them
    python scripts/mutants.py --only epoch lease   those whose names or files have such a word
    python scripts/mutants.py --jobs 2             two at a time

First the suites are run without a bug, so that one that fails anyway proves nothing (`--trust`
leaves that out). A mutant is caught when a test fails: a hang, or an error before any test, is
none. Ends with status 1 if any is not caught.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.mutants.mutant import Mutant
from tests.mutants.running import Bench, Verdict
from tests.mutants.table import MUTANTS

MARKS = {"failed": "caught", "passed": "SURVIVED", "hung": "HUNG", "broken": "BROKEN"}
"""What is said of a mutant whose suites ended so."""

SOUND_SECONDS = 1800.0
"""How long all suites together may take without a bug."""


def main() -> int:
    """Run what was asked for and say what became of it."""
    asked = arguments()
    chosen = [each for each in MUTANTS if matches(each, asked.only)]
    if not chosen:
        say("no mutant's name or file has such a word")
        return 1
    with benches(asked.jobs) as free:
        if not (asked.trust or is_sound(free, chosen)):
            return 1
        verdicts = dict(judged(free, chosen, asked.jobs))
    return told(verdicts)


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", default=(), metavar="WORD", help="some of them")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time")
    parser.add_argument("--trust", action="store_true", help="the suites are known to pass")
    return parser.parse_args()


def matches(mutant: Mutant, words: Sequence[str]) -> bool:
    """Whether one of the words stands in a mutant's name or file."""
    text = f"{mutant.name} {mutant.file}".lower()
    return not words or any(word.lower() in text for word in words)


@contextmanager
def benches(count: int) -> Iterator[SimpleQueue[Bench]]:
    """So many copies of the sources, each for one mutant at a time."""
    with tempfile.TemporaryDirectory(prefix="corago-mutants-") as folder:
        free: SimpleQueue[Bench] = SimpleQueue()
        for number in range(count):
            free.put(Bench(Path(folder) / str(number)))
        yield free


def is_sound(free: SimpleQueue[Bench], chosen: Sequence[Mutant]) -> bool:
    """Whether the suites pass without a bug; if not, it is said why."""
    suites = tuple(dict.fromkeys(suite for mutant in chosen for suite in mutant.suites))
    say(f"without a bug: {len(suites)} suites ...")
    bench = free.get()
    verdict = bench.judge(suites, SOUND_SECONDS)
    free.put(bench)
    if verdict.outcome == "passed":
        say(f"they pass ({verdict.seconds:.0f} s)\n")
        return True
    say(f"{verdict.said}\nthe suites {verdict.outcome} without any bug, so they prove nothing")
    return False


def judged(
    free: SimpleQueue[Bench], chosen: Sequence[Mutant], jobs: int
) -> Iterator[tuple[Mutant, Verdict]]:
    """Each mutant with its verdict, in their order; a line is said of each as it comes."""

    def judge(mutant: Mutant) -> Verdict:
        bench = free.get()
        try:
            return bench.run(mutant)
        finally:
            free.put(bench)

    with ThreadPoolExecutor(jobs) as pool:
        for mutant, verdict in zip(chosen, pool.map(judge, chosen), strict=True):
            mark = MARKS[verdict.outcome]
            say(f"{mark:9}{verdict.seconds:6.1f} s  {mutant.name}  [{mutant.file}]")
            if verdict.by:
                say(f"{'':19}by {verdict.by}")
            yield mutant, verdict


def told(verdicts: dict[Mutant, Verdict]) -> int:
    """Say what became of all; gives the exit status."""
    left = {mutant: each for mutant, each in verdicts.items() if not each.is_caught}
    for mutant, verdict in left.items():
        say(f"\n{mutant.name}\n  {mutant.file}: its suites {verdict.outcome}\n{verdict.said}")
    seconds = sum(each.seconds for each in verdicts.values())
    say(f"\n{len(verdicts) - len(left)} of {len(verdicts)} mutants were caught ({seconds:.0f} s)")
    return 1 if left else 0


def say(text: str) -> None:
    """Print a text at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
