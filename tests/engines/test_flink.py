"""The same command on Flink's embedded cluster gives the bytes of the local run."""

import pytest

from tests.e2e.line import contents
from tests.engines.jars import job_server
from tests.engines.lines import QUICK, TASTE, run, small

pytestmark = pytest.mark.engines


def test_a_small_line_on_flink(tmp_path, local):
    jar = job_server("flink")
    printed = run(small(tmp_path), TASTE, "--runner=FlinkRunner", f"--flink_job_server_jar={jar}", *QUICK)
    assert "on Flink at [local]" in printed
    assert "Traceback" not in printed
    assert contents(tmp_path / "store") == local
