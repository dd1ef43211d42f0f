#!/usr/bin/env python3
"""A second runner for the WAGI conformance suite, written from the documents in `spec/` alone.

    python3 second_reader.py BUNDLE --url [DEPLOYMENT=]URL ... [--json FILE] [FILTER ...]

It exists to find where those documents are unclear: it shares no code with the first runner, so that a verdict
on which the two differ is a mistake in one of them or a sentence that can be read in two ways.
"""
import argparse
import asyncio
import json
import os
import re
import secrets
import sys
import time

from language import allowed, compose, pointed
from wire import Answer, Broken, Connection, Target, read_body, read_head

VERDICTS = ["passed", "failed", "blocked", "unsupported", "observed", "skipped", "error"]
DEFAULTS = {"method": "GET", "version": "1.1", "host": True, "fields": [], "client": "exact", "connection": "new",
            "tls": True, "answer": "now", "copies": 1}


class Exchange:
    """A request, or one of its copies, on its connection, and its answer once that is known."""

    def __init__(self, request, values, conn, limit):
        self.conn, self.limit, self.exact = conn, limit, request["client"] == "exact"
        self.steps = compose(request, values)
        octets = b"".join(step for step in self.steps if isinstance(step, bytes))
        self.method, head = octets.split(b" ", 1)[0], octets.partition(b"\r\n\r\n")[0]
        self.continues = re.search(rb"(?im)^expect:[ \t]*100-continue[ \t]*\r?$", head)
        self.started = self.head = self.answer = None
        self.final, self.faults = False, []

    async def attempt(self, work, *arguments):
        """Do some work, unless the answer is known already; what goes wrong is an answer, too."""
        if self.conn.unusable and not self.answer:
            self.answer = Answer("none", note="not sent: the answer before is missing or broken")
        if self.answer:
            return
        try:
            await work(*arguments)
        except asyncio.TimeoutError:
            self.answer = Answer("none")
        except EOFError:
            self.answer = Answer("incomplete")
        except Broken as problem:
            self.answer = Answer("broken", note=str(problem))
        if self.answer:
            self.conn.unusable = self.answer.kind in ("none", "broken")
            self.answer.faults = self.faults

    def within(self, work):
        """Do some work in the time that is left."""
        return asyncio.wait_for(work, self.started + self.limit - time.monotonic())

    async def send(self, arrived, others):
        """Do the steps of the request; it has `arrived` once it awaits `others`."""
        self.started = time.monotonic()
        for step in self.steps:
            if isinstance(step, bytes):
                self.conn.send(step)
                continue
            await self.within(self.conn.sent.wait())
            paused = time.monotonic()
            if "pause-ms" in step:
                await asyncio.sleep(step["pause-ms"] / 1000)
                self.started += time.monotonic() - paused
            elif step == {"await": "others"}:
                arrived.set()
                await others.wait()
                self.started += time.monotonic() - paused
            elif step == {"await": "continue"}:
                await self.within(self.read_head())
                if self.final:
                    return
            elif step == {"close": "write"}:
                self.conn.close_sending()
            else:
                self.conn.close()
                self.answer = Answer("closed", note="by the client")

    async def read_head(self):
        """Read the head of an interim response or of the final one, if one comes before the connection ends."""
        self.head = await read_head(self.conn.reader)
        self.final = self.head is None or self.head[0] >= 200 or self.head[0] == 101
        if not self.final and self.exact and not (self.continues and self.head[0] == 100):
            self.faults.append(f"interim {self.head[0]}")

    async def read(self):
        """Read interim responses and the final one."""
        while not self.final:
            await self.within(self.read_head())
        if self.head is None:
            self.answer = Answer("closed")
        else:
            self.answer = Answer("response", *self.head, await self.within(read_body(self.conn, self.method, *self.head)))


class CaseRun:
    """One case being carried out on its target."""

    def __init__(self, case, target, limit):
        self.case, self.target, self.limit = case, target, limit
        self.requests = [{**DEFAULTS, **request} for request in case["requests"]]
        self.values = {**target.values, "nonce": secrets.token_hex(8), "copy": "0"}
        self.answers, self.others = {}, asyncio.Event()

    async def converse(self, chain, copy, conn, arrived):
        """Carry out the requests that share a connection; those of each group go out together."""
        try:
            for group in chain:
                exchanges = [Exchange(self.requests[number], {**self.values, "copy": str(copy)}, conn, self.limit)
                             for number in group]
                for each in exchanges:
                    await each.attempt(each.send, arrived, self.others)
                if group is chain[-1]:
                    arrived.set()
                for number, each in zip(group, exchanges):
                    await each.attempt(each.read)
                    self.answers[number, copy] = each.answer
            if each.exact and each.answer.kind == "response" and await conn.has_surplus():
                each.answer.faults.append("octets after the end")
        finally:
            arrived.set()
            conn.close()

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
        reasons, observed, holds = [], [], True
        for number, request in enumerate(self.requests):
            place = f"request {number + 1}: "
            answers = [(self.answers[number, copy], {**self.values, "copy": str(copy)})
                       for copy in range(len(self.answers)) if (number, copy) in self.answers]
            if "observe" in request:
                for answer, values in answers:
                    shown = [name for name, each in request["observe"].items() if allowed(each, answer, values)]
                    observed.append(shown[0] if shown else "other")
                    reasons += [] if shown else [place + str(answer)]
                continue
            fitting = [answer for answer, values in answers if allowed(request["expect"], answer, values)]
            wrong = [place + str(answer) for answer, _ in answers if answer not in fitting]
            distinct = [json.dumps(value, sort_keys=True) for answer in fitting if "distinct" in request
                        for value in pointed(request["distinct"], answer)]
            wrong += [place + "equal values"] if len(set(distinct)) < len(distinct) else []
            holds = holds and not wrong
            reasons += wrong
        if self.case["level"] == "observe":
            return "observed", "; ".join(reasons) or None, observed if holds else ["other"] * len(observed)
        return "passed" if holds else "failed", "; ".join(reasons) or None, []


class Run:
    """All cases of a bundle against some targets."""

    def __init__(self, cases, targets, options):
        self.cases, self.targets, self.options = cases, targets, options
        self.tasks, self.places = {}, asyncio.Semaphore(options.jobs)

    async def check(self, target):
        """Note that a target is gone, if a GET of `/` does not get a complete response."""
        run = CaseRun({"requests": [{"target": "/"}]}, target, self.options.timeout)
        try:
            await run.carry_out()
            if run.answers[0, 0].kind != "response":
                target.gone = f"the target does not answer HTTP: {run.answers[0, 0]}"
        except OSError as problem:
            target.gone = f"cannot connect: {problem}"

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
            missing = set(case["profiles"]) & set(self.options.no_profile)
            target, begun = self.targets.get(case["runs_in"]), time.monotonic()
            if missing or target is None:
                return "unsupported", ", ".join(sorted(missing)) or "no deployment " + case["runs_in"], [], 0
            if target.gone:
                return "error", target.gone, [], 0
            for name, verdict in before.items():
                if verdict not in ("passed", "observed"):
                    return "unsupported" if verdict == "unsupported" else "blocked", f"{name}: {verdict}", [], 0
            run = CaseRun(case, target, self.options.timeout)
            try:
                await run.carry_out()
                result = await asyncio.to_thread(run.judge)
            except Exception as problem:  # whatever went wrong, it is this case's error and no other's
                result = "error", f"{type(problem).__name__}: {problem}", []
            kinds = {answer.kind for answer in run.answers.values() if answer.note != "by the client"}
            if result[0] == "error" or kinds - {"response"}:
                await self.check(target)
            return *result, (time.monotonic() - begun) * 1000

    async def run(self):
        """Run the selected cases and return a result for each case of the suite."""
        await asyncio.gather(*map(self.check, self.targets.values()))
        words = self.options.filter or [""]
        chosen = {name: self.result(name) for name in self.cases if any(word in name for word in words)}
        return {name: await chosen[name] if name in chosen else ("skipped", None, [], 0) for name in self.cases}


async def run_all(cases, options):
    """The results of all cases against the targets of the command line."""
    targets = {}
    for text in options.url:
        name, url = re.fullmatch(r"(?:([^:=]+)=)?(https?://.*)", text).groups()
        targets[name or "main"] = Target(url)
    return await Run(cases, targets, options).run()


def main():
    """Read the command line and the bundle, run, and report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bundle", help="folder written by `wagi-conformance export --for bundle`")
    parser.add_argument("filter", nargs="*", help="only cases whose identifier contains one of these")
    parser.add_argument("--url", action="append", default=[], metavar="[DEPLOYMENT=]URL", required=True)
    parser.add_argument("--no-profile", action="append", default=[], metavar="PROFILE")
    parser.add_argument("--json", metavar="FILE", help="write the JSON report to this file")
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--timeout", type=float, default=10, help="seconds that an answer may take")
    options = parser.parse_intermixed_args()
    with open(os.path.join(options.bundle, "cases.json"), encoding="utf-8") as file:
        cases = {case["id"]: case for case in json.load(file)["cases"]}
    begun = time.monotonic()
    results = asyncio.run(run_all(cases, options))
    summary = {verdict: sum(result[0] == verdict for result in results.values()) for verdict in VERDICTS}
    report = {"format_version": 1, "tool": {"name": "second-reader", "version": "1"}, "target": " ".join(options.url),
              "summary": summary, "duration_ms": (time.monotonic() - begun) * 1000, "cases": [
                  {"id": name, "rules": cases[name]["rules"], "level": cases[name]["level"], "verdict": verdict,
                   "reason": reason, "observed": observed, "duration_ms": took}
                  for name, (verdict, reason, observed, took) in results.items()]}
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)
    for record in report["cases"]:
        if record["verdict"] in ("failed", "error") or "other" in record["observed"]:
            print(record["verdict"], record["id"], record["reason"], sep="\t")
    print(", ".join(f"{count} {verdict}" for verdict, count in summary.items()))
    musts = {record["verdict"] for record in report["cases"] if record["level"] == "must"}
    sys.exit(1 if musts & {"failed", "blocked", "error"} else 0)


if __name__ == "__main__":
    main()
