"""What the tests of all engines share."""

import os

import pytest

from tests.engines.lines import local_run


@pytest.fixture(scope="session")
def local(tmp_path_factory) -> dict[str, str]:
    """The small line's store as the local runner makes it."""
    base = tmp_path_factory.getbasetemp()
    # Test processes have folders of their own in one folder.
    return local_run(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)
