#!/usr/bin/env python3
"""A second runner for the WAGI conformance suite, written from the documents in `spec/` alone.

It exists to find where those documents are unclear: it shares no code with the first runner, so that a verdict
on which the two differ is a mistake in one of them or a sentence that can be read in two ways.
"""
import argparse
import asyncio
import contextlib
import json
import pathlib
import re
import secrets
import sys
import time

from language import allowed, compose, pointed
from wire import Connection, Target, read_body, read_head

SURPLUS_WAIT = 0.04  # seconds for which octets after the last answer of a connection are awaited
VERDICTS = ["passed", "failed", "blocked", "unsupported", "observed", "skipped", "error"]
DEFAULTS = {"method": "GET", "version": "1.1", "host": True, "fields": [], "client": "exact", "connection": "new",
            "tls": True, "answer": "now", "copies": 1}


class Exchange:
    """A request, or one of its copies, and its answer: `kind` is `response`, `closed`, `incomplete` or `none`."""

    def __init__(self, request, values, conn, limit):
        self.conn, self.limit, self.started, self.exact = conn, limit, None, request["client"] == "exact"
        self.steps, self.values = compose(request, values), values
        octets = b"".join(step for step in self.steps if isinstance(step, bytes))
        self.method, head = octets.split(b" ", 1)[0], octets.partition(b"\r\n\r\n")[0]
        self.continues = re.search(rb"(?im)^expect:[ \t]*100-continue[ \t]*\r?$", head)
        self.kind, self.final, self.status, self.fields, self.body, self.faults = "none", False, None, [], b"", []

    async def attempt(self, work, *arguments):
        """Do some work, unless there is an answer already or no hope of one."""
        try:
            if self.kind == "none" and not self.conn.unusable:
                await work(*arguments)
        except EOFError:
            self.kind = "incomplete"
        except (ValueError, asyncio.TimeoutError) as problem:
            self.conn.unusable = True
            self.faults.append(repr(problem))
        except OSError:
            pass  # the server has closed the connection, which reading will show

    def within(self, work):
        """Do some work in the time that is left."""
        return asyncio.wait_for(work, self.started + self.limit - time.monotonic())

    async def send(self, arrived, others):
        """Do the steps of the request; it has `arrived` once it awaits `others`."""
        self.started = time.monotonic()
        for step in self.steps:
            if isinstance(step, bytes):
                self.conn.writer.write(step)
                continue
            await self.within(self.conn.writer.drain())
            paused = time.monotonic()
            if "pause-ms" in step:
                await asyncio.sleep(step["pause-ms"] / 1000)
                self.started += time.monotonic() - paused
            elif step == {"await": "others"}:
                arrived.set()
                await others.wait()
                self.started += time.monotonic() - paused
            elif step == {"await": "continue"}:
                await self.read_head()
                if self.final:
                    return
            elif step == {"close": "write"}:
                self.conn.writer.write_eof()
            else:
                self.conn.writer.transport.abort()
                self.kind = "closed"

    async def read_head(self):
        """Read the head of an interim response or of the final one, if one comes before the connection ends."""
        head = await self.within(read_head(self.conn))
        self.status, self.fields = head or (None, [])
        self.final = head is None or self.status >= 200 or self.status == 101
        if head is None:
            self.kind = "closed"
        elif not self.final and self.exact and not (self.continues and self.status == 100):
            self.faults.append(f"interim {self.status}")

    async def read(self):
        """Read interim responses and the final one."""
        while not self.final:
            await self.read_head()
        if self.kind != "closed":
            self.body = await self.within(read_body(self.conn, self.method, self.status, self.fields))
            self.kind = "response"


class CaseRun:
    """One case being carried out on its target."""

    def __init__(self, case, target, limit):
        self.case, self.target, self.limit, self.answers, self.others = case, target, limit, {}, asyncio.Event()
        self.requests = [{**DEFAULTS, **request} for request in case["requests"]]
        self.values = {**target.values, "nonce": secrets.token_hex(8), "copy": "0"}

    async def converse(self, chain, copy, conn, arrived):
        """Carry out the requests that share a connection; those of each group go out together."""
        try:
            for group in chain:
                values = {**self.values, "copy": str(copy)}
                exchanges = [Exchange(self.requests[number], values, conn, self.limit) for number in group]
                self.answers.update(zip(((number, copy) for number in group), exchanges))
                for each in exchanges:
                    await each.attempt(each.send, arrived, self.others)
                if group is chain[-1]:
                    arrived.set()
                for each in exchanges:
                    await each.attempt(each.read)
            if each.exact and each.kind == "response":
                with contextlib.suppress(asyncio.TimeoutError):
                    surplus = await asyncio.wait_for(conn.read(1), SURPLUS_WAIT)
                    each.faults += ["octets after the end"] if surplus else []
        finally:
            arrived.set()
            conn.writer.transport.abort()

    async def carry_out(self):
        """Send all requests in order and read their answers; an OSError if the target accepts no connection."""
        chains, tasks, awaiting = [], [], []
        for number, request in enumerate(self.requests):
            if request["connection"] == "new":
                chains.append([])
            if request["connection"] != "pipelined":
                chains[-1].append([])
            chains[-1][-1].append(number)
        for chain in chains:
            first, last = self.requests[chain[0][0]], self.requests[chain[-1][-1]]
            conns = await asyncio.gather(*(Connection.open(self.target, first["tls"], self.limit)
                                           for _ in range(first["copies"])))
            arrived = [asyncio.Event() for _ in conns]
            begun = [asyncio.create_task(self.converse(chain, copy, *each))
                     for copy, each in enumerate(zip(conns, arrived))]
            (awaiting if {"await": "others"} in first.get("raw", ()) else tasks).extend(begun)
            await asyncio.gather(*((event.wait() for event in arrived) if last["answer"] == "later" else begun))
        await asyncio.gather(*tasks)
        self.others.set()
        await asyncio.gather(*awaiting)

    def judge(self):
        """The verdict, its reason and the behaviours observed."""
        reasons, observed, seen, holds = [], [], set(), True
        for (number, _), answer in sorted(self.answers.items()):
            request, found = self.requests[number], set()
            behaviours = request.get("observe") or {"allowed": request["expect"]}
            shown = [name for name, each in behaviours.items() if allowed(each, answer, answer.values)]
            if shown and "distinct" in request:
                found = {(number, json.dumps(value, sort_keys=True)) for value in pointed(request["distinct"], answer)}
            if not shown or found & seen:
                reasons += [f"request {number + 1}: {answer.kind} {answer.status} {answer.faults} {answer.body[:99]}"]
                holds = holds and "observe" in request
            if "observe" in request:
                observed.append(shown[0] if shown else "other")
            seen |= found
        if self.case["level"] == "observe":
            return "observed", "; ".join(reasons) or None, observed if holds else ["other"] * len(observed)
        return "passed" if holds else "failed", "; ".join(reasons) or None, []


class Run:
    """All cases of a bundle against some targets."""

    def __init__(self, cases, targets, options):
        self.cases, self.targets, self.options = cases, targets, options
        self.tasks, self.places = {}, None

    async def check(self, target):
        """Note that a target is gone, if a GET of `/` does not get a complete response."""
        run = CaseRun({"requests": [{"target": "/"}]}, target, self.options.timeout)
        try:
            await run.carry_out()
            if run.answers[0, 0].kind != "response":
                target.gone = f"the target does not answer HTTP: {run.answers[0, 0].kind}"
        except (OSError, asyncio.TimeoutError) as problem:
            target.gone = f"cannot connect: {problem!r}"

    def result(self, name):
        """The task that gives the result of a case: verdict, reason, behaviours observed and duration in ms."""
        if name not in self.tasks:
            self.tasks[name] = asyncio.create_task(self.run_case(self.cases[name]))
        return self.tasks[name]

    async def run_case(self, case):
        """Carry out a case after its prerequisites (a table stands for its rows), if it can be."""
        needed = [each for name in case.get("prerequisites", ()) for each in self.cases
                  if each == name or each.rpartition("/")[0] == name]
        before = {name: (await self.result(name))[0] for name in needed}
        async with self.places:
            target, begun = self.targets.get(case["runs_in"]), time.monotonic()
            obstacles = [("unsupported", name) for name in case["profiles"] if name in self.options.no_profile]
            modules = [self.options.bundle / f"guests/{route['guest']}.wasm" for route in case.get("routes", ())]
            obstacles += [("unsupported", f"no {path}") for path in modules if not path.exists()]
            obstacles += [("unsupported", "no deployment " + case["runs_in"])] if target is None else []
            obstacles += [("error", target.gone)] if target and target.gone else []
            obstacles += [("unsupported" if verdict == "unsupported" else "blocked", f"{name}: {verdict}")
                          for name, verdict in before.items() if verdict not in ("passed", "observed")]
            if obstacles:
                return *obstacles[0], [], 0
            run = CaseRun(case, target, self.options.timeout)
            try:
                await run.carry_out()
                result = await asyncio.to_thread(run.judge)
            except Exception as problem:  # whatever went wrong, it is this case's error and no other's
                result = "error", f"{type(problem).__name__}: {problem}", []
            if result[0] == "error" or any(each.kind != "response" and each.steps[-1:] != [{"close": "both"}]
                                           for each in run.answers.values()):
                await self.check(target)
            return *result, (time.monotonic() - begun) * 1000

    async def run(self):
        """Run the selected cases and return a result for each case of the suite."""
        self.places = asyncio.Semaphore(self.options.jobs)
        await asyncio.gather(*map(self.check, self.targets.values()))
        chosen = {name: self.result(name) for name in self.cases if any(word in name for word in self.options.words)}
        return {name: await chosen[name] if name in chosen else ("skipped", None, [], 0) for name in self.cases}


def main():
    """Read the command line and the bundle, run, and report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bundle", type=pathlib.Path, help="folder written by `wagi-conformance export --for bundle`")
    parser.add_argument("words", nargs="*", default=[""], metavar="FILTER", help="part of an id")
    parser.add_argument("--url", action="append", metavar="[DEPLOYMENT=]URL", required=True)
    parser.add_argument("--no-profile", action="append", default=[], metavar="PROFILE")
    parser.add_argument("--json", metavar="FILE", help="write the JSON report to this file")
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--timeout", type=float, default=10, help="seconds that an answer may take")
    options = parser.parse_intermixed_args()
    urls = [re.fullmatch(r"(?:([^:=]+)=)?(https?://.*)", text).groups() for text in options.url]
    cases = {case["id"]: case for case in json.loads((options.bundle / "cases.json").read_text("utf-8"))["cases"]}
    targets = {name or "main": Target(url) for name, url in urls}
    results = asyncio.run(Run(cases, targets, options).run())
    records = [{"id": name, "rules": cases[name]["rules"], "level": cases[name]["level"], "verdict": verdict,
                "reason": reason, "observed": observed, "duration_ms": duration}
               for name, (verdict, reason, observed, duration) in results.items()]
    summary = {verdict: sum(record["verdict"] == verdict for record in records) for verdict in VERDICTS}
    if options.json:
        report = {"format_version": 1, "summary": summary, "cases": records}
        pathlib.Path(options.json).write_text(json.dumps(report, indent=1), encoding="utf-8")
    for record in records:
        if record["verdict"] in ("failed", "error") or "other" in record["observed"]:
            print(record["verdict"], record["id"], record["reason"], sep="\t")
    print(", ".join(f"{count} {verdict}" for verdict, count in summary.items()))
    musts = {record["verdict"] for record in records if record["level"] == "must"}
    sys.exit(0 if musts.isdisjoint(["failed", "blocked", "error"]) else 1)


if __name__ == "__main__":
    main()
