"""Strangers: what any peer on the network can send, one function a kind.

Each runs in a process of its own for `seconds`, connects from loopback addresses that the well-behaved client does not use,
and returns how often it did what it does. None holds a valid token but `hungry`, which is a caller who wants everything.
"""

import base64
import hashlib
import json
import os
import random
import select
import socket
import struct
import time

# A bound for every kind: no loop makes more than this many connections or requests.
ACTIONS_MAX = 20_000
# Connections that one kind holds at once.
HELD_MAX = 2_000
RESET = struct.pack("ii", 1, 0)


class Stranger:
    """One kind's sockets and clock. Addresses are dealt in turn, since limits count by address."""

    def __init__(self, port, seconds, seed):
        self.port, self.end, self.choice = port, time.monotonic() + seconds, random.Random(seed)
        self.actions, self.refused_connections = 0, 0

    @property
    def goes_on(self):
        return time.monotonic() < self.end and self.actions < ACTIONS_MAX

    def connect(self):
        """A connection, or None when the server or the kernel refuses it."""
        it = socket.socket()
        it.settimeout(0.5)
        try:
            it.bind((f"127.0.{self.choice.randrange(1, 9)}.{self.choice.randrange(1, 200)}", 0))
            it.connect(("127.0.0.1", self.port))
            return it
        except OSError:
            it.close()
            self.refused_connections += 1
            time.sleep(0.01)
            return None

    def send(self, it, data):
        try:
            it.sendall(data)
            self.actions += 1
            return True
        except OSError:
            return False

    def read(self, it, size=65_536):
        try:
            return it.recv(size)
        except OSError:
            return b""

    def reset(self, it):
        try:
            it.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        except OSError:
            pass
        it.close()

    def converse(self, connections, request):
        """Sends a request and reads an answer on each of so many kept connections in turn; a lost one is replaced."""
        kept = [it for it in (self.connect() for _ in range(connections)) if it]
        while self.goes_on and kept:
            for it in list(kept):
                if not self.send(it, request()) or not self.read(it):
                    kept.remove(it)
                    it.close()
                    fresh = self.connect()
                    if fresh:
                        kept.append(fresh)
        for it in kept:
            it.close()

    def hold(self, opening, then=None, each=0.0):
        """Opens connections up to the bound, sends `opening` on each and keeps them; `then` is sent again and again."""
        held = []
        while self.goes_on:
            if len(held) < HELD_MAX:
                it = self.connect()
                if it and self.send(it, opening):
                    it.setblocking(False)
                    held.append(it)
                elif it:
                    it.close()
            elif then:
                for it in held:
                    try:
                        it.send(then)
                        self.actions += 1
                    except BlockingIOError:
                        pass
                    except OSError:
                        it.close()
                held = [it for it in held if it.fileno() >= 0]
                time.sleep(0.05)
            else:
                time.sleep(0.05)
            if each:
                time.sleep(each)
        for it in held:
            self.reset(it)


def get(path, *fields):
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: helper", *fields, "", ""]).encode()


# MARK: Tokens without a valid signature


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header, payload):
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    return ".".join([*map(base64url, parts), base64url(os.urandom(256))])


def colliding_names(count_log2):
    """2**count_log2 names with one FNV-1a hash of 32 bits, by Joux's chain of two-block collisions."""
    prime, mask, letters = 0x01000193, 0xFFFFFFFF, b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
    state, blocks, choice = 0x811C9DC5, [], random.Random(7)
    for _ in range(count_log2):
        seen = {}
        while True:
            block = bytes(choice.choices(letters, k=6))
            now = state
            for byte in block:
                now = (now ^ byte) * prime & mask
            other = seen.setdefault(now, block)
            if other != block:
                blocks.append((other, block))
                state = now
                break
    names = [b""]
    for pair in blocks:
        names = [name + block for name in names for block in pair]
    return names


# MARK: Kinds


def flood(port, seconds, seed, _):
    """Requests on kept connections as fast as they are answered, of routes that need nothing and routes that are not there."""
    me = Stranger(port, seconds, seed)
    paths = ["/api/health", "/api/health/ready", "/nothing/here", "/docs", "/api/openapi.json"]
    kept = [it for it in (me.connect() for _ in range(32)) if it]
    while me.goes_on and kept:
        for it in kept:
            me.send(it, get(me.choice.choice(paths)))
        readable, _, _ = select.select(kept, [], [], 0.2)
        for it in readable:
            if not me.read(it):
                kept.remove(it)
                fresh = me.connect()
                if fresh:
                    kept.append(fresh)
    for it in kept:
        it.close()
    return me.actions


def resets(port, seconds, seed, _):
    """A reset at every stage: after connecting, in a head, in a body, after a request, in the middle of its answer."""
    me = Stranger(port, seconds, seed)
    post = b"POST /api/services/init HTTP/1.1\r\nHost: helper\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n{"
    stages = [b"", b"GET /api/he", get("/metrics"), get("/api/openapi.json"), post, get("/metrics") * 20]
    while me.goes_on:
        it = me.connect()
        if it is None:
            continue
        data = me.choice.choice(stages)
        me.send(it, data)
        if data.endswith(b"\r\n\r\n") and me.choice.random() < 0.3:
            me.read(it, 100)
        me.reset(it)
    return me.actions


def metrics_and_reset(port, seconds, seed, _):
    """Asks for the one unauthenticated answer that is made later on many connections, and resets them together."""
    me = Stranger(port, seconds, seed)
    while me.goes_on:
        crowd = [it for it in (me.connect() for _ in range(1_500)) if it]
        for it in crowd:
            me.send(it, get("/metrics"))
        for it in crowd:
            me.reset(it)
    return me.actions


def slow_readers(port, seconds, seed, _):
    """Thousands of pipelined requests for a large answer, which the client does not read."""
    me = Stranger(port, seconds, seed)
    held = []
    while me.goes_on:
        if len(held) < 200:
            it = me.connect()
            if it is None:
                continue
            it.setblocking(False)
            held.append(it)
        for it in held:
            try:
                it.send(get("/api/openapi.json") * 1_000)
                me.actions += 1
            except BlockingIOError:
                pass
            except OSError:
                it.close()
        held = [it for it in held if it.fileno() >= 0]
        time.sleep(0.02)
    for it in held:
        me.reset(it)
    return me.actions


def half_closes(port, seconds, seed, _):
    """Ends its sending side in the middle of a request, or behind one, and waits."""
    me = Stranger(port, seconds, seed)
    held = []
    while me.goes_on:
        it = me.connect()
        if it is None:
            continue
        me.send(it, me.choice.choice([b"GET /api", get("/metrics"), get("/api/openapi.json"), get("/api/services")]))
        try:
            it.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        held.append(it)
        if len(held) > 300:
            held.pop(0).close()
    for it in held:
        it.close()
    return me.actions


def pipelining(port, seconds, seed, _):
    """A thousand small requests in one write, and reads all answers."""
    me = Stranger(port, seconds, seed)
    while me.goes_on:
        it = me.connect()
        if it is None:
            continue
        it.setblocking(False)
        waiting, end = get("/api/health") * 1_000, time.monotonic() + 1
        while time.monotonic() < end:
            readable, writable, _ = select.select([it], [it] if waiting else [], [], 0.1)
            if not readable and not writable:
                break
            try:
                if writable:
                    waiting = waiting[it.send(waiting):]
                if readable and not it.recv(262_144):
                    break
            except OSError:
                break
        me.actions += 1
        it.close()
    return me.actions


def unfinished_bodies(port, seconds, seed, _):
    """Chunked bodies of 60 KiB that never end."""
    me = Stranger(port, seconds, seed)
    head = (b"POST /api/services/init HTTP/1.1\r\nHost: helper\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n")
    me.hold(head + b"f000\r\n" + b" " * 61_000)
    return me.actions


def big_heads(port, seconds, seed, _):
    """Heads of 29 KiB that are never finished."""
    me = Stranger(port, seconds, seed)
    fields = "\r\n".join(f"X-F{number}: " + "v" * 300 for number in range(95))
    head = f"GET /api/health HTTP/1.1\r\nHost: helper\r\n{fields}\r\n".encode()
    me.hold(head)
    return me.actions


def drips(port, seconds, seed, _):
    """A byte of a head at a time on hundreds of connections."""
    me = Stranger(port, seconds, seed)
    me.hold(b"GET /api/health HTTP/1.1\r\nX-Slow: ", then=b"a")
    return me.actions


def idle(port, seconds, seed, _):
    """Connections that say nothing."""
    me = Stranger(port, seconds, seed)
    me.hold(b"")
    return HELD_MAX


def ask_with_tokens(port, seconds, seed, token):
    """Asks for the list with a new made-up token each time, on kept connections."""
    me = Stranger(port, seconds, seed)
    me.converse(16, lambda: get("/api/services", f"Authorization: Bearer {token(me.choice)}"))
    return me.actions


def colliding(port, seconds, seed, _):
    """Tokens of 16 KiB whose member names all have one hash under FNV-1a."""
    members = b",".join(b'"%b":0' % name for name in colliding_names(8))[:11_000].rpartition(b",")[0]
    tokens = [forged(b'{"alg":"RS256","kid":"x",' + members + b"}", {"sub": "x"}),
              forged({"alg": "RS256", "typ": "JWT"}, b"{" + members + b"}")]
    return ask_with_tokens(port, seconds, seed, lambda choice: choice.choice(tokens))


def bad_tokens(port, seconds, seed, _):
    """Signatures that do not fit, other algorithms, no JSON, no token."""
    def token(choice):
        return choice.choice([
            forged({"alg": "RS256", "kid": "sandbox"}, {"iss": "x", "sub": str(choice.random())}),
            forged({"alg": "none"}, {"sub": "ada"}), forged(b"{{{", b"\xff\xfe"), "a.b.c", "x" * 8_000,
            forged({"alg": "HS256"}, {"exp": 2**63 - 1, "nbf": -(2**63)})])
    return ask_with_tokens(port, seconds, seed, token)


def made_up_keys(port, seconds, seed, _):
    """Each token names a signing key that does not exist."""
    def token(choice):
        kid = hashlib.sha256(str(choice.random()).encode()).hexdigest()
        return forged({"alg": "RS256", "kid": kid}, {"iss": "http://127.0.0.1/realms/mlaas", "sub": kid, "exp": 2**40})
    return ask_with_tokens(port, seconds, seed, token)


def forwarded(port, seconds, seed, _):
    """Long chains of addresses and of trace vendors, with a query of the same length."""
    me = Stranger(port, seconds, seed)
    chain = "X-Forwarded-For: " + ",".join(["10.1.1.1"] * 1_600)
    states = "tracestate: " + ",".join(f"v{number}=1" for number in range(1_500))
    parent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    me.converse(8, lambda: get("/api/services?" + "a=b&" * 1_000, parent, me.choice.choice([chain, states])))
    return me.actions


def hungry(port, seconds, seed, token):
    """A caller with a good token who asks for plans and keys on twenty connections, up to every limit."""
    me = Stranger(port, seconds, seed)
    kept = [it for it in (me.connect() for _ in range(20)) if it]
    body = b'{"service_id":"2"}'
    bearer = f"Authorization: Bearer {token}"
    post = (f"POST /api/services/init HTTP/1.1\r\nHost: helper\r\n{bearer}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body
    while me.goes_on and kept:
        for it in list(kept):
            if not me.send(it, me.choice.choice([get("/api/services/2/plans", bearer), get("/api/services", bearer), post])):
                kept.remove(it)
        for it in list(kept):
            if not me.read(it):
                kept.remove(it)
                it.close()
                fresh = me.connect()
                if fresh:
                    kept.append(fresh)
    for it in kept:
        it.close()
    return me.actions


KINDS = {kind.__name__: kind for kind in (
    flood, resets, metrics_and_reset, slow_readers, half_closes, pipelining, unfinished_bodies, big_heads, drips, idle,
    colliding, bad_tokens, made_up_keys, forwarded, hungry)}
