"""Connections, and the answers read from them, framed as strictly as the case format asks."""
import asyncio
import re
import socket
import ssl
import urllib.parse

CONNECT_LIMIT, HANDSHAKE_LIMIT = 10, 5
SURPLUS_WAIT = 0.04  # how long surplus octets are waited for after the last answer of a connection
LONGEST_LINE = 1 << 30
BLANK = b" \t"
FIELD = rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~\x80-\xff]*)"


class Target:
    """One deployment's server; `gone` says why it does not answer any more."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        default = {"http": 80, "https": 443}[parts.scheme]
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = parts.port or default
        self.tls, self.address, self.gone = parts.scheme == "https", (parts.hostname, port), None
        self.values = {"host": host, "port": str(port), "scheme": parts.scheme,
                       "authority": host if port == default else f"{host}:{port}"}


class Connection(asyncio.Protocol):
    """A connection that receives and sends in the background, so that neither side waits for the other."""

    def __init__(self):
        self.transport, self.reader, self.sent = None, asyncio.StreamReader(LONGEST_LINE), asyncio.Event()
        self.reset = self.unusable = False  # it is unusable after an answer that is missing or broken
        self.sent.set()
        self.data_received, self.eof_received = self.reader.feed_data, self.reader.feed_eof
        self.pause_writing, self.resume_writing = self.sent.clear, self.sent.set

    @classmethod
    async def open(cls, target, tls, limit):
        """Connect, and speak TLS if that is wanted of a target that does; an OSError if it accepts no connection."""
        conn, secure = cls(), {}
        if tls and target.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            secure = {"ssl": context, "server_hostname": target.address[0]}
        sock = await asyncio.to_thread(socket.create_connection, target.address, min(limit, CONNECT_LIMIT))
        connecting = asyncio.get_running_loop().create_connection(lambda: conn, sock=sock, **secure)
        try:
            await asyncio.wait_for(connecting, HANDSHAKE_LIMIT)
        except asyncio.TimeoutError:
            conn.unusable = True
        except OSError as problem:  # the handshake failed
            conn.connection_lost(problem)
        return conn

    def connection_made(self, transport):
        self.transport = transport
        transport.set_write_buffer_limits(0)

    def connection_lost(self, problem):
        self.reset = problem is not None
        self.reader.feed_eof()
        self.sent.set()

    def send(self, data):
        """Send octets behind those sent before, without waiting for it, unless the connection has ended."""
        if self.transport and not self.transport.is_closing():
            self.transport.write(data)

    def close_sending(self):
        """Close the sending side, which TLS cannot."""
        if self.transport and self.transport.can_write_eof():
            self.transport.write_eof()

    async def has_surplus(self):
        """Whether more octets come."""
        try:
            return bool(await asyncio.wait_for(self.reader.read(1), SURPLUS_WAIT))
        except asyncio.TimeoutError:
            return False

    def close(self):
        """Close the connection, if it is open."""
        if self.transport:
            self.transport.abort()


class Broken(Exception):
    """The framing of a response is broken."""


async def read_line(reader):
    """The next line, without its end."""
    line = await reader.readuntil(b"\n")
    if not line.endswith(b"\r\n"):
        raise Broken(f"line end in {line!r}")
    return line[:-2]


async def read_head(reader):
    """The status and the fields of the next head, or None if the connection ends before it."""
    try:
        start = await reader.readexactly(5)
    except asyncio.IncompleteReadError as end:
        start = end.partial
    if start == b"":
        return None
    if not b"HTTP/".startswith(start):
        raise Broken(f"no status line, but {start!r}")
    line = start + await read_line(reader)
    status = re.fullmatch(rb"HTTP/1\.([01]) ([0-9]{3})(?: [\t -~\x80-\xff]*)?", line)
    if not status:
        raise Broken(f"status line {line!r}")
    fields = []
    while line := await read_line(reader):
        field = re.fullmatch(FIELD, line)
        if not field:
            raise Broken(f"field line {line!r}")
        fields.append((field[1].decode().lower(), field[2].strip(BLANK)))
    if status[1] == b"0" and any(name == "transfer-encoding" for name, _ in fields):
        raise Broken("Transfer-Encoding in HTTP/1.0")
    return int(status[2]), fields


async def read_chunks(reader):
    """The content of a chunked body."""
    body, size = bytearray(), None
    while size != 0:
        line = await read_line(reader)
        valid = re.fullmatch(rb"(0*[0-9A-Fa-f]{1,16})(?:[ \t]*;.*)?", line)
        if not valid:
            raise Broken(f"chunk size {line!r}")
        size = int(valid[1], 16)
        body += await reader.readexactly(size)
        if size and await reader.readexactly(2) != b"\r\n":
            raise Broken("chunk end")
    while line := await read_line(reader):
        if not re.match(FIELD, line):
            raise Broken(f"trailer {line!r}")
    return bytes(body)


async def read_body(conn, method, status, fields):
    """The body that belongs to a final head, after transfer-decoding."""
    codings = [value.lower() for name, value in fields if name == "transfer-encoding"]
    lengths = {part.strip(BLANK) for name, value in fields if name == "content-length" for part in value.split(b",")}
    if status in (101, 204, 304):
        return b""
    if lengths and not re.fullmatch(rb"[0-9]{1,19}", b",".join(lengths)):
        raise Broken(f"Content-Length {lengths}")
    if method == b"HEAD" or (method == b"CONNECT" and 200 <= status < 300):
        return b""
    if codings and (lengths or codings != [b"chunked"]):
        raise Broken(f"Transfer-Encoding {codings} with Content-Length {lengths}")
    if codings:
        return await read_chunks(conn.reader)
    if lengths:
        return await conn.reader.readexactly(int(lengths.pop()))
    body = await conn.reader.read()
    if conn.reset:
        raise EOFError
    return body
