"""What `export` wrote for each server, read by Python's parsers (and by httpd), says what the deployments say.

The deployments are those of the bundle. Of each form this file knows what its servers read and what it lacks; it shares
nothing with the code that writes them.
"""

import json
import os
import pathlib
import re
import shlex
import sys
import tomllib
import urllib.parse

import jsonschema

folder = pathlib.Path(sys.argv[1])
schema = json.loads(pathlib.Path("spec/deployment.schema.json").read_text())
bundle = json.loads((folder / "bundle/deployments.json").read_text())["deployments"]
cases = json.loads((folder / "bundle/cases.json").read_text())["cases"]


def route(path, module, environment, entrypoint=None, argv=None, volumes=None):
    """One route as every form is reduced to it: modules by name, volumes by the guest's names and the host's folders."""
    return {
        "route": path,
        "module": pathlib.PurePath(module).name,
        "entrypoint": entrypoint,
        "argv": argv,
        "volumes": volumes or {},
        "environment": environment,
    }


def wagi(home, deployment):
    modules = tomllib.loads((home / "modules.toml").read_text())["module"]
    for one in modules:
        file = urllib.parse.urlparse(one.pop("module"))
        assert file.scheme == "file" and pathlib.Path(file.path).is_file(), file
        # Variables are given on the command line.
        yield route(one.pop("route"), file.path, deployment["server"].get("environment", {}), **one)


def wagi_net(home, deployment):
    settings = json.loads((home / "appsettings.json").read_text())
    for name, one in settings["Wagi"]["Modules"].items():
        assert ":" not in name, name
        module = pathlib.Path(settings["Wagi"]["ModulePath"]) / one["FileName"]
        assert module.is_file() and module.name.count(".") == 1, module
        yield route(
            one["Route"], module, one.get("Environment", {}), one.get("Entrypoint"), one.get("Argv"), one.get("Volumes")
        )
    paths = [one["Route"].rstrip("/") for one in settings["Wagi"]["Modules"].values()]
    assert len(paths) == len(set(paths)), "routes that differ in a slash at the end are refused"
    (endpoint,) = settings["Kestrel"]["Endpoints"].values()
    tls = deployment["server"].get("tls", False)
    assert endpoint["Url"].startswith("https://127.0.0.1:" if tls else "http://127.0.0.1:"), endpoint
    assert tls == ("Certificate" in endpoint), endpoint
    if tls:
        assert all(pathlib.Path(path).is_file() for path in endpoint["Certificate"].values()), endpoint


def spin(home, _):
    manifest = tomllib.loads((home / "spin.toml").read_text())
    assert manifest["spin_manifest_version"] == 2
    for trigger in manifest["trigger"]["http"]:
        assert re.fullmatch("[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*", trigger["component"]), trigger
        assert trigger["executor"]["type"] == "wagi"
        component = manifest["component"].pop(trigger["component"])
        assert (home / component["source"]).is_file(), component
        volumes = {mount["destination"]: mount["source"] for mount in component.get("files", [])}
        argv = trigger["executor"].get("argv")
        yield route(trigger["route"], component["source"], component.get("environment", {}), None, argv, volumes)
    assert not manifest["component"], "a component without a route"


def mod_wasm(home, _):
    lines = (home / "directives").read_text().splitlines()
    sections = {}
    for line in lines:
        place, *directive = line.split("\x1f")
        sections.setdefault(place, []).append(directive)
    # The last section that matches wins, so the most specific come last.
    for place, directives in reversed(sections.items()):
        exact = re.fullmatch(r"\^(.*)\$", place)
        path = re.sub(r"\\(.)", r"\1", exact[1]) if exact else place.rstrip("/") + "/..."
        assert not exact or re.fullmatch(place, path), place
        one = {name: words for name, *words in directives if name not in ("WasmEnv", "WasmMapDir")}
        pairs = lambda wanted: {words[0]: words[1] for name, *words in directives if name == wanted}
        assert one.pop("WasmEnableCGI") == ["On"]
        (module,) = one.pop("WasmModule")
        (entrypoint,) = one.pop("WasmEntryPoint", [None])
        assert not one, one
        assert pathlib.Path(module).is_file(), module
        yield route(path, module, pairs("WasmEnv"), entrypoint, None, pairs("WasmMapDir"))


def apache_cgi(home, _):
    text = (home / "httpd.conf").read_text().replace("${dollar}", "$")
    wanted = re.findall(r"^(?:SetEnv|ScriptAliasMatch) .*$", text, re.M)
    directives = [shlex.split(line) for line in wanted]
    environment = {name: value for directive, name, value in directives if directive == "SetEnv"}
    # The first that matches wins.
    for directive, pattern, program in directives:
        if directive == "SetEnv":
            continue
        exact = not program.endswith("$1")
        path = re.sub(r"\\(.)", r"\1", pattern.removeprefix("^").removesuffix("$" if exact else "(/.*)?$"))
        assert re.fullmatch(pattern, path or "/"), pattern
        file = home / program.removesuffix("$1")
        assert os.access(file, os.X_OK), file
        one = tomllib.loads(file.read_text())
        module = one.pop("module")
        assert pathlib.Path(module).is_file(), module
        yield route(path + ("" if exact else "/..."), module, environment, **one)


def wcgi(home, _):
    manifest = tomllib.loads((home / "wasmer.toml").read_text())
    (module,), (command,) = manifest["module"], manifest["command"]
    assert command["module"] == module["name"] and manifest["package"]["entrypoint"] == command["name"]
    assert command["runner"] == "https://webc.org/runner/wcgi"
    assert (home / module["source"]).is_file(), module
    environment = dict(entry.split("=", 1) for entry in command["annotations"].get("wasi", {}).get("env", []))
    volumes = {guest: home / host for guest, host in manifest.get("fs", {}).items()}
    yield route("/...", module["source"], environment, volumes=volumes)


def neutral(home, _):
    document = json.loads((home / "wagi.json").read_text())
    jsonschema.validate(document, schema)
    for one in document["routes"]:
        assert (home / one["module"]).is_file(), one
        volumes = {guest: home / host for guest, host in one.pop("volumes", {}).items()}
        yield route(one.pop("route"), one.pop("module"), document.get("environment", {}), volumes=volumes, **one)


# Each form: its reader, and what it lacks.
FORMS = {
    "wagi": (wagi, set()),
    "wagi-net": (wagi_net, {"environment-file"}),
    "spin": (spin, {"entrypoint", "text", "environment-file", "module-routes"}),
    "mod-wasm": (mod_wasm, {"argv", "environment-file", "module-routes"}),
    "apache-cgi": (apache_cgi, {"argv", "environment-file", "module-routes"}),
    "wcgi": (wcgi, {"routing", "entrypoint", "argv", "text", "environment-file", "tls", "module-routes"}),
    "json": (neutral, {"text", "environment-file"}),
}


def needs_of_route(one):
    return one.keys() & {"entrypoint", "argv", "text"} | ({"routing"} if one["route"] != "/..." else set())


def needs_of_case(case):
    routes = [needs_of_route(one) for one in case.get("routes", [])]
    return set(case["profiles"]) & {"module-routes"} | case.get("server", {}).keys() | set().union(*routes)


def expected(deployment, lacks):
    """The routes that a form holds; none if no case can use them."""
    routes = [one for one in deployment["routes"] if not needs_of_route(one) & lacks]
    mine = [case for case in cases if case["runs_in"] == deployment["name"]]
    if all(needs_of_case(case) & lacks for case in mine) or "tls" in lacks and deployment["server"].get("tls"):
        return
    for one in routes:
        # A guest of a sub-folder: all modules of a deployment stand in one.
        module = one["guest"].replace("/", "-") + (".wat" if one.get("text") else ".wasm")
        environment = deployment["server"].get("environment", {})
        yield route(one["route"], module, environment, one.get("entrypoint"), one.get("argv"), one.get("volumes"))


def compared(routes):
    """Routes with the names of volumes only: their folders are checked by themselves."""
    return [{**one, "volumes": sorted(one["volumes"])} for one in routes]


jsonschema.validators.validator_for(schema).check_schema(schema)
count = 0
for form, (read, lacks) in FORMS.items():
    for deployment in bundle:
        home = folder / form / deployment["name"]
        routes = list(expected(deployment, lacks))
        if deployment["start"] != "served" or not routes:
            assert not home.exists(), f"{home} should not be there"
            continue
        found = list(read(home, deployment))
        assert compared(found) == compared(routes), f"{form}: {deployment['name']}:\n{found}\n{routes}"
        for one, wanted in zip(found, routes):
            for guest, host in one["volumes"].items():
                names = {path.split("/")[0] for path in wanted["volumes"][guest]}
                assert {entry.name for entry in pathlib.Path(host).iterdir()} == names, host
        count += len(found)
print(f"{len(FORMS)} forms: {count} routes are read as they were meant")
