"""Connections, and the answers read from them, framed as strictly as the case format asks."""
import asyncio
import re
import ssl
import urllib.parse

CONNECT_LIMIT, HANDSHAKE_LIMIT, LONGEST_LINE = 10, 5, 1 << 30  # seconds; octets


class Target:
    """One deployment's server; `gone` says why it does not answer any more."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        default = {"http": 80, "https": 443}[parts.scheme]
        host, port = re.sub(":[0-9]*$", "", parts.netloc), parts.port or default
        self.tls, self.address, self.gone = parts.scheme == "https", (parts.hostname, port), None
        self.values = {"host": host, "port": str(port), "scheme": parts.scheme,
                       "authority": host if port == default else f"{host}:{port}"}


class Connection(asyncio.StreamReader):
    """A connection: reads what comes in the background, and has a `writer` that sends in the background."""
    reset = unusable = False  # it is unusable after an answer that is missing or broken

    @classmethod
    async def open(cls, target, tls, limit):
        """Connect, and speak TLS if that is wanted of a target that does; an OSError if it accepts no connection."""
        conn, loop, context = cls(LONGEST_LINE), asyncio.get_running_loop(), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connecting = loop.create_connection(lambda: asyncio.StreamReaderProtocol(conn), *target.address)
        transport, protocol = await asyncio.wait_for(connecting, min(limit, CONNECT_LIMIT))
        if tls and target.tls:
            protocol.eof_received = conn.feed_eof  # which, unlike its own, does not try to keep the connection open
            shaking_hands = loop.start_tls(transport, protocol, context, server_hostname=target.address[0])
            try:
                transport = await asyncio.wait_for(shaking_hands, HANDSHAKE_LIMIT)
            except asyncio.TimeoutError:
                conn.unusable = True
            except OSError:
                conn.feed_eof()
        transport.set_write_buffer_limits(0)
        conn.writer = asyncio.StreamWriter(transport, protocol, None, loop)
        return conn

    def set_exception(self, problem):
        """Take a reset as the end, which loses nothing that has come before it."""
        self.reset = True
        self.feed_eof()


def matched(pattern, line):
    """How a line matches a pattern, as a whole; a ValueError, for broken framing, if it does not."""
    match = re.fullmatch(pattern, line)
    if not match:
        raise ValueError(f"unexpected {line!r}")
    return match


async def read_line(reader):
    """The next line, without its end."""
    return matched(rb"([^\n]*)\r\n", await reader.readuntil(b"\n"))[1]


async def read_fields(reader):
    """The fields up to an empty line, names in lower case."""
    fields = []
    while line := await read_line(reader):
        name, value = matched(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~\x80-\xff]*)", line).groups()
        fields.append((name.decode().lower(), value.strip(b" \t")))
    return fields


async def read_head(reader):
    """The status and the fields of the next head, or None if the connection ends before it."""
    try:
        start = await reader.readexactly(5)
    except asyncio.IncompleteReadError as end:
        start = end.partial
    if start == b"":
        return None
    matched(rb"HTTP/|HTTP|HTT|HT|H", start)  # if it is anything else, no more of it need be awaited
    line = start + await read_line(reader)
    version, status = matched(rb"HTTP/1\.([01]) ([0-9]{3})(?: [\t -~\x80-\xff]*)?", line).groups()
    fields = await read_fields(reader)
    if version == b"0" and "transfer-encoding" in dict(fields):
        raise ValueError("Transfer-Encoding in HTTP/1.0")
    return int(status), fields


async def read_chunks(reader):
    """The content of a chunked body; its trailer fields are passed over."""
    body = bytearray()
    while size := int(matched(rb"(0*[0-9A-Fa-f]{1,16})(?:[ \t]*;.*)?", await read_line(reader))[1], 16):
        body += await reader.readexactly(size)
        matched(rb"\r\n", await reader.readexactly(2))
    await read_fields(reader)
    return bytes(body)


async def read_body(conn, method, status, fields):
    """The body that belongs to a final head, after transfer-decoding."""
    codings = [value.lower() for name, value in fields if name == "transfer-encoding"]
    lengths = {part.strip(b" \t") for name, value in fields if name == "content-length" for part in value.split(b",")}
    if status not in (101, 204, 304) and lengths:
        matched(rb"0*[0-9]{1,19}", b",".join(lengths))
    if status in (101, 204, 304) or method == b"HEAD" or (method == b"CONNECT" and 200 <= status < 300):
        return b""
    if codings and (lengths or codings != [b"chunked"]):
        raise ValueError(f"Transfer-Encoding {codings} with Content-Length {lengths}")
    if codings:
        return await read_chunks(conn)
    if lengths:
        return await conn.readexactly(int(lengths.pop()))
    body = await conn.read()
    if conn.reset:
        raise EOFError
    return body
