#!/usr/bin/env python3
"""A second runner for the WAGI conformance suite, written from the documents in `spec/` alone.

    python3 second_reader.py BUNDLE --url [DEPLOYMENT=]URL ... [--json FILE] [FILTER ...]

It exists to find where those documents are unclear: it shares no code with the first runner, so that a verdict
on which the two differ is a mistake in one of them or a sentence that can be read in two ways.
"""
import argparse
import concurrent.futures
import json
import os
import re
import secrets
import select
import socket
import ssl
import sys
import threading
import time
import urllib.parse

from language import CaseError, allowed, compose, compose_ordinary, pointed

VERDICTS = ["passed", "failed", "blocked", "unsupported", "observed", "skipped", "error"]
CONNECT_LIMIT, HANDSHAKE_LIMIT = 10, 5
SURPLUS_WAIT = 0.04  # how long surplus octets are waited for after the last answer of a connection
BLANK = b" \t"


class Unreachable(CaseError):
    """The target accepts no connection."""


class NoAnswer(Exception):
    """The time limit ran out."""


# ---- Connections ----------------------------------------------------------------------------------------------------

class Target:
    """One deployment's server."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.tls = {"http": False, "https": True}[parts.scheme]
        self.address = parts.hostname
        self.port = parts.port or (443 if self.tls else 80)
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        default = self.port == (443 if self.tls else 80)
        self.values = {"host": host, "port": str(self.port), "scheme": parts.scheme,
                       "authority": host if default else f"{host}:{self.port}"}
        self.gone = None


class Connection:
    """A connection on which octets are sent while others are received, so that neither side waits for the other."""

    def __init__(self, target, tls, limit):
        self.inbox, self.outbox, self.ended, self.reset = bytearray(), memoryview(b""), False, False
        self.deadline, self.silent, self.unusable = None, False, False
        self.early, self.lenient, self.begun = None, False, False
        try:
            self.socket = socket.create_connection((target.address, target.port), min(limit, CONNECT_LIMIT))
        except OSError as problem:
            raise Unreachable(f"cannot connect: {problem}") from None
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls and target.tls:
            self.handshake(target)
        self.socket.setblocking(False)

    def handshake(self, target):
        """Speak TLS from here on; the certificate is not verified."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket.settimeout(HANDSHAKE_LIMIT)
        try:
            self.socket = context.wrap_socket(self.socket, server_hostname=target.address, do_handshake_on_connect=False)
            self.socket.do_handshake()
        except TimeoutError:
            self.silent = True
        except OSError:
            self.ended = True

    def turn(self):
        """Send and receive what is possible now; if that is nothing, wait for more until the deadline."""
        want_write = sent = False
        if self.outbox:
            try:
                self.outbox = self.outbox[self.socket.send(self.outbox[:1 << 18]):]
                sent = True
            except (BlockingIOError, ssl.SSLWantWriteError):
                want_write = True
            except ssl.SSLWantReadError:
                pass
            except OSError:
                self.outbox = memoryview(b"")
        try:
            data = self.socket.recv(1 << 18)
            self.inbox += data
            self.ended = not data
            return
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        except OSError:
            self.ended = self.reset = True
            return
        left = self.deadline - time.monotonic()
        if self.silent or left <= 0:
            raise NoAnswer
        if not sent:
            select.select([self.socket], [self.socket] if want_write else [], [], left)

    def flush(self):
        """Send all that is to be sent."""
        while self.outbox and not self.ended:
            self.turn()

    def more(self):
        """Wait for more octets; False if the connection has ended."""
        size = len(self.inbox)
        while not self.ended and len(self.inbox) == size:
            self.turn()
        return len(self.inbox) > size

    def take(self, size):
        """Take so many octets of what was received."""
        data = bytes(self.inbox[:size])
        del self.inbox[:size]
        return data

    def close(self):
        """Close the connection, if it is open."""
        self.socket.close()


# ---- Answers --------------------------------------------------------------------------------------------------------

class Broken(Exception):
    """The framing of a response is broken."""


class Answer:
    """What a request was answered with: `kind` is `response`, `closed`, `incomplete`, `none` or `broken`."""

    def __init__(self, kind, status=None, fields=(), body=b"", note=""):
        self.kind, self.status, self.fields, self.body, self.note = kind, status, list(fields), body, note
        self.faults = []

    def __str__(self):
        return f"{self.kind} {self.status or ''} {self.note} {self.faults or ''} {self.fields} {self.body[:300]}"


def take_line(conn, lenient=False):
    """The next line, without its end; if lenient, that may be a line feed alone."""
    while (end := conn.inbox.find(b"\n")) < 0:
        if len(conn.inbox) > 1 << 24:
            raise Broken("endless line")
        if not conn.more():
            raise EOFError
    line = conn.take(end + 1)
    if not line.endswith(b"\r\n") and not lenient:
        raise Broken(f"line end in {line!r}")
    return line[:-1].removesuffix(b"\r")


def read_head(conn):
    """The status and the fields of the next head; EOFError if the connection ends in it."""
    conn.begun = bool(conn.inbox)
    while len(conn.inbox) < 5 and b"HTTP/".startswith(conn.inbox):
        if not conn.more():
            raise EOFError
        conn.begun = True
    if conn.lenient and conn.inbox.startswith(b"\r\n"):
        conn.take(2)
    if not conn.inbox.startswith(b"HTTP/"):
        raise Broken("no status line")
    line = take_line(conn, conn.lenient)
    status = re.fullmatch(rb"HTTP/1\.([01]) ([0-9]{3})(?: [\t -~\x80-\xff]*)?", line)
    if not status:
        raise Broken(f"status line {line!r}")
    fields = []
    while line := take_line(conn, conn.lenient):
        field = re.fullmatch(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~\x80-\xff]*)", line)
        if not field:
            raise Broken(f"field line {line!r}")
        fields.append((field[1].decode().lower(), field[2].strip(BLANK)))
    if status[1] == b"0" and any(name == "transfer-encoding" for name, _ in fields):
        raise Broken("Transfer-Encoding in HTTP/1.0")
    return int(status[2]), fields


def take_exactly(conn, size):
    """So many octets."""
    while len(conn.inbox) < size:
        if not conn.more():
            raise EOFError
    return conn.take(size)


def read_chunks(conn):
    """The content of a chunked body."""
    body = bytearray()
    while True:
        size = re.fullmatch(rb"(0*[0-9A-Fa-f]{1,16})(?:[ \t]*;.*)?", line := take_line(conn))
        if not size and conn.lenient:
            size = re.fullmatch(rb"(0*[0-9A-Fa-f]{1,16})[ \t]+", line)
        if not size:
            raise Broken("chunk size")
        if int(size[1], 16) == 0:
            break
        body += take_exactly(conn, int(size[1], 16))
        if take_exactly(conn, 2) != b"\r\n":
            raise Broken("chunk end")
    while line := take_line(conn):
        if not re.match(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:", line):
            raise Broken(f"trailer {line!r}")
    return bytes(body)


def read_body(conn, method, status, fields):
    """The body that belongs to a final head, after transfer-decoding."""
    codings = [value.lower() for name, value in fields if name == "transfer-encoding"]
    lengths = {part.strip(BLANK) for name, value in fields if name == "content-length" for part in value.split(b",")}
    if status in (101, 204, 304):
        return b""
    if lengths and (len(lengths) > 1 or not re.fullmatch(rb"[0-9]{1,19}", next(iter(lengths)))):
        raise Broken("Content-Length")
    if method == b"HEAD" or (method == b"CONNECT" and 200 <= status < 300):
        return b""
    if codings and not conn.lenient and (lengths or codings != [b"chunked"]):
        raise Broken("Transfer-Encoding")
    if codings and codings[-1].endswith(b"chunked"):
        return read_chunks(conn)
    if lengths and not codings:
        return take_exactly(conn, int(lengths.pop()))
    while conn.more():
        pass
    if conn.reset:
        raise EOFError
    return conn.take(len(conn.inbox))


def read_answer(conn, method, continue_allowed, interims):
    """Read interim responses and the final one."""
    status, fields = None, []
    if conn.unusable:
        return Answer("none", note="not sent: the answer before is missing or broken")
    try:
        status, fields = conn.early or read_head(conn)
        conn.early = None
        while status < 200 and status != 101:
            interims.append(status)
            status, fields = read_head(conn)
        answer = Answer("response", status, fields, read_body(conn, method, status, fields))
    except EOFError:
        answer = Answer("incomplete" if conn.begun else "closed", status, fields)
        conn.inbox.clear()
    except (Broken, NoAnswer) as problem:
        answer = Answer("none" if isinstance(problem, NoAnswer) else "broken", status, fields, note=str(problem))
        conn.unusable = True
    if not conn.lenient:
        answer.faults += [f"interim {code}" for code in interims if code != 100 or not continue_allowed]
    return answer


# ---- Carrying out a case --------------------------------------------------------------------------------------------

class Unit:
    """Requests that go out together on one connection: one and those pipelined behind it; with its copies."""

    def __init__(self, first):
        self.numbers, self.connections, self.threads = [first], {}, []
        self.continued = False  # whether the next unit uses its connections
        self.ready = []  # for each copy: set when it was sent, awaits others or has ended


class CaseRun:
    """One case being carried out on its target."""

    def __init__(self, case, target, limit):
        self.case, self.target, self.limit = case, target, limit
        self.values = dict(target.values, nonce=secrets.token_hex(8), copy="0")
        self.answers, self.problems, self.others = {}, [], threading.Event()

    def exchange(self, unit, copy, connection, reused, barrier):
        """Send a unit's requests on a connection and read their answers."""
        values, opened = dict(self.values, copy=str(copy)), connection
        try:
            if opened is None:
                tls = self.case["requests"][unit.numbers[0]].get("tls") is not False
                opened = Connection(self.target, tls, self.limit)
            unit.connections[copy] = opened
            if barrier:
                barrier.wait(self.limit + CONNECT_LIMIT + HANDSHAKE_LIMIT)
            sent = [self.send(opened, self.case["requests"][number], values, unit.ready[copy])
                    for number in unit.numbers]
            unit.ready[copy].set()
            for number, (early, started, interims, data) in zip(unit.numbers, sent):
                opened.deadline = started + self.limit
                method = data.split(b" ", 1)[0]
                expects = re.search(rb"(?im)^expect:[ \t]*100-continue[ \t]*\r?$", data.partition(b"\r\n\r\n")[0])
                self.answers[number, copy] = early or read_answer(opened, method, expects, interims)
            if not unit.continued:
                self.find_surplus(opened, self.answers[unit.numbers[-1], copy])
                opened.close()
        except (CaseError, threading.BrokenBarrierError, ValueError) as problem:
            if barrier:
                barrier.abort()
            self.problems.append(problem)
        finally:
            unit.ready[copy].set()

    def send(self, conn, request, values, ready):
        """Send one request; (its answer if nothing is to be read, the start of its time, interims, octets)."""
        ordinary = request.get("client") == "ordinary"
        steps = compose_ordinary(request, values) if ordinary else compose(request, values)
        conn.lenient = ordinary
        data = b"".join(step for step in steps if isinstance(step, bytes))
        started, interims = time.monotonic(), []
        for step in steps:
            conn.deadline = started + self.limit
            try:
                if isinstance(step, bytes):
                    conn.outbox = memoryview(bytes(conn.outbox) + step)
                    continue
                conn.flush()
                paused = time.monotonic()
                if "pause-ms" in step:
                    time.sleep(step["pause-ms"] / 1000)
                    started += time.monotonic() - paused
                elif step == {"await": "others"}:
                    ready.set()
                    self.others.wait()
                    started += time.monotonic() - paused
                elif step == {"await": "continue"}:
                    status, fields = read_head(conn)
                    if status >= 200 or status == 101:
                        conn.early = (status, fields)
                        break
                    interims.append(status)
                elif step == {"close": "both"}:
                    conn.close()
                    conn.ended = True
                    return Answer("closed", note="by the client"), started, [], data
                elif step == {"close": "write"}:
                    conn.socket.shutdown(socket.SHUT_WR)
                else:
                    raise CaseError(f"unknown step {step}")
            except NoAnswer:
                return Answer("none"), started, [], data
            except EOFError:
                break
            except Broken as problem:
                return Answer("broken", note=str(problem)), started, [], data
            except OSError:
                continue  # the server has closed the connection, which reading will show
        try:
            if conn.outbox and request.get("answer") == "later":
                conn.flush()
        except NoAnswer:
            pass
        return None, started, interims, data

    def start(self, unit, previous):
        """Send a unit, with all its copies, in threads of their own."""
        request = self.case["requests"][unit.numbers[0]]
        copies = request.get("copies") or 1
        reused = request.get("connection") == "same"
        unit.ready = [threading.Event() for _ in range(copies)]
        barrier = threading.Barrier(copies) if copies > 1 else None
        for copy in range(copies):
            connection = previous.connections.get(copy) if reused else None
            arguments = (unit, copy, connection, reused, barrier)
            unit.threads.append(threading.Thread(target=self.exchange, args=arguments, daemon=True))
            unit.threads[-1].start()

    def carry_out(self):
        """Send all requests in order and read their answers."""
        requests, units = self.case["requests"], []
        for number, request in enumerate(requests):
            if request.get("connection") == "pipelined":
                units[-1].numbers.append(number)
            else:
                if request.get("connection") == "same":
                    units[-1].continued = True
                units.append(Unit(number))
        awaiting = [unit for unit in units if {"await": "others"} in (requests[unit.numbers[0]].get("raw") or ())]
        for index, unit in enumerate(units):
            if requests[unit.numbers[0]].get("connection") == "same":
                wait(units[index - 1].threads)
            self.start(unit, units[index - 1])
            if requests[unit.numbers[-1]].get("answer") == "later":
                for event in unit.ready:
                    event.wait()
            else:
                wait(unit.threads)
            if self.problems:
                break
        wait(thread for unit in units if unit not in awaiting for thread in unit.threads)
        self.others.set()
        wait(thread for unit in awaiting for thread in unit.threads)
        if self.problems:
            raise self.problems[0]

    def find_surplus(self, connection, answer):
        """Mark the last answer on a connection if more octets come behind it."""
        if answer.kind == "response" and not connection.lenient:
            connection.outbox, connection.deadline = memoryview(b""), time.monotonic() + SURPLUS_WAIT
            try:
                if connection.inbox or connection.more():
                    answer.faults.append("octets after the end")
            except NoAnswer:
                pass

    def judge(self):
        """The verdict, its reason and the behaviours observed."""
        holds, reason, observed = True, [], []
        requests = self.case["requests"]
        for number, request in enumerate(requests):
            answers = [(dict(self.values, copy=str(copy)), answer) for (which, copy), answer
                       in sorted(self.answers.items()) if which == number]
            if request.get("observe") is not None:
                for values, answer in answers:
                    shown = [name for name, each in request["observe"].items() if allowed(each, answer, values)]
                    observed.append((shown or ["other"])[0])
                    reason += [] if shown else [f"request {number + 1}: {answer}"]
                continue
            fitting = [answer for values, answer in answers if allowed(request["expect"], answer, values)]
            reason += [f"request {number + 1}: {answer}" for _, answer in answers if answer not in fitting]
            if request.get("distinct") is not None:
                found = [json.dumps(value, sort_keys=True) for answer in fitting
                         for value in pointed(request["distinct"], answer)]
                reason += [f"request {number + 1}: equal values"] if len(set(found)) < len(found) else []
            holds = holds and not reason
        if self.case["level"] == "observe":
            held = not any("expect" in r for r in requests) or holds
            return "observed", "; ".join(reason) or None, observed if held else ["other"] * len(observed)
        return "passed" if holds else "failed", "; ".join(reason) or None, []


def wait(threads):
    """Wait for threads, all of which end by themselves."""
    for thread in threads:
        thread.join()


# ---- The run --------------------------------------------------------------------------------------------------------

def answers_at_all(target, limit):
    """Why a GET of `/` does not get a complete response, or None if it does."""
    try:
        conn = Connection(target, True, limit)
        conn.deadline = time.monotonic() + limit
        conn.outbox = memoryview(f"GET / HTTP/1.1\r\nHost: {target.values['authority']}\r\nConnection: close\r\n\r\n"
                                 .encode())
        answer = read_answer(conn, b"GET", False, [])
        conn.close()
        return None if answer.kind == "response" else f"the target does not answer HTTP: {answer}"
    except CaseError as problem:
        return str(problem)


class Run:
    """All cases of a bundle against some targets."""

    def __init__(self, cases, targets, options):
        self.cases, self.targets, self.options = cases, targets, options
        self.results = {}

    def prerequisites(self, case):
        """The identifiers of the cases that a case names, tables replaced by their rows."""
        for name in case.get("prerequisites") or ():
            rows = [name] if name in self.cases else [each for each in self.cases if each.startswith(name + "/")]
            if not rows:
                raise SystemExit(f"{case['id']}: no case {name}")
            yield from rows

    def before(self, case):
        """(verdict, reason) if a case is not to be run, once its prerequisites have ended; else None."""
        for guest in (route["guest"] for route in case.get("routes") or ()):
            if not os.path.exists(os.path.join(self.options.bundle, "guests", guest + ".wasm")):
                return "unsupported", "the bundle has no guest " + guest
        target = self.targets.get(case["runs_in"])
        missing = set(case["profiles"]) & set(self.options.no_profile)
        if missing or target is None:
            return "unsupported", ", ".join(sorted(missing)) or "no deployment " + case["runs_in"]
        if target.gone:
            return "error", target.gone
        for name in self.prerequisites(case):
            verdict = self.results[name][0]
            if verdict not in ("passed", "observed"):
                return "unsupported" if verdict == "unsupported" else "blocked", f"{name}: {verdict}"
        return None

    def run_case(self, case):
        """Carry out one case: (verdict, reason, observed, duration in ms)."""
        target, begun = self.targets[case["runs_in"]], time.monotonic()
        run = CaseRun(case, target, self.options.timeout)
        try:
            run.carry_out()
            result = run.judge()
        except Exception as problem:  # whatever went wrong, it is this case's error and no other's
            result = "error", f"{type(problem).__name__}: {problem}", []
        doubtful = any(answer.kind != "response" and answer.note != "by the client" for answer in run.answers.values())
        if (doubtful or result[0] == "error") and not target.gone:
            target.gone = answers_at_all(target, self.options.timeout)
        return *result, (time.monotonic() - begun) * 1000

    def run(self):
        """Run the selected cases, each after its prerequisites, and return a result for each case of the suite."""
        words = self.options.filter or [""]
        chosen = {name for name in self.cases if any(word in name for word in words)}
        todo, queue = set(), list(chosen)
        while queue:
            name = queue.pop()
            if name not in todo:
                todo.add(name)
                queue += self.prerequisites(self.cases[name])
        for target in self.targets.values():
            target.gone = answers_at_all(target, self.options.timeout)
        waiting, running = [name for name in self.cases if name in todo], {}
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            while waiting or running:
                later = []
                for name in waiting:
                    case = self.cases[name]
                    if len(running) >= self.options.jobs or any(
                            each not in self.results for each in self.prerequisites(case)):
                        later.append(name)
                    elif known := self.before(case):
                        self.results[name] = *known, [], 0
                    else:
                        running[pool.submit(self.run_case, case)] = name
                waiting = later
                done, _ = concurrent.futures.wait(running, return_when="FIRST_COMPLETED")
                for future in done:
                    self.results[running.pop(future)] = future.result()
        return {name: self.results[name] if name in chosen else ("skipped", None, [], 0) for name in self.cases}


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
    targets = {}
    for text in options.url:
        name, url = re.fullmatch(r"(?:([^:=]+)=)?(https?://.*)", text).groups()
        targets[name or "main"] = Target(url)
    with open(os.path.join(options.bundle, "cases.json"), encoding="utf-8") as file:
        cases = {case["id"]: case for case in json.load(file)["cases"]}
    begun = time.monotonic()
    results = Run(cases, targets, options).run()
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
