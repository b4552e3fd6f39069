"""Engines do not survive a fork: the child is told so, and nothing of the parent's is touched."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system can't fork")

SCRIPT = """
import os, sys, warnings
warnings.simplefilter("ignore")
from corago import Engine, EngineClosedError, State, StoreUnavailableError
from corago import done, init, step, wait_for, workflow

@step("Work")
def work() -> State:
    return {"pid": os.getpid()}

@workflow("Works")
def works():
    return init >> work >> wait_for("go") >> done

BODY

def child(story):
    pid = os.fork()
    if pid == 0:
        try:
            story()
            os._exit(0)
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status

main()
"""


def run(body: str, url: str = "None") -> None:
    script = SCRIPT.replace("BODY", textwrap.dedent(body)).replace("URL", url)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


MISUSE = """
    def main():
        with Engine(URL, workflows=[works]) as engine:
            handle = engine.start(works, id="p")

            def story():
                calls = (
                    lambda: engine.start(works), lambda: engine.signal("p", "go"),
                    lambda: engine.info("p"), lambda: engine.open(), handle.info,
                    lambda: handle.result(timeout=1), engine.pause, lambda: engine.abort("p"),
                )
                for call in calls:
                    try:
                        call()
                    except EngineClosedError as error:
                        assert "fork" in str(error), error
                    else:
                        raise AssertionError("it worked")
                engine.close()

            child(story)
            engine.signal("p", "go")
            assert handle.result(timeout=10)["pid"] == os.getpid()
"""


def test_a_forked_engine_says_so_and_touches_nothing() -> None:
    run(MISUSE)


def test_a_forked_engine_on_a_file_touches_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("fork")
    run(MISUSE, repr(f"sqlite:///{folder / 'work.db'}"))


def test_an_engine_made_before_a_fork_may_be_opened_after_it() -> None:
    run("""
        def main():
            engine = Engine(URL, workflows=[works])

            def story():
                with engine:
                    handle = engine.start(works)
                    engine.signal(handle.id, "go")
                    assert handle.result(timeout=10)["pid"] == os.getpid()

            child(story)
            story()
    """)


def test_leaving_the_block_in_the_child_closes_nothing() -> None:
    run("""
        def main():
            reached = []
            with Engine(URL, workflows=[works]) as engine:
                handle = engine.start(works, id="p")
                pid = os.fork()
                if pid:
                    _, status = os.waitpid(pid, 0)
                    assert status == 0
                    engine.signal("p", "go")
                    handle.result(timeout=10)
            if pid == 0:
                os._exit(0)
    """)


def test_a_child_is_refused_the_file_that_its_parent_has_open(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("fork")
    body = """
        def main():
            another = URL.replace("work.db", "another.db")
            with Engine(another):
                pass

            def story():
                try:
                    Engine(URL).open()
                except StoreUnavailableError as error:
                    assert "fork" in str(error), error
                else:
                    raise AssertionError("it was opened")

            with Engine(URL, workflows=[works]) as engine:
                child(story)
                engine.start(works, id="p")

            def later():
                with Engine(another), Engine(URL) as engine:
                    assert engine.info("p").id == "p"

            child(later)
    """
    run(body, repr(f"sqlite:///{folder / 'work.db'}"))
