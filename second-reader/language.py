"""The language of cases: octets, requests, matchers, and whether an answer is one of those expected."""
import base64
import ipaddress
import itertools
import json
import re
import string
import urllib.parse

ANY_SERVER = set("""accept-ranges age allow alt-svc cache-control connection content-length content-security-policy
    content-type date etag expires keep-alive last-modified pragma proxy-connection referrer-policy retry-after server
    server-timing strict-transport-security trailer transfer-encoding upgrade vary via x-content-type-options
    x-frame-options x-powered-by x-request-id x-xss-protection""".split())
FORMS = {"base64", "repeat", "concat"}  # of octets, beside a string


def expand(text, values, quote=str):
    """Replace the placeholders of a text, once; a KeyError if one is unknown. `quote` is applied to each value."""
    return re.sub(r"\{\{([a-z][a-z0-9._-]*)\}\}", lambda name: quote(values[name[1]]), text)


def octets(form, values):
    """The octets that one of the four forms stands for."""
    if isinstance(form, str):
        return expand(form, values).encode()
    if "base64" in form:
        return base64.b64decode(form["base64"], validate=True)
    if "concat" in form:
        return b"".join(octets(piece, values) for piece in form["concat"])
    pattern, length = octets(form["repeat"]["pattern"], values), form["repeat"]["length"]
    return (pattern * (length // len(pattern) + 1))[:length]


def field_lines(fields, values):
    """The lines of fields."""
    return b"".join(b"%s: %s\r\n" % (octets(name, values), octets(value, values)) for name, value in fields)


def chunked(body, how, values):
    """A body in the chunked coding."""
    chunks, begin, extension = [], 0, octets(how.get("extension", ""), values)
    for size in itertools.takewhile(lambda _: begin < len(body), itertools.cycle(how["sizes"])):
        chunk, begin = body[begin:begin + size], begin + size
        chunks.append(b"%x%s\r\n%s\r\n" % (len(chunk), extension, chunk))
    return b"".join(chunks) + b"0\r\n" + field_lines(how.get("trailers", []), values) + b"\r\n"


def compose(request, values):
    """The steps of a request: octets to be sent, and objects that say what else to do."""
    if "raw" in request:
        return [octets(step, values) if type(step) is str or FORMS & step.keys() else step for step in request["raw"]]
    method, target = octets(request["method"], values), octets(request["target"], values)
    body = octets(request["body"], values) if "body" in request else None
    fields = list(request["fields"])
    if request["host"] and all(octets(name, values).lower() != b"host" for name, _ in fields):
        fields.insert(0, ("Host", "{{authority}}"))
    if request["client"] == "ordinary":
        fields.append(("Accept-Encoding", "identity"))  # what Python's http.client adds
    framing, content = request.get("framing", "none" if body is None else "content-length"), body or b""
    if framing == "content-length":
        fields.append(("Content-Length", str(len(content))))
    elif framing != "none":
        fields.append(("Transfer-Encoding", "chunked"))
        content = chunked(content, framing["chunked"], values)
    line = b"%s %s HTTP/%s\r\n" % (method, target, request["version"].encode())
    return [line + field_lines(fields, values) + b"\r\n" + content]


def fnv1a64(data):
    """FNV-1a, 64 bits, in hexadecimal."""
    value = 0xcbf29ce484222325
    for octet in data:
        value = (value ^ octet) * 0x100000001b3 & 0xffffffffffffffff
    return f"{value:016x}"


class Stdin(bytes):
    """Standard input as a report tells of it: its first octets, with its whole `length` and its `hash`."""


def matches(matcher, value, values):
    """Whether a value (octets, a `Stdin`, or None for one that is not there) matches."""
    length = getattr(value, "length", len(value or b""))
    if isinstance(matcher, str) or FORMS & matcher.keys():
        expected = octets(matcher, values)
        if length > 65536 and isinstance(value, Stdin):
            return (len(expected), fnv1a64(expected)) == (length, value.hash)
        return expected == value
    (kind, operand), = matcher.items()
    if kind in ("one-of", "all-of"):
        return {"one-of": any, "all-of": all}[kind](matches(each, value, values) for each in operand)
    if kind in ("absent", "absent-or-empty"):
        return value is None or (kind == "absent-or-empty" and length == 0)
    try:
        return value is not None and MATCHERS[kind](operand, value, values)
    except (ValueError, RecursionError):  # it is no JSON, or no URL
        return False


MATCHERS = {
    "any": lambda operand, value, values: True,
    "not": lambda operand, value, values: not matches(operand, value, values),
    "length": lambda operand, value, values: operand == getattr(value, "length", len(value)),
    "contains": lambda operand, value, values: octets(operand, values) in value,
    "pattern": lambda operand, value, values: bool(re.fullmatch(expand(operand, values, re.escape).encode(), value)),
    "url": lambda operand, value, values: parse_url(octets(operand, values)) == parse_url(value),
    "json": lambda operand, value, values: subset(operand, parse_json(value), values),
    "report": lambda operand, value, values: matches_report(operand, parse_json(value), values),
}


def parse_json(data):
    """The JSON value that octets stand for; a ValueError if they do not."""
    value = json.loads(data.decode())
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # no NaN, no half of a surrogate pair
    return value


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


def pointed(pointer, answer):
    """The value that a JSON Pointer finds in an answer's body, in a list; the list is empty if there is none."""
    try:
        value = json.loads(answer.body)
        for token in pointer.split("/")[1:]:
            value = value[int(token) if isinstance(value, list) else token.replace("~1", "/").replace("~0", "~")]
        return [value]
    except (ValueError, LookupError, TypeError):
        return []


def in_order(matchers, found, values):
    """Whether an array of matchers matches all that was found, one by one."""
    return len(matchers) == len(found) and all(matches(a, b, values) for a, b in zip(matchers, found))


def matches_report(expected, report, values):
    """Whether a JSON value is a report that has what is expected of it; a ValueError if it has odd characters."""
    try:
        lists = [report["args"], report["env"], *report["env"]]
        args = [arg.encode("latin-1") for arg in report["args"]]
        env = [tuple(part.encode("latin-1") for part in entry) for entry in report["env"]]
        stdin = Stdin(report["stdin"]["text"].encode("latin-1"))
        stdin.length, stdin.hash, ended = (report["stdin"][name] for name in ("length", "fnv1a64", "eof"))
    except (LookupError, TypeError, AttributeError):
        return False
    if not all(isinstance(each, list) for each in lists) or {len(entry) for entry in env} - {1, 2}:
        return False
    found = {name: [entry[1] for entry in env if len(entry) == 2 and entry[0] == name.encode()] or [None]
             for name in expected.get("env", {})}
    return (all(matches(expected["env"][name], value, values) for name in found for value in found[name])
            and not any(matches(expected.get("env-none", {"absent": True}), b"=".join(entry), values) for entry in env)
            and not (expected.get("env-unique") and len({entry[0] for entry in env}) < len(env))
            and ("args" not in expected or in_order(expected["args"], args, values))
            and matches(expected.get("stdin", {"any": True}), stdin, values)
            and expected.get("stdin-ended") in (None, ended))


def encode(text, signs):
    """Percent-encode controls, spaces, octets beyond ASCII and these signs; all else, codes included, stays."""
    return text and urllib.parse.quote(text, "".join(set(string.punctuation) - set(signs)))


def parse_url(data):
    """What the WHATWG URL Standard makes of an absolute http or https URL; a ValueError if it is none."""
    text = re.sub("[\t\n\r]", "", data.decode().strip("".join(map(chr, range(0x21)))))
    parts = re.fullmatch(r"(https?):[/\\]*([^/\\?#]+)([/\\][^?#]*)?(\?[^#]*)?(#.*)?", text, re.I | re.S)
    scheme, authority, path, query, fragment = parts.groups() if parts else [""] * 5
    place, segments = urllib.parse.urlsplit(f"{scheme}://{authority}"), []
    if not place.hostname:
        raise ValueError(f"no URL: {data}")
    for segment in re.split(r"[/\\]", path or "/")[1:]:
        dots = re.sub("%2e", ".", segment, flags=re.I)
        if dots == "..":
            del segments[-1:]
        elif dots != ".":
            segments.append(encode(segment, '"#<>?^`{}'))
    segments += [""] if dots in (".", "..") else []
    host = ipaddress.IPv6Address(place.hostname) if ":" in place.hostname else place.hostname
    return (place.scheme, place.username, host, place.port or {"http": 80, "https": 443}[place.scheme], segments,
            encode(query, "\"#<>'"), encode(fragment, '"<>`'))


def field_allowed(expected, found, values):
    """Whether the occurrences of one field are what they must be."""
    if isinstance(expected, list):
        return in_order(expected, found, values)
    if isinstance(expected, dict) and "count" in expected:
        return len(found) == expected["count"]
    if isinstance(expected, dict) and "joined" in expected:
        return matches(expected["joined"], b", ".join(found) if found else None, values)
    return (len(found) <= 1 or expected == {"any": True}) and matches(expected, found[0] if found else None, values)


def allowed(expectation, answer, values):
    """Whether an answer is one of those expected."""
    if isinstance(expectation, list):
        return any(allowed(each, answer, values) for each in expectation)
    if answer.faults or isinstance(expectation, str):
        return answer.kind == expectation and not answer.faults
    status = expectation["status"]
    codes = {"any", answer.status, f"{(answer.status or 0) // 100}xx"}
    if answer.kind != "response" or codes.isdisjoint(status if isinstance(status, list) else [status]):
        return False
    expected = {name.lower(): matcher for name, matcher in expectation.get("fields", {}).items()}
    rest = expected.pop("*", None)
    for name, value in answer.fields:
        if name not in expected and not (name in ANY_SERVER if rest is None else matches(rest, value, values)):
            return False
    return matches(expectation["body"], answer.body, values) and all(
        field_allowed(matcher, [value for each, value in answer.fields if each == name], values)
        for name, matcher in expected.items())
