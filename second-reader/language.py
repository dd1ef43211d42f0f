"""The language of cases: octets, requests, matchers, and whether an answer is one of those expected."""
import base64
import collections
import functools
import http.client
import ipaddress
import itertools
import json
import re
import urllib.parse

ANY_SERVER = set("""accept-ranges age allow alt-svc cache-control connection content-length content-security-policy
    content-type date etag expires keep-alive last-modified pragma proxy-connection referrer-policy retry-after server
    server-timing strict-transport-security trailer transfer-encoding upgrade vary via x-content-type-options
    x-frame-options x-powered-by x-request-id x-xss-protection""".split())

class CaseError(Exception):
    """The case could not be carried out: its verdict is `error`."""


# ---- Octets and placeholders ----------------------------------------------------------------------------------------

def expand(text, values, quote=str):
    """Replace the placeholders of a text, once; `quote` is applied to each value."""
    def value(match):
        if match[1] not in values:
            raise CaseError("unknown placeholder " + match[0])
        return quote(values[match[1]])
    return re.sub(r"\{\{([a-z][a-z0-9._-]*)\}\}", value, text)


def octets(form, values):
    """The octets that one of the four forms stands for."""
    if isinstance(form, str):
        return expand(form, values).encode()
    (kind, value), = form.items()
    if kind == "base64":
        return base64.b64decode(value, validate=True)
    if kind == "repeat":
        pattern = expand(value["pattern"], values).encode()
        return (pattern * (value["length"] // len(pattern) + 1))[:value["length"]]
    if kind == "concat":
        return b"".join(octets(piece, values) for piece in value)
    raise CaseError(f"unknown form of octets: {kind}")


# ---- Requests -------------------------------------------------------------------------------------------------------

def chunked(body, how, values):
    """A body in the chunked coding."""
    out, extension = bytearray(), expand(how.get("extension") or "", values).encode()
    for size in itertools.cycle(how["sizes"]):
        if not body:
            break
        out += b"%x%s\r\n%s\r\n" % (len(body[:size]), extension, body[:size])
        body = body[size:]
    trailers = (octets(name, values) + b": " + octets(value, values) + b"\r\n"
                for name, value in how.get("trailers") or ())
    return bytes(out) + b"0\r\n" + b"".join(trailers) + b"\r\n"


def compose(request, values):
    """The steps of a request: those of `raw`, or one with all its octets."""
    if request.get("raw") is not None:
        return [octets(step, values) if isinstance(step, str) or not set(step) & {"pause-ms", "await", "close"}
                else step for step in request["raw"]]
    fields = [(octets(name, values), octets(value, values)) for name, value in request.get("fields") or ()]
    body = None if request.get("body") is None else octets(request["body"], values)
    framing = request.get("framing") or ("none" if body is None else "content-length")
    if request.get("host") is not False and not any(name.lower() == b"host" for name, _ in fields):
        fields.insert(0, (b"Host", values["authority"].encode()))
    content = body or b""
    if framing == "content-length":
        fields.append((b"Content-Length", b"%d" % len(content)))
    elif framing != "none":
        fields.append((b"Transfer-Encoding", b"chunked"))
        content = chunked(content, framing["chunked"], values)
    method, target = expand(request.get("method") or "GET", values).encode(), octets(request["target"], values)
    line = b"%s %s HTTP/%s\r\n" % (method, target, (request.get("version") or "1.1").encode())
    return [line + b"".join(b"%s: %s\r\n" % field for field in fields) + b"\r\n" + content]


def compose_ordinary(request, values):
    """The octets that http.client sends for a request."""
    sent = bytearray()
    client = http.client.HTTPConnection(values["host"], int(values["port"]))
    client.sock = type("Recorder", (), {"sendall": lambda _, data: sent.extend(data)})()
    fields = [(octets(name, values), octets(value, values)) for name, value in request.get("fields") or ()]
    body = None if request.get("body") is None else octets(request["body"], values)
    own_host = request.get("host") is not False and not any(name.lower() == b"host" for name, _ in fields)
    method = expand(request.get("method") or "GET", values)
    client.putrequest(method, octets(request["target"], values).decode(), skip_host=True)
    for name, value in ([(b"Host", values["authority"].encode())] if own_host else []) + fields:
        client.putheader(name, value)
    if body is not None or method in ("POST", "PUT", "PATCH"):
        client.putheader("Content-Length", str(len(body or b"")))
    client.endheaders(body)
    return [bytes(sent)]


# ---- Matchers -------------------------------------------------------------------------------------------------------

@functools.lru_cache(maxsize=256)
def fnv1a64(data):
    """FNV-1a, 64 bits, in hexadecimal."""
    value = 0xcbf29ce484222325
    for octet in data:
        value = (value ^ octet) * 0x100000001b3 & 0xffffffffffffffff
    return f"{value:016x}"


class Stdin:
    """Standard input as a report tells of it: its first octets, its whole length and its hash."""

    def __init__(self, report):
        self.head = latin1(report["text"])
        self.length, self.hash = report["length"], report["fnv1a64"]


def matches(matcher, value, values):
    """Whether a value (octets, a `Stdin`, or None for one that is not there) matches."""
    if isinstance(matcher, str) or set(matcher) & {"base64", "repeat", "concat"}:
        expected = octets(matcher, values)
        if isinstance(value, Stdin) and value.length > 65536:
            return len(expected) == value.length and fnv1a64(expected) == value.hash
        return expected == (value.head if isinstance(value, Stdin) else value)
    (kind, operand), = matcher.items()
    if kind == "one-of":
        return any(matches(each, value, values) for each in operand)
    if kind == "all-of":
        return all(matches(each, value, values) for each in operand)
    if kind == "absent":
        return value is None
    if kind == "absent-or-empty":
        return value is None or (value.length if isinstance(value, Stdin) else len(value)) == 0
    if value is None:
        return False
    if kind == "any":
        return True
    if kind == "not":
        return not matches(operand, value, values)
    if kind == "length":
        return operand == (value.length if isinstance(value, Stdin) else len(value))
    if isinstance(value, Stdin):
        value = value.head
    if kind == "contains":
        return octets(operand, values) in value
    if kind == "pattern":
        return re.fullmatch(expand(operand, values, re.escape).encode(), value) is not None
    if kind == "url":
        url = parse_url(value)
        return url is not None and url == parse_url(expand(operand, values).encode())
    if kind == "json":
        found = parse_json(value)
        return found is not None and subset(operand, found[0], values)
    if kind == "report":
        return matches_report(operand, value, values)
    raise CaseError("unknown matcher: " + kind)


def parse_json(data):
    """The JSON value in a list of its own, or None if the octets are not JSON."""
    try:
        value = json.loads(data.decode("utf-8"))
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # no NaN, no half of a surrogate pair
        return [value]
    except (ValueError, RecursionError):
        return None


def subset(expected, found, values):
    """Whether a JSON value has all that is expected of it."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(
            name in found and subset(value, found[name], values) for name, value in expected.items())
    if isinstance(expected, list):
        return isinstance(found, list) and len(expected) == len(found) and all(
            subset(a, b, values) for a, b in zip(expected, found))
    expected = expand(expected, values) if isinstance(expected, str) else expected
    return type(expected) is type(found) and expected == found  # so 1 is neither true nor 1.0


def latin1(text):
    """The octets of a string of a report; a ValueError if it has other characters."""
    return text.encode("latin-1")


def read_report(data):
    """(args, env, stdin, ended) of the observing guest's report, or None if it is not of that form."""
    parsed = parse_json(data)
    try:
        report = parsed[0]
        args = [latin1(arg) for arg in report["args"]]
        env = [tuple(latin1(part) for part in entry) for entry in report["env"]]
        ended, stdin = report["stdin"]["eof"], Stdin(report["stdin"])
        typed = (isinstance(report["args"], list) and isinstance(report["env"], list) and isinstance(ended, bool)
                 and all(isinstance(entry, list) and len(entry) in (1, 2) for entry in report["env"])
                 and type(stdin.length) is int and re.fullmatch("[0-9a-f]{16}", stdin.hash))
        return (args, env, stdin, ended) if typed else None
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


def matches_report(expected, data, values):
    """Whether a body is a report that has what is expected of it."""
    report = read_report(data)
    if report is None:
        return False
    args, env, stdin, ended = report
    for name, matcher in (expected.get("env") or {}).items():
        found = [entry[1] for entry in env if len(entry) == 2 and entry[0] == name.encode()] or [None]
        if not all(matches(matcher, value, values) for value in found):
            return False
    if expected.get("env-none") is not None:
        if any(matches(expected["env-none"], b"=".join(entry), values) for entry in env):
            return False
    if expected.get("env-unique") and len({entry[0] for entry in env}) < len(env):
        return False
    if expected.get("args") is not None:
        if len(args) != len(expected["args"]):
            return False
        if not all(matches(matcher, arg, values) for matcher, arg in zip(expected["args"], args)):
            return False
    if expected.get("stdin") is not None and not matches(expected["stdin"], stdin, values):
        return False
    return expected.get("stdin-ended") in (None, ended)


# ---- URLs (the part of the WHATWG URL Standard that concerns http and https) -----------------------------------------

def percent_encode(text, signs):
    """Encode controls, octets beyond ASCII and the signs given; leave all else, codes included, as it is."""
    return "".join(f"%{octet:02X}" if octet <= 0x20 or octet > 0x7e or chr(octet) in signs else chr(octet)
                   for octet in text.encode())


def parse_host(host):
    """A host in its serialised form; a ValueError if it is none."""
    if host.startswith("["):
        return f"[{ipaddress.IPv6Address(host[1:-1])}]" if host.endswith("]") else int("")
    host = urllib.parse.unquote(host, errors="strict").lower()
    host = host if host.isascii() else host.encode("idna").decode()
    if not host or re.search(r"[\x00-\x20#/:<>?@\[\\\]^|%\x7f]", host):
        raise ValueError("host")
    return str(ipaddress.IPv4Address(host)) if re.fullmatch(r".*\.?[0-9]+\.?", host) else host


def parse_url(data):
    """The parts of an absolute http or https URL once parsed, or None."""
    try:
        text = re.sub("[\t\n\r]", "", data.decode("utf-8").strip("".join(map(chr, range(0x21)))))
        scheme, rest = re.fullmatch(r"([A-Za-z]+):[/\\]*(.*)", text, re.S).groups()
        scheme = scheme.lower()
        default = {"http": 80, "https": 443}[scheme]
        rest, hash_sign, fragment = rest.partition("#")
        rest, question_mark, query = rest.partition("?")
        authority, path = re.fullmatch(r"([^/]*)(.*)", rest.replace("\\", "/"), re.S).groups()
        user, _, host = authority.rpartition("@")
        host, port = re.fullmatch(r"(\[.*\]|[^:]*)(?::([0-9]*))?", host).groups()
        port = int(port) if port else default
        segments, parts = [], (path or "/")[1:].split("/")
        for index, part in enumerate(parts):
            plain, last = re.sub("%2e", ".", part, flags=re.I), index == len(parts) - 1
            if plain in (".", ".."):
                del segments[-1 if plain == ".." and segments else len(segments):]
                segments += [""] * last
            else:
                segments.append(percent_encode(part, ' "#<>?^`{}'))
        return (scheme, user, parse_host(host), port, segments,
                percent_encode(query, " \"#<>'") if question_mark else None,
                percent_encode(fragment, ' "<>`') if hash_sign else None) if port < 65536 else None
    except (ValueError, AttributeError, KeyError):
        return None


# ---- Judging --------------------------------------------------------------------------------------------------------

def status_allowed(expected, status):
    """Whether a status code is the code, of the class, or one of the array."""
    if isinstance(expected, list):
        return any(status_allowed(each, status) for each in expected)
    return expected == "any" or expected == status or expected == f"{status // 100}xx"


def field_allowed(expected, found, values):
    """Whether the occurrences of one field are what they must be."""
    if isinstance(expected, list):
        return len(found) == len(expected) and all(matches(m, v, values) for m, v in zip(expected, found))
    if isinstance(expected, dict) and "count" in expected:
        return len(found) == expected["count"]
    if isinstance(expected, dict) and "joined" in expected:
        return matches(expected["joined"], b", ".join(found) if found else None, values)
    if expected == {"any": True}:
        return bool(found)
    return len(found) <= 1 and matches(expected, found[0] if found else None, values)


def allowed(expectation, answer, values):
    """Whether an answer is one of those expected."""
    if isinstance(expectation, list):
        return any(allowed(each, answer, values) for each in expectation)
    if answer.faults:
        return False
    if isinstance(expectation, str):
        return answer.kind == expectation
    if answer.kind != "response" or not status_allowed(expectation["status"], answer.status):
        return False
    expected = {name.lower(): matcher for name, matcher in (expectation.get("fields") or {}).items()}
    rest = expected.pop("*", None)
    found = collections.defaultdict(list)
    for name, value in answer.fields:
        found[name].append(value)
    for name in found.keys() - expected.keys():
        if rest is None and name not in ANY_SERVER:
            return False
        if rest is not None and not all(matches(rest, value, values) for value in found[name]):
            return False
    return (all(field_allowed(matcher, found.get(name, []), values) for name, matcher in expected.items())
            and matches(expectation["body"], answer.body, values))


def pointed(pointer, answer):
    """The value that a JSON Pointer finds in an answer's body, in a list; empty if there is none."""
    found = parse_json(answer.body) if answer.kind == "response" else None
    for token in pointer.split("/")[1:] if found else ():
        token, value = token.replace("~1", "/").replace("~0", "~"), found[0]
        if isinstance(value, dict) and token in value:
            found = [value[token]]
        elif isinstance(value, list) and re.fullmatch("0|[1-9][0-9]*", token) and int(token) < len(value):
            found = [value[int(token)]]
        else:
            return []
    return found or []
