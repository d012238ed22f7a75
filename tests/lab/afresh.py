# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a test that failed has bent is not the next one's: all fixtures that tests share are made anew. For a conftest:

    from afresh import pytest_runtest_makereport
"""

import contextlib

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    item.failed = getattr(item, "failed", False) or outcome.get_result().failed
    if call.when == "teardown" and item.failed:
        with contextlib.suppress(Exception):  # that it has failed is known
            item.session._setupstate.teardown_exact(None)
