"""A worker does what it is asked, and does not outlive who asked."""

import json
import os
import subprocess
import sys

COMMAND = [sys.executable, "-m", "rayloom.cli.worker"]


def test_a_worker_is_the_command_line():
    theirs, ours = os.pipe()
    said = subprocess.run([*COMMAND, "methods", "--json"], stdin=theirs, capture_output=True, check=True)
    os.close(ours)
    os.close(theirs)
    assert "loom" in {method["name"] for method in json.loads(said.stdout)}


def test_a_worker_ends_with_its_stdin():
    endless = (
        "import sys, time; from rayloom.cli.worker import *; threading.Thread(target=end_with_stdin).start()"
    )
    command = [sys.executable, "-c", f"{endless}; print('ready', flush=True); time.sleep(600)"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
        assert worker.poll() is None
        worker.stdin.close()
        assert worker.wait(60) == 1
