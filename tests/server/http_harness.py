"""What the HTTP tests share: counted checks, and a server in a process of its own."""

import http.client, json, os, random, signal, socket, subprocess, sys, threading, time

FIXTURE = sys.argv[1]
OBJECTS = 40
FIRST, SECOND = 2, 4  # generations: embedding and indexing make one each
API = "/api/v1"
RANDOM = random.Random(5)
checks = 0


def check(condition, *what):
    global checks
    checks += 1
    if not condition:
        raise AssertionError(" ".join(str(w) for w in what))


def equal(got, wanted, *what):
    check(got == wanted, *what, "- got", repr(got)[:600], "wanted", repr(wanted)[:300])


class Server:
    """A server of its own; its address is on its first line."""

    def __init__(self, store, *options):
        self.errors = open(os.path.join(os.path.dirname(store), "stderr.txt"), "ab")
        self.process = subprocess.Popen(
            [FIXTURE, "serve", store, "--port", "0", *options],
            stdout=subprocess.PIPE, stderr=self.errors, text=True)
        line = self.process.stdout.readline()
        check(line.startswith("http://127.0.0.1:"), "the address comes first:", repr(line))
        self.port = int(line.rsplit(":", 1)[1].rstrip("/\n"))

    def connect(self, timeout=20):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def raw(self, timeout=20):
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def ask(self, path, method="GET", body=None, headers={}):
        connection = self.connect()
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def json(self, path, status=200, **kw):
        got, headers, body = self.ask(path, **kw)
        equal(got, status, path, body)
        return json.loads(body)

    def post(self, query, status=200, path=API + "/search"):
        return self.json(path, status, method="POST", body=json.dumps(query))

    def problem(self, path, status, word, **kw):
        got, headers, body = self.ask(path, **kw)
        equal(got, status, path, body)
        equal(headers.get("Content-Type"), "application/problem+json", path)
        problem = json.loads(body)
        equal(problem["status"], status, path)
        check(problem["title"] and problem["type"], path, "has type and title")
        check(word in problem["detail"], path, "says", repr(word), "in", problem["detail"])
        return headers, problem

    def metric(self, name):
        for line in self.ask("/metrics")[2].decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        raise AssertionError("no metric " + name)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        code = self.process.wait(timeout=15)
        self.errors.close()
        return code


def read_all(sock):
    data = b""
    try:
        while True:
            more = sock.recv(65536)
            if not more:
                return data
            data += more
    except OSError:  # reset, or silent for as long as the caller waits
        return data


def wait_for(condition, what, seconds=5):
    until = time.time() + seconds
    while not condition():
        check(time.time() < until, what)
        time.sleep(0.02)


def in_threads(count, work):
    """Each gets its number; the first exception of any is raised here."""
    failures = []

    def run(n):
        try:
            work(n)
        except BaseException as failure:
            failures.append(failure)
    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
