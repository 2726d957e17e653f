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


def test_living(s, store, ids):
    """Objects come, go, come back and are taken into the index while searches run: each is answered,
    and no deleted object is in an answer of a generation that knows of it."""
    stop = threading.Event()
    hidden = ids[7]
    row = s.json(API + "/objects/" + hidden)  # the fixture numbers rows as it names objects
    number = row["name"].split()[1].rstrip(",")
    rows = OBJECTS + 5
    answered = [0] * 4
    bodies = ({"k": 1000}, {"k": 1000, "effort": "fast"}, {"k": 1000, "filter": {"type": "REX"}},
              {"k": 20, "group_arcsec": 60, "filter": {"mag_z_max": 30}})

    def generation():
        return s.json(API + "/info")["generation"]

    def work(n):
        connection = s.connect()
        while not stop.is_set():
            body = json.dumps({"positive": [{"id": ids[n]}], **bodies[n]})
            connection.request("POST", API + "/search", body)
            response = connection.getresponse()
            text = response.read()
            equal(response.status, 200, text)
            check(json.loads(text)["hits"], text)
            answered[n] += 1
        connection.close()

    def change(word, number):
        before = s.metric("nearsky_reloads_total")
        subprocess.run([FIXTURE, word, store, str(number)], check=True)
        s.process.send_signal(signal.SIGHUP)
        wait_for(lambda: s.metric("nearsky_reloads_total") > before, "taken up: " + word, 60)

    def everyone():
        return [h["id"] for h in s.post({"positive": [{"id": ids[0]}], "k": 1000})["hits"]]

    def changes():
        change("add", 3)
        index = generation()["index"]
        equal((index["rows"], index["delta_rows"]), (rows, 3))
        equal(len(everyone()), rows + 3 - 1)
        check(hidden in everyone(), "still there")
        change("delete", number)
        equal(generation()["index"]["deleted_rows"], 1)
        check(hidden not in everyone() and len(everyone()) == rows + 3 - 2, "deleted")
        s.problem(f"{API}/objects/{hidden}", 404, "no object")
        s.problem(f"{API}/objects/{hidden}/neighbors", 404, "no object")
        s.problem(API + "/search", 404, hidden, method="POST",
                  body=json.dumps({"positive": [{"id": hidden}]}))
        drawn = s.json(API + "/objects/random?n=200")["objects"]
        check(len(drawn) == rows + 2 and hidden not in [o["id"] for o in drawn], "not drawn")
        change("undelete", number)
        check(hidden in everyone(), "shown again")
        change("index", 0)
        equal(generation()["index"]["delta_rows"], 0)
        equal(len(everyone()), rows + 3 - 1)

    def run(n):
        try:
            if n == 4:
                changes()
            else:
                work(n)
        finally:
            if n == 4:
                stop.set()
    in_threads(5, run)
    check(all(n > 0 for n in answered), answered)


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
