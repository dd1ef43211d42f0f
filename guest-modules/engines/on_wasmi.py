"""Runs a module under wasmi's command line; README.md has the protocol."""

import base64
import json
import pathlib
import re
import shutil
import subprocess
import sys

# What wasmi writes to stderr after the guest's own text, if it could not start the guest or that did not end well.
OWN_MESSAGE = re.compile(
    rb"^Error: ((?:failed to|did not specify|failed during execution of _start: ).*)", re.MULTILINE
)


def carry_out(wasmi, file, run):
    """What the run wrote and how it ended."""
    command = [wasmi, "run"]
    for guest_path, host_path in run.get("folders", {}).items():
        if guest_path != host_path:
            sys.exit(f"wasmi gives a folder the name that it has on the host: not {guest_path}, but {host_path}")
        command += ["--dir", host_path]
    for name, value in run["env"]:
        command += ["--env", f"{name}={value}"]
    if run["args"][0] != file.name:
        sys.exit(f"wasmi gives the module's name as the first argument: not {run['args'][0]}, but {file.name}")
    result = subprocess.run(
        [*command, *run["args"]],
        cwd=file.parent,
        input=base64.b64decode(run["stdin"]),
        capture_output=True,
    )
    if result.returncode == 2:
        sys.exit(f"wasmi refused its command line: {result.stderr.decode()}")
    errors, end, why = end_of(result)
    written = {"stdout": result.stdout, "stderr": errors}
    return {**{name: base64.b64encode(octets).decode() for name, octets in written.items()}, "end": end, "why": why}


def end_of(result):
    """The guest's stderr, how it ended, and why."""
    message = OWN_MESSAGE.search(result.stderr) if result.returncode == 1 else None
    if message is None:
        return result.stderr, "done" if result.returncode == 0 else f"exit {result.returncode}", ""
    why = message[1].decode(errors="replace")
    if not why.startswith("failed during execution"):
        end = "refused"
    elif "invalid exit status" in why:
        end = "exit beyond 125"
    else:
        end = "trap"
    return result.stderr[: message.start()], end, why


def main():
    task = json.load(sys.stdin)
    toolchains = pathlib.Path(__file__).resolve().parents[2] / "target/toolchains"
    wasmi = shutil.which("wasmi") or str(toolchains / "wasmi/bin/wasmi")
    for run in task["runs"]:
        print(json.dumps(carry_out(wasmi, pathlib.Path(task["module"]).resolve(), run)), flush=True)


main()
