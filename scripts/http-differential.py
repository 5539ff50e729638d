#!/usr/bin/env python3
"""Sends the corpus of HTTP requests to parsers that we did not write and compares what each made of it with what ours
does: h11, Node's llhttp, Go's net/http, and nginx as a proxy, by what it hands on.

Usage: http-differential.py [--write] [PEER...]

Every difference must stand in docs/http-differences.md with the section that decides it; one that does not, or one that
stands there and is gone, fails. --write puts new ones into the file, without their reason, for somebody to fill in.
Limits are each server's own, so `limits.txt` is left out; so are statuses of refusals, and fields.
"""

import asyncio
import re
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests" / "Corpus"))
import corpus  # noqa: E402
import h11  # noqa: E402

LISTED = ROOT / "docs" / "http-differences.md"
PEERS = ["h11", "node", "go", "nginx"]
# A connection on which nothing has come for that long waits for more; a difference is looked at again with patience.
QUIET_SECONDS, PATIENT_SECONDS = 0.3, 2.0
CONNECTIONS_MAX = 300
ANSWER = re.compile(rb"HTTP/1\.([01]) (\d{3})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")


class Verdict:
    """What a parser made of the bytes of one connection."""

    def __init__(self, requests, end):
        # (method, target, body); body is None where it cannot be seen
        self.requests = requests
        # "refused", "closed" behind the last answer, or "open": idle or waiting for more
        self.end = end

    def differs_from(self, ours):
        return self.end != ours.end or not same_requests(self.requests, ours.requests)

    def text(self, ours=None):
        """In words; where only the content differs from ours, that is said."""
        count = len(self.requests)
        words = [] if count == 0 and self.end == "refused" else ["no request", "1 request"][count:count + 1] or [f"{count} requests"]
        if ours and len(ours.requests) == count and not same_requests(self.requests, ours.requests):
            words.append("read otherwise")
        if self.end != "open":
            words.append({"refused": "refused", "closed": "then closes"}[self.end])
        return ", ".join(words)


def same_requests(left, right):
    return len(left) == len(right) and all(
        a[:2] == b[:2] and (a[2] is None or b[2] is None or a[2] == b[2]) for a, b in zip(left, right))


def ours(outcome):
    requests = [(r.method, r.target, r.body) for r in outcome.requests]
    closes = bool(outcome.requests) and outcome.requests[-1].closes
    return Verdict(requests, "refused" if outcome.refusal else "closed" if closes else "open")


def without_authority(target):
    """The path of an absolute form, which is what ours tells of one."""
    match = re.match(rb"(?i)https?://[^/?]*", target)
    return (target[match.end():] or b"/") if match else target


# Peers

class H11:
    """In this process; answers each request at once."""

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def verdict(self, data, patient=False):
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        requests, head, body = [], None, b""
        try:
            connection.receive_data(data)
            while True:
                event = connection.next_event()
                if isinstance(event, h11.Request):
                    head, body = event, b""
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    requests.append((head.method, without_authority(head.target), body))
                    # A tunnel is not what anybody here would open.
                    status = 404 if head.method == b"CONNECT" else 200
                    connection.send(h11.Response(status_code=status, headers=[("Content-Length", "0")]))
                    connection.send(h11.EndOfMessage())
                    if connection.our_state is h11.MUST_CLOSE or connection.their_state is h11.MUST_CLOSE:
                        return Verdict(requests, "closed")
                    connection.start_next_cycle()
                else:
                    return Verdict(requests, "open")
        except h11.RemoteProtocolError:
            return Verdict(requests, "refused")


class SocketPeer:
    """A server on loopback that answers each whole request with the field X-Seen: method, target and body in hex."""

    def __init__(self):
        self.places = asyncio.Semaphore(CONNECTIONS_MAX)
        self.process = None
        self.port = None

    async def run(self, *command, reads_port=True):
        self.process = await asyncio.create_subprocess_exec(
            *map(str, command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
        if reads_port:
            self.port = int(await asyncio.wait_for(self.process.stdout.readline(), 60))

    async def __aexit__(self, *_):
        if self.process and self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()

    async def verdict(self, data, patient=False):
        async with self.places:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            received, ended = b"", False
            try:
                writer.write(data)
                while True:
                    part = await asyncio.wait_for(reader.read(65536), PATIENT_SECONDS if patient else QUIET_SECONDS)
                    if not part:
                        ended = True
                        break
                    received += part
            except asyncio.TimeoutError:
                pass
            except ConnectionError:
                ended = True
            writer.transport.abort()
        return self.read_answers(received, ended)

    @staticmethod
    def read_answers(received, ended):
        requests, refused = [], False
        for version, status, fields in ANSWER.findall(received):
            seen = re.search(rb"(?im)^x-seen: (\S+) ([0-9a-f]+) ([0-9a-f]+|-)", fields)
            if seen:
                method, target, body = seen.groups()
                target = without_authority(bytes.fromhex(target.decode()))
                requests.append((method, target, bytes.fromhex(body.decode().strip("-"))))
                closes = version == b"0" or bool(re.search(rb"(?im)^connection: close", fields))
            elif int(status) >= 400:
                refused = True
        if refused or (ended and not (requests and closes)):
            return Verdict(requests, "refused")
        return Verdict(requests, "closed" if ended else "open")


class Node(SocketPeer):
    async def __aenter__(self):
        await self.run("node", ROOT / "scripts" / "http-peers" / "peer.js")
        return self


class Go(SocketPeer):
    async def __aenter__(self):
        self.folder = tempfile.TemporaryDirectory()
        binary = Path(self.folder.name) / "peer"
        go = Path(sys.executable).parent / "go"
        environment = {"PATH": "/usr/bin:/bin", "HOME": self.folder.name, "GOPROXY": "off", "GOFLAGS": "-mod=mod",
                       "GOCACHE": str(ROOT / ".run" / "go-cache"), "GOTOOLCHAIN": "local"}
        build = await asyncio.create_subprocess_exec(
            go, "build", "-o", binary, ROOT / "scripts" / "http-peers" / "peer.go", env=environment)
        if await build.wait() != 0:
            raise SystemExit("the peer in Go does not compile")
        await self.run(binary)
        return self

    async def __aexit__(self, *arguments):
        await super().__aexit__(*arguments)
        self.folder.cleanup()


class Nginx(SocketPeer):
    """nginx in front of a server that takes what it is given: what counts is what nginx hands on."""

    CONFIGURATION = """
        daemon off; master_process off; pid {folder}/pid; error_log /dev/null crit;
        events {{ worker_connections 4096; }}
        http {{
            access_log off; keepalive_requests 1000000; keepalive_timeout 60s;
            client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
            uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
            server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{upstream}; }} }}
        }}"""

    async def __aenter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.upstream = await asyncio.start_server(self.answer, "127.0.0.1", 0, backlog=1024)
        probe = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        self.port = probe.sockets[0].getsockname()[1]
        probe.close()
        await probe.wait_closed()
        configuration = Path(self.folder.name) / "nginx.conf"
        configuration.write_text(self.CONFIGURATION.format(
            folder=self.folder.name, port=self.port, upstream=self.upstream.sockets[0].getsockname()[1]))
        await self.run("/usr/sbin/nginx", "-p", self.folder.name, "-c", configuration, reads_port=False)
        for _ in range(200):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return self
            except ConnectionError:
                await asyncio.sleep(0.05)
        raise RuntimeError("nginx does not listen")

    async def __aexit__(self, *arguments):
        await super().__aexit__(*arguments)
        self.upstream.close()
        self.folder.cleanup()

    @staticmethod
    async def answer(reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            method, rest = head.split(b" ", 1)
            target = rest.split(b"\r\n", 1)[0].rsplit(b" ", 1)[0]
            length = re.search(rb"(?im)^content-length: (\d+)", head)
            body = await reader.readexactly(int(length.group(1))) if length else b""
            seen = b"%s %s %s" % (method, target.hex().encode(), body.hex().encode() or b"-")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Seen: %s\r\n\r\n" % seen)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


MAKERS = {"h11": H11, "node": Node, "go": Go, "nginx": Nginx}


# Comparing

def sets_of(values):
    """Byte values as ranges: `00-1f,7f`; `-` for a case without a variable byte."""
    if None in values:
        return "-"
    ranges, values = [], sorted(values)
    for value in values:
        if ranges and ranges[-1][1] == value - 1:
            ranges[-1][1] = value
        else:
            ranges.append([value, value])
    return ",".join(f"{a:02x}" if a == b else f"{a:02x}-{b:02x}" for a, b in ranges)


def values_of(text):
    if text == "-":
        return {None}
    values = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        values.update(range(int(first, 16), int(last or first, 16) + 1))
    return values


async def compare(peer, inputs, listed):
    """{(case, value): (here, there)} where they differ; what is not listed so is looked at again with patience."""
    def words(our, their):
        return (our.text(), their.text(our)) if their.differs_from(our) else None

    verdicts = await asyncio.gather(*(peer.verdict(data) for _, _, data, _ in inputs))
    unexpected = [
        index for index, (name, value, _, our) in enumerate(inputs)
        if words(our, verdicts[index]) != listed.get((name, value))]
    again = await asyncio.gather(*(peer.verdict(inputs[index][2], patient=True) for index in unexpected))
    for index, verdict in zip(unexpected, again):
        verdicts[index] = verdict
    return {
        (name, value): words(our, their)
        for (name, value, _, our), their in zip(inputs, verdicts) if words(our, their)}


def read_listed():
    """{peer: {(case, value): (here, there)}}, and the reason of each row by (case, peers, here, there, bytes)."""
    listed, reasons, known = defaultdict(dict), {}, set()
    for line in LISTED.read_text(encoding="utf-8").split("\n") if LISTED.exists() else []:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[0].startswith("`"):
            known.add(cells[0].strip("`"))
        if len(cells) != 6 or cells[0] in ("case", "---"):
            continue
        case, values, here, peers, there, reason = cells
        reasons[case, peers, here, there, values] = reason
        for peer in peers.split(", "):
            for value in values_of(values):
                listed[peer][case, value] = (here, there)
    for key, reason in reasons.items():
        if reason not in known:
            raise SystemExit(f"{LISTED.name}: {key[0]}: the reason {reason!r} is not explained there")
    return listed, reasons


def rows(found, order):
    """Lines of the table; peers that differ alike share one."""
    by_peer = defaultdict(lambda: defaultdict(set))
    for peer, differences in found.items():
        for (case, value), (here, there) in differences.items():
            by_peer[case, here, there][peer].add(value)
    for (case, here, there), peers in sorted(by_peer.items(), key=lambda item: order.get(item[0][0], 0)):
        alike = defaultdict(list)
        for peer, values in peers.items():
            alike[sets_of(values)].append(peer)
        for values, names in alike.items():
            yield case, values, here, ", ".join(sorted(names, key=PEERS.index)), there


def write(found, reasons, order):
    text = LISTED.read_text(encoding="utf-8")
    start = text.index("| case | bytes |")
    lines = ["| case | bytes | here | peers | there | reason |", "| --- | --- | --- | --- | --- | --- |"]
    for case, values, here, peers, there in rows(found, order):
        lines.append(f"| {case} | {values} | {here} | {peers} | {there} | "
                     f"{reasons.get((case, peers, here, there, values), '')} |")
    LISTED.write_text(text[:start] + "\n".join(lines) + "\n", encoding="utf-8")


async def run(names, must_write):
    listed, reasons = ({}, {}) if must_write and not LISTED.exists() else read_listed()
    cases = [case for case in corpus.read_all() if case.topic != "limits"]
    order = {case.name: number for number, case in enumerate(cases)}
    inputs = [(case.name, value, data, ours(outcome)) for case in cases for value, data, outcome in case.inputs()]
    found, failed = {}, 0

    async def ask(name):
        async with MAKERS[name]() as peer:
            found[name] = await compare(peer, inputs, listed.get(name, {}))

    # h11 computes in this process, which would make answers of the others look late.
    if "h11" in names:
        await ask("h11")
    await asyncio.gather(*(ask(name) for name in names if name != "h11"))
    for name in names:
        new = {key: words for key, words in found[name].items() if listed.get(name, {}).get(key) != words}
        gone = {key: words for key, words in listed.get(name, {}).items() if key not in found[name]}
        print(f"{name}: {len(inputs)} inputs, {len(found[name])} differ, {len(new)} not listed, {len(gone)} listed and gone")
        for what, differences in (("not listed", new), ("listed and gone", gone)):
            for case, values, here, peer, there in rows({name: differences}, order) if not must_write else ():
                print(f"  {what}: {case} [{values}]: here {here}; {peer}: {there}")
        failed += len(new) + len(gone)
    if must_write:
        write(found, reasons, order)
    return failed


def main():
    names = [name for name in sys.argv[1:] if name != "--write"] or PEERS
    sys.exit(1 if asyncio.run(run(names, "--write" in sys.argv)) else 0)


if __name__ == "__main__":
    main()
