"""Runs a module under wasmtime; README.md has the protocol."""

import base64
import json
import pathlib
import sys
import tempfile

import wasmtime


def carry_out(engine, file, run, folder):
    """What the run wrote and how it ended."""
    stream = {name: folder / name for name in ("stdin", "stdout", "stderr")}
    stream["stdin"].write_bytes(base64.b64decode(run["stdin"]))
    wasi = wasmtime.WasiConfig()
    wasi.argv = run["args"]
    wasi.env = run["env"]
    wasi.stdin_file, wasi.stdout_file, wasi.stderr_file = map(str, stream.values())
    for guest_path, host_path in run.get("folders", {}).items():
        wasi.preopen_dir(host_path, guest_path)
    store = wasmtime.Store(engine)
    store.set_wasi(wasi)

    end, why = end_of(engine, store, file)
    written = {name: base64.b64encode(stream[name].read_bytes()).decode() for name in ("stdout", "stderr")}
    return {**written, "end": end, "why": why}


def end_of(engine, store, file):
    """How the guest ended, and why."""
    try:
        linker = wasmtime.Linker(engine)
        linker.define_wasi()
        start = linker.instantiate(store, wasmtime.Module.from_file(engine, file)).exports(store)["_start"]
    except (wasmtime.WasmtimeError, KeyError) as error:
        return "refused", str(error)
    try:
        start(store)
    except wasmtime.ExitTrap as exit_:
        return f"exit {exit_.code}", ""
    except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
        return "exit beyond 125" if "invalid exit status" in str(error) else "trap", str(error)
    return "returned", ""


def main():
    task = json.load(sys.stdin)
    config = wasmtime.Config()
    config.cache = True
    engine = wasmtime.Engine(config)
    for run in task["runs"]:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(carry_out(engine, task["module"], run, pathlib.Path(folder))), flush=True)


main()
