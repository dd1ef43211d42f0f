"""Starts the program of an engine on a guest; README.md has the protocol."""

import base64
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent

COMMANDS = {
    "node": ["node", "--no-warnings", str(HERE / "on_node.mjs")],
    "wasmtime": [sys.executable, str(HERE / "on_wasmtime.py")],
    "wasmi": [sys.executable, str(HERE / "on_wasmi.py")],
}


class EngineFailed(Exception):
    """The program of an engine failed itself, which says nothing of the guest."""


def run_guest(engine, module, runs, limit=60):
    """What came of each run of `module`: stdout, stderr, end and why, the streams as bytes.

    A run has args, env, stdin (bytes) and perhaps folders. All of them together may take `limit` seconds; those that
    had not ended by then end as `still running`.
    """
    task = {"module": str(module), "runs": [{**run, "stdin": base64.b64encode(run["stdin"]).decode()} for run in runs]}
    output, errors, code = start(COMMANDS[engine], json.dumps(task).encode(), limit)
    if code not in (0, None):
        raise EngineFailed(f"{' '.join(COMMANDS[engine])} on {module}: exit code {code}\n{errors.decode()}")
    results = [json.loads(line) for line in output.splitlines(keepends=True) if line.endswith(b"\n")]
    for result in results:
        for stream in ("stdout", "stderr"):
            result[stream] = base64.b64decode(result[stream])
    running = {"stdout": b"", "stderr": b"", "end": "still running", "why": f"after {limit} seconds"}
    return results + [running] * (len(runs) - len(results))


def start(command, stdin, limit):
    """Output, errors and exit code; the code is None if the command had to be stopped after `limit` seconds."""
    with tempfile.TemporaryDirectory(prefix="engine-") as folder:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": folder},
            start_new_session=True,
        )
        try:
            return *process.communicate(stdin, timeout=limit), process.returncode
        except subprocess.TimeoutExpired:
            # The engine may run in a process of its own, and none of them listens while a guest loops.
            os.killpg(process.pid, signal.SIGKILL)
            return *process.communicate(), None
