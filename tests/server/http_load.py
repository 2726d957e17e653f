"""Many clients at once, a new generation under them, and the end."""

import json, os, signal, socket, subprocess, threading

from http_harness import API, FIRST, FIXTURE, OBJECTS, SECOND, check, equal, in_threads, wait_for


def test_concurrent(s, ids):
    alone = {id: s.json(f"{API}/objects/{id}/neighbors?k=9")["hits"] for id in ids}

    def work(n):
        connection = s.connect()
        for i in range(15):
            id = ids[(n * 7 + i) % len(ids)]
            connection.request("GET", f"{API}/objects/{id}/neighbors?k=9")
            response = connection.getresponse()
            body = response.read()
            equal(response.status, 200, body)
            equal(json.loads(body)["hits"], alone[id], "the same answer in company")
        connection.close()
    in_threads(8, work)


def test_full_queue(s, cutout):
    statuses = []

    def work(n):
        for _ in range(3):
            status, headers, body = s.ask(API + "/search/upload?k=1", "POST", cutout)
            statuses.append(status)
            if status == 503:
                check(headers.get("Retry-After"), "says when to come back")
                check(b"queue-full" in body, body)
    in_threads(10, work)
    equal(set(statuses), {200, 503}, "some are answered, some sent away")
    equal(s.ask(API + "/search/upload?k=1", "POST", cutout)[0], 200)


def test_reload(s, store, ids):
    """A new generation under load: no request fails, and each is of one generation."""
    stop = threading.Event()
    seen = set()

    def work(n):
        connection = s.connect()
        while not stop.is_set():
            connection.request("GET", f"{API}/objects/{ids[n]}/neighbors?k=1000")
            response = connection.getresponse()
            body = response.read()
            equal(response.status, 200, body)
            answer = json.loads(body)
            generation = answer["stats"]["generation"]
            equal(len(answer["hits"]), OBJECTS - 1 + (5 if generation == SECOND else 0))
            seen.add(generation)
        connection.close()

    def reload(n):
        try:
            subprocess.run([FIXTURE, "grow", store, "5"], check=True)
            s.process.send_signal(signal.SIGHUP)
            wait_for(lambda: SECOND in seen, "the new generation answers", 60)
            for done in range(2, 5):
                s.process.send_signal(signal.SIGHUP)
                wait_for(lambda: s.metric("nearsky_reloads_total") == done, "and again", 60)
        finally:
            stop.set()
    in_threads(5, lambda n: reload(n) if n == 4 else work(n))
    equal(seen, {FIRST, SECOND})
    equal(s.json(API + "/info")["generation"]["rows"], OBJECTS + 5)
    tag = s.ask(f"{API}/objects/{ids[0]}/image.jpg")[1]["ETag"]

    # What cannot be taken up is not.
    current = os.path.join(store, "CURRENT")
    kept = open(current, "rb").read()
    os.rename(current, current + ".kept")
    s.process.send_signal(signal.SIGHUP)
    wait_for(lambda: s.metric("nearsky_reload_failures_total") == 1, "the reload is refused", 60)
    equal(len(s.json(f"{API}/objects/{ids[0]}/neighbors?k=3")["hits"]), 3)
    os.rename(current + ".kept", current)
    equal(s.ask(f"{API}/objects/{ids[0]}/image.jpg")[1]["ETag"], tag)
    equal(open(current, "rb").read(), kept)


def test_stop(s, cutout):
    """Requests under way are answered; then the process is gone, with exit 0."""
    answered, started = [], threading.Barrier(7)

    def work(n):
        connection = s.connect()
        connection.connect()
        started.wait()
        connection.request("POST", API + "/search/upload?k=1", cutout)
        response = connection.getresponse()
        answered.append((response.status, response.getheader("Connection")))
        response.read()
        connection.close()

    def stop(n):
        started.wait()
        wait_for(lambda: s.metric("nearsky_queue_length") >= 3, "requests are under way")
        equal(s.stop(), 0, "a clean exit")
    in_threads(7, lambda n: stop(n) if n == 6 else work(n))
    equal([status for status, _ in answered], [200] * 6)
    check("close" in [close for _, close in answered], answered)
    try:
        s.raw(1).close()
        check(False, "nobody listens any more")
    except OSError:
        check(True)


def test_command_line(store, folder):
    def run(*args, **kw):
        return subprocess.run([FIXTURE, "serve", *args], capture_output=True, text=True, **kw)
    equal(run("--help").returncode, 0)
    for wrong in ((), (store, "x"), (store, "--port", "70000"), (store, "--port", "http"),
                  (store, "--threads", "0"), (store, "--queue", "0"), (store, "--odd")):
        equal(run(*wrong).returncode, 2, wrong)
    for args, word in (((folder + "/none",), "none"), ((store, "--host", "192.0.2.1", "--port", "0"), "192.0.2.1"),
                       ((store, "--device", "abacus", "--port", "0"), "abacus")):
        failed = run(*args)
        equal(failed.returncode, 1, args)
        check(word in failed.stderr and failed.stdout == "", failed.stderr)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        failed = run(store, "--port", str(taken.getsockname()[1]))
        equal(failed.returncode, 1)
        check("another server" in failed.stderr, failed.stderr)
