"""What a worker tells its parent while it is told to end."""

import os
import subprocess
import sys

import pytest

WORKER = """
import os, signal
from velo_cli.process import adopt
from velo_cli.reports import Failed, Reports

class Why(str):
    def __reduce__(self):  # in the middle of sending it
        os.kill(os.getpid(), signal.SIGTERM)
        return str, ("why",)

reports = Reports(1, in_process=False, announce=print)
if not os.fork():
    adopt()
    reports.outbox.put(Failed(Why(), ""))
    os._exit(3)
with reports:
    status = os.waitstatus_to_exitcode(os.wait()[1])
print(status, reports.failure)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_worker_that_is_told_to_end_sends_its_report_first() -> None:
    """Ended in the middle of it, it would keep a lock that all others wait for."""
    done = subprocess.run([sys.executable, "-c", WORKER], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our own command

    assert done.stdout == "0 why\n", done.stderr
