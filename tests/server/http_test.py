"""Drives a real server on a free port of the loopback: every route, then what clients do wrong, then
load, reload and shutdown. Standard library only. Usage: http_test.py FIXTURE (see fixture.c)."""

import base64, http.client, json, os, random, shutil, signal, socket, struct, subprocess, sys, tempfile
import threading, time

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


# --- every route ---


def test_operation(s):
    equal(s.ask("/healthz")[0], 200)
    equal(s.ask("/readyz")[2], b"ready\n")
    status, headers, body = s.ask("/metrics")
    check(headers["Content-Type"].startswith("text/plain; version=0.0.4"), headers)
    text = body.decode()
    for name in ("nearsky_build_info{version=", "nearsky_http_requests_total{route=\"/healthz\"",
                 "nearsky_queue_length 0", "nearsky_http_request_duration_seconds_bucket",
                 "nearsky_search_batch_queries_count"):
        check(name in text, "metrics have", name)
    api = s.json(API + "/openapi.json")
    equal(api["openapi"], "3.1.0")
    check(API + "/search" in api["paths"], "described")


def test_info(s):
    info = s.json(API + "/info")
    equal(info["survey"]["rows"], OBJECTS)
    equal(info["survey"]["bands"], "grz")
    equal(info["generation"]["rows"], OBJECTS)
    equal(info["generation"]["number"], FIRST)
    check(info["generation"]["index"]["kind"], info["generation"])
    equal(info["model"]["random_weights"], True)
    equal(len(info["model"]["sha256"]), 64)
    check(any(b.startswith("ref") for b in info["backends"]), info["backends"])
    equal(info["limits"]["k_max"], 1000)
    equal(info["limits"]["upload_bytes_max"], 64 << 20)


def test_objects(s):
    cone = s.json(API + "/objects?ra=150.05&dec=+2.0&radius=40")
    equal(len(cone["objects"]), 3)
    first = cone["objects"][0]
    equal(first["name"], 'galaxy 5, "round"')
    check(first["separation_arcsec"] < 0.01, first)
    equal(cone["objects"], sorted(cone["objects"], key=lambda o: o["separation_arcsec"]))
    equal(cone["generation"], FIRST)
    equal(len(s.json(API + "/objects?ra=150.05&dec=2&radius=40&limit=2")["objects"]), 2)
    named = s.json(API + "/objects?name=galaxy+6%2C+%22round%22")["objects"]
    equal([o["name"] for o in named], ['galaxy 6, "round"'])
    equal(named[0]["mag_g"], None)  # unknown numbers are null
    check("separation_arcsec" not in named[0], named)
    empty = s.json(API + "/objects?ra=150.055&dec=2&radius=5")
    equal(empty["objects"], [])
    check("no object within" in empty["warnings"][0], empty)
    s.problem(API + "/objects?ra=20&dec=-60&radius=60", 404, "outside this survey's footprint")
    s.problem(API + "/objects?name=nobody", 404, "nobody")
    s.problem(API + "/objects", 400, "ra and dec")
    s.problem(API + "/objects?ra=1", 400, "ra and dec")
    s.problem(API + "/objects?ra=abc&dec=1", 400, "ra must be a number")
    s.problem(API + "/objects?ra=nan&dec=1", 400, "ra must be a number")
    s.problem(API + "/objects?ra=1&dec=91", 400, "dec must be a number")
    table = s.ask(API + "/objects?ra=150.05&dec=2&radius=40&format=csv")[2].decode().split("\n")
    equal(table[0], "id,name,ra,dec,mag_g,mag_r,mag_z,z_phot,z_spec,type,known,separation_arcsec")
    check(table[1].startswith(first["id"] + ',"galaxy 5, ""round""",150.05'), table[1])

    drawn = s.json(API + "/objects/random?n=20")["objects"]
    equal(len({o["id"] for o in drawn}), 20)
    equal(len(s.json(API + "/objects/random?n=200")["objects"]), OBJECTS)
    equal(len(s.json(API + "/objects/random")["objects"]), 1)
    return first["id"]


def test_object(s, id):
    path = f"{API}/objects/{id}"
    status, headers, body = s.ask(path)
    object = json.loads(body)
    equal(object["id"], id)
    equal((object["bands"], object["width"], object["height"]), ("grz", 64, 64))
    equal(object["pixel_scale"], 0.262)
    equal(object["known"], "lens 5")
    equal(object["z_spec"], None)
    equal(object["notes"], [])
    equal(object["image"], path + "/image.jpg")
    equal(object["generation"], FIRST)
    check(headers["ETag"].startswith('"'), headers)
    status, again, body = s.ask(path, headers={"If-None-Match": f'"x", {headers["ETag"]}'})
    equal((status, body), (304, b""))
    equal(again["ETag"], headers["ETag"])
    equal(s.ask(path, headers={"If-None-Match": '"other"'})[0], 200)
    status, head, body = s.ask(path, method="HEAD")
    equal((status, body, head["Content-Length"]), (200, b"", headers["Content-Length"]))
    s.problem(API + "/objects/1", 404, "no object with the id 1")
    s.problem(API + "/objects/abc", 400, "no object id")
    s.problem(API + "/objects/99999999999999999999", 400, "no object id")


def test_pictures(s, id):
    path = f"{API}/objects/{id}"
    status, headers, own = s.ask(path + "/image.jpg")
    equal((status, headers["Content-Type"], own[:2]), (200, "image/jpeg", b"\xff\xd8"))
    check("max-age" in headers["Cache-Control"], headers)
    equal(headers["X-Nearsky-Generation"], str(FIRST))
    big = s.ask(path + "/image.jpg?size=256")[2]
    check(len(big) > len(own), "a larger picture")
    for look in ("stretch=faint", "stretch=bright", "field=8"):
        status, other, body = s.ask(path + "/image.jpg?" + look)
        check(status == 200 and body != own, look)
        check(other["ETag"] != headers["ETag"], look, "has a tag of its own")
    equal(s.ask(path + "/image.jpg", headers={"If-None-Match": headers["ETag"]})[0], 304)
    s.problem(path + "/image.jpg?size=5", 400, "size must be a whole number from 16")
    s.problem(path + "/image.jpg?size=100000", 400, "size")
    s.problem(path + "/image.jpg?stretch=odd", 400, "stretch must be")
    s.problem(path + "/image.jpg?bright=1", 400, 'unknown query parameter "bright"')

    status, headers, cutout = s.ask(path + "/cutout.fits")
    equal((status, headers["Content-Type"]), (200, "application/fits"))
    check(cutout.startswith(b"SIMPLE  =") and len(cutout) % 2880 == 0, "whole FITS blocks")
    check("galaxy_5" in headers["Content-Disposition"], headers)

    vector = s.json(path + "/vector")
    equal(len(vector["vector"]), vector["dim"])
    check(abs(sum(v * v for v in vector["vector"]) - 1) < 1e-2, "unit length")
    for how in ({"headers": {"Accept": "application/octet-stream"}}, {}):
        status, headers, body = s.ask(path + ("/vector" if how else "/vector?format=f32"), **how)
        equal(headers["Content-Type"], "application/octet-stream")
        equal(list(struct.unpack(f"<{vector['dim']}f", body)), vector["vector"])
    s.problem(path + "/vector?format=npy", 400, "format must be")
    return own, cutout, vector["vector"]


def test_neighbors(s, id):
    path = f"{API}/objects/{id}/neighbors"
    answer = s.json(path + "?k=5")
    equal([h["rank"] for h in answer["hits"]], [1, 2, 3, 4, 5])
    check(id not in [h["id"] for h in answer["hits"]], "itself is left out")
    similar = [h["similarity"] for h in answer["hits"]]
    equal(similar, sorted(similar, reverse=True))
    equal(answer["query"]["object"]["id"], id)
    equal(answer["query"]["object"]["bands"], "grz")
    stats = answer["stats"]
    equal((stats["scanned"], stats["generation"], len(stats["model_sha256"])), (OBJECTS - 1, FIRST, 64))
    check(stats["took_ms"] > 0 and stats["method"], stats)
    check("random weights" in answer["warnings"][0], answer["warnings"])
    equal(len(answer["warnings"]), 1)

    many = s.json(path + "?k=1000&exact=true")
    equal(len(many["hits"]), OBJECTS - 1)
    check(any("no more objects" in w for w in many["warnings"]), many["warnings"])
    bright = s.json(path + "?mag_z_min=18.1&mag_z_max=18.25")
    check(bright["hits"] and all(18.1 <= h["mag_z"] <= 18.25 for h in bright["hits"]), bright)
    equal(bright["stats"]["matching"], len(bright["hits"]))
    check(any("pass the filter" in w for w in bright["warnings"]), bright["warnings"])
    new = s.json(path + "?hide_known")["hits"]
    check(new and not any(h["known"] for h in new), "known ones are hidden")
    near = s.json(path + "?ra=150.05&dec=2&radius=40")["hits"]
    equal(len(near), 2)
    far = s.json(path + "?z_phot_min=1")
    equal(far["hits"], [])
    grouped = s.json(path + "?k=3&group_arcsec=100")["hits"]
    for a in grouped:
        for b in grouped:
            check(a is b or abs(a["ra"] - b["ra"]) * 3600 > 99, "apart", a, b)

    status, headers, body = s.ask(path + "?k=3&format=csv")
    lines = body.decode().split("\n")
    equal(lines[0], "rank,id,name,ra,dec,similarity,mag_g,mag_r,mag_z,z_phot,known")
    equal(len(lines), 5)  # and the end of the last line
    check(lines[1].startswith(f'1,{answer["hits"][0]["id"]},"galaxy '), lines[1])
    check(headers["Content-Type"].startswith("text/csv"), headers)
    equal(s.ask(path, headers={"Accept": "text/csv"})[2].decode().split("\n")[0], lines[0])
    s.problem(path + "?format=votable", 406, "votable")
    s.problem(path + "?format=odd", 400, "format must be json or csv")
    for wrong, word in (("k=0", "k must be"), ("k=1001", "k must be"), ("k=x", "k must be"),
                        ("k=1&k=2", "given twice"), ("exact=maybe", "exact must be"),
                        ("mag_z_min=20&mag_z_max=19", "greater"), ("ra=1&dec=2", "radius"),
                        ("neighbours=1", 'unknown query parameter "neighbours"'),
                        ("k=%zz", "percent"), ("k=%00", "percent")):
        s.problem(f"{path}?{wrong}", 400, word)
    s.problem(API + "/objects/77/neighbors", 404, "no object")
    return answer


def test_search(s, id, vector, neighbors):
    wanted = [h["id"] for h in neighbors["hits"]]
    by_id = s.post({"positive": [{"id": id}], "k": 5})
    equal([h["id"] for h in by_id["hits"]], wanted)
    equal(by_id["query"]["object"]["id"], id)
    by_place = s.post({"positive": [{"ra": 150.0501, "dec": 2}], "k": 5})
    equal([h["id"] for h in by_place["hits"]], wanted)
    by_name = s.post({"positive": [{"name": 'galaxy 5, "round"'}], "k": 5})
    equal([h["id"] for h in by_name["hits"]], wanted)
    by_vector = s.post({"positive": [{"vector": vector}], "k": 6})
    equal([h["id"] for h in by_vector["hits"]], [id] + wanted)  # a vector is nobody: nobody left out
    check("object" not in by_vector["query"], by_vector["query"])
    other = wanted[0]
    both = s.post({"positive": [{"id": id}], "negative": [{"id": other}], "k": OBJECTS})
    ids = [h["id"] for h in both["hits"]]
    check(id not in ids and other not in ids, "examples are left out")
    equal((both["query"]["positive"], both["query"]["negative"]), (1, 1))
    dark = s.post({"positive": [{"id": id}], "filter": {"mag_g_max": 19.2, "hide_known": True}})
    check(dark["hits"] and all(h["mag_g"] <= 19.2 and not h["known"] for h in dark["hits"]), dark)
    status, headers, body = s.ask(API + "/search?format=csv", "POST",
                                  json.dumps({"positive": [{"id": id}], "k": 2}))
    equal((status, len(body.decode().split("\n"))), (200, 4))

    P = {"positive": [{"id": id}]}
    for query, status, word in (
            ([], 400, "JSON object"), ({}, 400, "at least one"), ({"positive": []}, 400, "at least"),
            ({"positive": {"id": id}}, 400, "list"), ({"positive": [id]}, 400, "positive[0]"),
            ({"positive": [{}]}, 400, "positive[0]"), ({"positive": [{"id": 5}]}, 400, "2^53"),
            ({"positive": [{"id": "5"}]}, 404, "id 5"), ({"positive": [{"name": 1}]}, 400, "name"),
            ({"positive": [{"ra": 20, "dec": -60}]}, 404, "outside this survey's footprint"),
            ({"positive": [{"ra": 150.055, "dec": 2}]}, 404, "arcsec away"),
            ({"positive": [{"ra": 400, "dec": 2}]}, 400, "degrees"),
            ({"positive": [{"vector": [1, 2]}]}, 400, "list of 512"),
            ({"positive": [{"vector": [0] * 512}]}, 400, "zeros"),
            ({"positive": [{"vector": ["a"] * 512}]}, 400, "vector[0]"),
            ({"positive": [{"id": id}] * 65}, 400, "64 are the most"),
            ({**P, "k": 0}, 400, "k must be"), ({**P, "k": 1.5}, 400, "whole"),
            ({**P, "k": "5"}, 400, "k must be"), ({**P, "limit": 5}, 400, '"limit"'),
            ({**P, "exact": 1}, 400, "true or false"), ({**P, "filter": 5}, 400, "filter"),
            ({**P, "filter": {"mag_u_min": 5}}, 400, '"mag_u_min"'),
            ({**P, "filter": {"mag_z_min": "5"}}, 400, "mag_z_min must be a number"),
            ({**P, "group_arcsec": -1}, 400, "group_arcsec")):
        s.problem(API + "/search", status, word, method="POST", body=json.dumps(query))
    for text in ("", "{", '{"positive": [}', '{"k": 1, "k": 2}', "{} {}", "\xff", "[" * 5000,
                 '{"k": NaN}', '{"k": 1e999}', "\0", "nul"):
        s.problem(API + "/search", 400, "the body", method="POST", body=text.encode("latin-1"))


def test_upload(s, id, jpeg, cutout):
    path = API + "/search/upload"
    answer = s.json(path + "?k=3&name=mine.fits", method="POST", body=cutout)
    equal(answer["hits"][0]["id"], id)  # its own object first
    check(answer["hits"][0]["similarity"] > 0.99, answer["hits"][0])
    upload = answer["query"]["upload"]
    equal((upload["name"], upload["width"], upload["bands"]), ("mine.fits", 64, "grz"))
    check(abs(upload["ra"] - 150.05) < 1e-4, upload)
    kind, text = answer["query"]["preview"].split(",")
    equal((kind, base64.b64decode(text)[:2]), ("data:image/jpeg;base64", b"\xff\xd8"))
    check("random weights" in answer["warnings"][0], answer["warnings"])

    picture = s.json(path + "?k=3", method="POST", body=jpeg,
                     headers={"X-File-Name": "..%2f..%2fetc%2fgalaxy.jpg"})
    equal(picture["query"]["upload"]["name"], "galaxy.jpg")
    equal(picture["query"]["upload"]["ra"], None)
    check(picture["query"]["upload"]["notes"], "what was assumed is said")
    check(any("stretched picture" in w for w in picture["warnings"]), picture["warnings"])

    def pieces():
        for i in range(0, len(cutout), 5000):
            yield cutout[i:i + 5000]
    chunked = s.json(path + "?k=3", method="POST", body=pieces())
    equal([h["id"] for h in chunked["hits"]], [h["id"] for h in answer["hits"]])
    filtered = s.json(path + "?hide_known=1", method="POST", body=cutout)
    check(id not in [h["id"] for h in filtered["hits"]], "filters hold for uploads")
    status, headers, body = s.ask(path + "?k=2&format=csv", "POST", cutout)
    check(body.startswith(b"rank,id,name,"), body)

    s.problem(path, 400, "empty", method="POST", body=b"")
    s.problem(path + "?name=notes.txt", 422, "notes.txt", method="POST", body=b"hello " * 100)
    s.problem(path, 422, "", method="POST", body=cutout[:len(cutout) // 2])
    s.problem(path, 422, "", method="POST", body=jpeg[:len(jpeg) // 3])
    s.problem(path, 422, "", method="POST", body=b"SIMPLE  =" + RANDOM.randbytes(5000))
    s.problem(path, 415, "curl --data-binary", method="POST",
              body=b"--xyz\r\nContent-Disposition: form-data\r\n\r\n")
    s.problem(path + "?k=0", 400, "k must be", method="POST", body=cutout)


def test_page(s):
    status, headers, body = s.ask("/")
    equal((status, body), (200, b"<p>nearsky</p>"))
    for part in ("default-src 'self'", "img-src 'self' data: blob:"):
        check(part in headers["Content-Security-Policy"], headers)
    equal(headers["X-Content-Type-Options"], "nosniff")
    equal(headers["Cache-Control"], "no-cache")
    equal(headers["Content-Type"], "text/html; charset=utf-8")
    equal(s.ask("/?id=5&id=6")[0], 400)
    equal(s.ask("/?id=5&view=x")[0], 200)
    equal(s.ask("/about")[2], body)  # the page's own routes
    equal(s.ask("/", headers={"If-None-Match": headers["ETag"]})[0], 304)
    status, headers, script = s.ask("/assets/index-1a2b.js")
    equal((status, headers["Content-Type"]), (200, "text/javascript; charset=utf-8"))
    check("immutable" in headers["Cache-Control"], headers)
    equal(s.ask("/", method="HEAD")[2], b"")
    for path in ("/assets/../../secret.txt", "/../secret.txt", "/%2e%2e/secret.txt",
                 "/..%2fsecret.txt", "/assets/%2e%2e/%2e%2e/secret.txt", "//secret.txt",
                 "/link.txt", "/.hidden.txt", "/assets/none.js", "/secret.txt", "/index.html/x.js"):
        status, headers, body = s.ask(path)
        equal(status, 404, path)
        check(b"secret" not in body.replace(b"secret.txt", b""), path)


def test_methods(s, id):
    headers, _ = s.problem(API + "/search", 405, "POST", method="GET")
    equal(headers["Allow"], "POST")
    headers, _ = s.problem(API + "/info", 405, "GET", method="POST", body=b"{}")
    equal(headers["Allow"], "GET, HEAD")
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH", "ODD"):
        equal(s.problem(f"{API}/objects/{id}", 405, "GET", method=method)[0]["Allow"], "GET, HEAD")
    s.problem("/metrics", 405, "GET", method="DELETE")
    s.problem(API + "/nothing", 404, "nothing")
    s.problem(API + "/objects/1/2/3", 404, "nothing")
    s.problem(API + "/objects//image.jpg", 404, "nothing")
    s.problem("/%ff", 400, "UTF-8")
    s.problem("/%", 400, "percent")
    s.problem(API + "/info?x=1", 400, "none")
    s.problem(API + "/info", 413, "body", method="GET", body=b"x" * 10)
    s.problem("/healthz?" + "&".join(f"a{i}=1" for i in range(40)), 414, "32")
    equal(s.ask("/" + "a" * 9000)[0], 414)


# --- what clients do wrong ---


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


def wait_for(condition, what, seconds=5):
    until = time.time() + seconds
    while not condition():
        check(time.time() < until, what)
        time.sleep(0.02)


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


# --- load ---


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
            wait_for(lambda: SECOND in seen, "the new generation answers", 10)
            for done in range(2, 5):
                s.process.send_signal(signal.SIGHUP)
                wait_for(lambda: s.metric("nearsky_reloads_total") == done, "and again", 10)
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
    wait_for(lambda: s.metric("nearsky_reload_failures_total") == 1, "the reload is refused", 10)
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


def make_page(folder):
    page = os.path.join(folder, "page")
    os.makedirs(os.path.join(page, "assets"))
    for path, text in (("page/index.html", "<p>nearsky</p>"), ("secret.txt", "secret"),
                       ("page/assets/index-1a2b.js", "1"), ("page/.hidden.txt", "secret")):
        with open(os.path.join(folder, path), "w") as file:
            file.write(text)
    os.symlink(os.path.join(folder, "secret.txt"), os.path.join(page, "link.txt"))
    return page


def main():
    folder = tempfile.mkdtemp(prefix="nsky-http-")
    servers = []
    try:
        store = os.path.join(folder, "store")
        subprocess.run([FIXTURE, "make", store, str(OBJECTS)], check=True)
        s = Server(store, "--page", make_page(folder), "--threads", "2")
        servers.append(s)
        test_operation(s)
        test_info(s)
        id = test_objects(s)
        test_object(s, id)
        jpeg, cutout, vector = test_pictures(s, id)
        neighbors = test_neighbors(s, id)
        test_search(s, id, vector, neighbors)
        test_upload(s, id, jpeg, cutout)
        test_page(s)
        test_methods(s, id)
        test_wire(s)
        test_sizes(s)
        test_slow(s, id)
        test_cancelled(s, id, cutout)
        ids = sorted(o["id"] for o in s.json(API + "/objects/random?n=200")["objects"])
        test_concurrent(s, ids)
        test_command_line(store, folder)
        narrow = Server(store, "--page", folder + "/none", "--threads", "1", "--queue", "1")
        servers.append(narrow)
        status, headers, body = narrow.ask("/")
        check(status == 404 and b"npm run build" in body, "no page: says why", body)
        test_full_queue(narrow, cutout)
        equal(narrow.stop(signal.SIGINT), 0)
        test_reload(s, store, ids)
        test_stop(s, cutout)
    except BaseException:
        with open(os.path.join(folder, "stderr.txt")) as file:
            sys.stderr.write(file.read()[-4000:])
        raise
    finally:
        for server in servers:
            if server.process.poll() is None:
                server.process.kill()
                server.process.wait()
        shutil.rmtree(folder)
    print(f"http: {checks} checks passed")


main()
