"""The page write-a-guest.md, from modules.json and the hellos."""

import pathlib

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE / "write-a-guest.md"

INTRODUCTION = """\
# Write a WAGI guest in your language

<!-- Made by `guest-modules/languages/build --page` from modules.json and the hellos; do not edit. -->

A guest is a program that a WAGI server runs once for each request. It needs no library for this:

- what is known of the request comes as environment variables, such as REQUEST_METHOD, PATH_INFO and QUERY_STRING ([all
  of them](../../spec/meta-variables.md)); the parts of the query come as [arguments](../../spec/arguments.md) too;
- the request body comes on [standard input](../../spec/request-body.md);
- what the program prints is the [response](../../spec/response.md): lines of fields, `Content-Type` at least, an empty
  line, and then the body;
- the program returns from its main function, or exits with 0. Standard error goes to the server's log.

Compile it for WASI preview 1 (`wasi_snapshot_preview1`); compilers call the target `wasm32-wasi`, `wasm32-wasip1` or
`wasip1`. WASI preview 2 gives components, which WAGI servers do not run.

## Try it

Put `hello.wasm` beside a file `modules.toml`:

```toml
[[module]]
route = "/hello"
module = "hello.wasm"
```

and start a server, here the one of this repository:

```sh
cargo run -p wagi-reference-server --bin reference-server -- --config modules.toml
curl -i http://127.0.0.1:3000/hello
```

Every hello answers with one line, as in `hello from C`. Beside each in this folder stands an `observe`, which reads
everything that a guest can be given.

| language | compiled guest | built with |
|---|---|---|
"""


def render(modules):
    """The page's text."""
    rows, names = "", []
    for facts in modules.values():
        names.append(anchor(facts["name"]))
        earlier = names.count(names[-1]) - 1
        fragment = names[-1] + (f"-{earlier}" if earlier else "")
        rows += f"| [{facts['name']}](#{fragment}) | {size(facts)} | {facts['summary']} |\n"
    return INTRODUCTION + rows + "".join(section(language, facts) for language, facts in modules.items())


def section(language, facts):
    """What the page says of one language."""
    folder = facts.get("sources", language)
    commands = "\n".join(command.replace("observe", "hello") for command in facts.get("commands", []))
    status = "" if facts["built"] else f"\n**Not built, and never tried:** {facts['reason']}.\n"
    build = f"\n```sh\n{commands}\n```\n" if commands else ""
    notes = "".join(f"- {note}\n" for note in facts["notes"])
    file = f"{folder}/hello.{facts['extension']}"
    source = (HERE / file).read_text().rstrip()
    return (
        f"\n## {facts['name']}\n{status}\n[`{file}`]({file}):\n"
        f"\n```{facts['extension']}\n{source}\n```\n{build}\n{notes}{tools(facts)}"
    )


def tools(facts):
    versions = ", ".join(f"{tool} {version}" for tool, version in facts.get("tools", {}).items())
    return f"- Tried with {versions}.\n" if versions else ""


def size(facts):
    if not facts["built"]:
        return "not built"
    return f"{facts['size'] / 1000:.0f} KB" if facts["size"] < 1_000_000 else f"{facts['size'] / 1_000_000:.1f} MB"


def anchor(heading):
    """The fragment that a heading gets; a number is added to one that an earlier heading has."""
    return "".join(character for character in heading.lower() if character.isalnum())
