"""A training that only pretends: `python -m tests.sweeps.program begin|resume FOLDER FAULT`.

It writes down each call, and a checkpoint. Then `none` of it goes wrong; it is killed in `killed-<n>` calls;
it `refuses`; or it `waits` for a file FOLDER/go.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from rayloom.cli.worker import end_with_stdin

if __name__ == "__main__":
    threading.Thread(target=end_with_stdin, daemon=True).start()
    action, folder, fault = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    calls = folder.with_name(f"{folder.name}.calls")
    with calls.open("a") as file:
        file.write(f"{action}\n")
    if fault == "refuses":
        sys.stderr.write("working\nerror: photo 7: is torn\nbye\n")
        sys.exit(2)
    (folder / "checkpoints" / "step-1").mkdir(parents=True, exist_ok=action == "resume")
    if fault.startswith("killed") and len(calls.read_text().split()) <= int(fault.split("-")[1]):
        os.kill(os.getpid(), signal.SIGKILL)
    while fault == "waits" and not (folder / "go").exists():
        time.sleep(0.02)
    sys.stdout.write(json.dumps({"folder": str(folder), "cores": len(os.sched_getaffinity(0))}))
