"""Every address but the searches: what it answers and what it refuses."""

import time
import json, struct

from http_harness import API, FIRST, OBJECTS, check, equal


def test_operation(s):
    equal(s.ask("/healthz")[0], 200)
    equal(s.ask("/readyz")[2], b"ready\n")
    # A request is counted when it is over, which may be just after its answer arrived.
    for _ in range(100):
        status, headers, body = s.ask("/metrics")
        text = body.decode()
        if 'requests_total{route="/healthz"' in text:
            break
        time.sleep(0.05)
    check(headers["Content-Type"].startswith("text/plain; version=0.0.4"), headers)
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
    s.problem("/healthz?" + "&".join(f"a{i}=1" for i in range(50)), 414, "40")
    equal(s.ask("/" + "a" * 9000)[0], 414)


def test_described(s, id):
    """The description names every query parameter that an address takes, and no other."""
    api = s.json(API + "/openapi.json")
    shared = api["components"]["parameters"]
    for path, methods in api["paths"].items():
        if path == "/vo/scs":  # its standard has parameters ignored that are unknown
            continue
        for method, about in methods.items():
            named = [shared[p["$ref"].split("/")[-1]] if "$ref" in p else p
                     for p in about.get("parameters", [])]
            names = {p["name"] for p in named if p["in"] == "query"}
            headers, problem = s.problem(path.replace("{id}", id).replace("{name}", "lenses") + "?odd=1", 400, "odd",
                                         method=method.upper())
            taken = problem["detail"].split("takes: ")[1]
            equal(names, set() if taken == "none" else set(taken.split(", ")), path)
