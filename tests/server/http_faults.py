"""What clients do wrong: on the wire, in size, slowly, and by leaving."""

import json, socket, struct, time

from http_harness import API, RANDOM, check, equal, read_all, wait_for


def test_wire(s):
    def exchange(data):
        # With the end of the stream right behind it, libmicrohttpd 0.9.75 may see an incomplete
        # request and not the end: it then waits for its idle timeout, and this for half a second.
        with s.raw(0.5) as sock:
            try:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # refused before it was all sent
            return read_all(sock)
    for junk in (b"GET\r\n\r\n", b"\0" * 100, RANDOM.randbytes(300) + b"\r\n\r\n",
                 b"GET / HTTP/9.9\r\n\r\n", b"POST /api/v1/search HTTP/1.1\r\nHost: a\r\n"
                 b"Content-Length: -5\r\n\r\n", b"POST /api/v1/search HTTP/1.1\r\nHost: a\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"):
        reply = exchange(junk)
        check(not reply.startswith(b"HTTP/1.1 200"), "no success for", junk[:40], reply[:80])
        equal(s.ask("/healthz")[0], 200)
    reply = exchange(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 60000 + b"\r\n\r\n")
    check(b" 431 " in reply.split(b"\r\n")[0] or reply == b"", reply[:80])
    absolute = exchange(b"GET http://somewhere/healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    check(b" 200 " in absolute.split(b"\r\n")[0], absolute[:80])
    with s.raw() as sock:  # two requests on one connection, sent at once
        one = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
        sock.sendall(one + one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        equal(read_all(sock).count(b"HTTP/1.1 200 OK"), 2)


def test_sizes(s):
    path = API + "/search/upload"

    def claim(target, length):
        with s.raw() as sock:
            sock.sendall(f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
                         .encode())
            return read_all(sock)
    for target, length in ((path, (64 << 20) + 1), (API + "/search", (4 << 20) + 1),
                           (path, 1 << 62), (API + "/info", 5 << 20)):
        reply = claim(target, length)  # refused before any of it is sent
        wanted = b" 405 " if target.endswith("info") else b" 413 "
        check(wanted in reply.split(b"\r\n")[0], target, reply[:100])
        check(b"connection: close" in reply.lower(), reply)
    block = b" " * 65536
    with s.raw() as sock:  # nobody said how long it would be
        sock.sendall(f"POST {API}/search HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                     .encode())
        for _ in range(66):
            sock.sendall(b"10000\r\n" + block + b"\r\n")
        sock.sendall(b"0\r\n\r\n")
        check(b" 413 " in sock.recv(4096).split(b"\r\n")[0], "too long in chunks")
    with s.raw() as sock:  # and would not stop
        sock.sendall(f"POST {API}/search HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                     .encode())
        try:
            for _ in range(1000):
                sock.sendall(b"10000\r\n" + block + b"\r\n")
            stopped = False
        except OSError:
            stopped = True
        check(stopped, "an endless body is cut off")
    # Claims of memory are bounded together, and given back.
    held = []
    for _ in range(4):
        sock = s.raw()
        sock.sendall(f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {64 << 20}\r\n\r\n"
                     .encode() + b"x")
        held.append(sock)
    time.sleep(0.2)
    s.problem(path, 503, "too many uploads", method="POST", body=b"x" * 1000)
    for sock in held:
        sock.close()
    wait_for(lambda: s.metric("nearsky_http_body_bytes") == 0, "body memory is given back")


def test_slow(s, id):
    body = json.dumps({"positive": [{"id": id}], "k": 3}).encode()
    with s.raw() as slow, s.raw() as silent:
        silent.sendall(b"GET /hea")
        slow.sendall(f"POST {API}/search HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                     f"Content-Length: {len(body)}\r\n\r\n".encode())
        for i in range(0, len(body), 8):
            slow.sendall(body[i:i + 8])
            equal(s.ask("/healthz")[0], 200)  # others do not wait for it
            time.sleep(0.03)
        check(b"HTTP/1.1 200" in read_all(slow), "slow, but answered")


def test_cancelled(s, id, cutout):
    """Clients that leave at every moment."""
    search = f"GET {API}/objects/{id}/neighbors?k=1000&exact HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    upload = (f"POST {API}/search/upload HTTP/1.1\r\nHost: a\r\n"
              f"Content-Length: {len(cutout)}\r\n\r\n").encode() + cutout
    for data in (search, search[:20], upload, upload[:3000], upload[:60]):
        for _ in range(12):
            sock = s.raw()
            sock.sendall(data)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
    equal(s.ask("/healthz")[0], 200)
    wait_for(lambda: s.metric("nearsky_queue_length") == 0, "nothing is left in the queue")
    wait_for(lambda: s.metric("nearsky_http_requests_active") == 1, "nothing but this is under way")
