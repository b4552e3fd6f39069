"""What corago ships for other people's tests: conformance suites, a virtual clock.

Nothing in corago imports this room.
"""

import sys

_pytest = sys.modules.get("pytest")
if _pytest is not None:  # under pytest, a failed assertion of a suite then shows its values
    _pytest.register_assert_rewrite("corago.testing.store_suite")
