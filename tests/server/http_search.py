"""Searches by neighbours, examples and uploads."""

import base64, json

from http_harness import API, FIRST, OBJECTS, RANDOM, check, equal


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

    check(all(h["artefact"] is None for h in answer["hits"]), "no guard, no probability")
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
    equal(lines[0], "rank,id,name,ra,dec,similarity,mag_g,mag_r,mag_z,z_phot,known,artefact")
    equal(len(lines), 5)  # and the end of the last line
    check(lines[1].startswith(f'1,{answer["hits"][0]["id"]},"galaxy '), lines[1])
    check(headers["Content-Type"].startswith("text/csv"), headers)
    equal(s.ask(path, headers={"Accept": "text/csv"})[2].decode().split("\n")[0], lines[0])
    s.problem(path + "?format=odd", 400, "format must be json, csv")
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


def test_filters(s, id):
    """Every filter by parameter and by body; what passes is what passes by the catalogue's columns."""
    path = f"{API}/objects/{id}/neighbors?k=1000"
    all_of_them = s.json(path)["hits"]

    def ids(hits):
        return sorted(h["id"] for h in hits)

    def same(params, body, passes):
        by_uri = s.json(path + "&" + params)
        by_body = s.post({"positive": [{"id": id}], "k": 1000, "filter": body})
        expected = ids(h for h in all_of_them if passes(h))
        equal(ids(by_uri["hits"]), expected, params)
        equal(ids(by_body["hits"]), expected, body)
        equal(by_uri["stats"]["matching"], len(expected))
        equal(by_uri["stats"]["method"], "filtered exact scan")
        check("few enough" in by_uri["stats"]["why"], by_uri["stats"])
        return expected

    def have(h, *keys):
        return all(h[k] is not None for k in keys)

    check(same("g_r_min=0.4&g_r_max=0.6", {"g_r_min": 0.4, "g_r_max": 0.6},
               lambda h: have(h, "mag_g", "mag_r")), "0.5 all of them")
    equal(same("r_z_max=0.3", {"r_z_max": 0.3}, lambda h: False), [])
    same("type=rex", {"type": "REX"}, lambda h: True)
    equal(same("type=DEV,SER", {"type": ["DEV", "SER"]}, lambda h: False), [])
    same("only_known=1", {"only_known": True}, lambda h: h["known"] is not None)
    equal(same("z_spec_min=0", {"z_spec_min": 0}, lambda h: False), [])
    square = [150.095, 1.9, 150.195, 1.9, 150.195, 2.1, 150.095, 2.1]
    equal(len(same("polygon=" + ",".join(map(str, square)),
                   {"polygon": [square[i:i + 2] for i in range(0, 8, 2)]},
                   lambda h: 150.095 < h["ra"] < 150.195)), 10)
    known = same("healpix_nside=1&healpix_order=ring&healpix_cells=6,5",
                 {"healpix": {"nside": 1, "order": "ring", "cells": [5, 6]}}, lambda h: True)
    check(known, "the two cells of the equator on either side")
    named = [all_of_them[3]["id"], all_of_them[1]["id"], all_of_them[1]["id"]]
    some = s.post({"positive": [{"id": id}], "filter": {"ids": named, "hide_known": False}})
    equal(ids(some["hits"]), sorted(set(named)))
    equal(s.post({"positive": [{"id": id}], "filter": {"ids": []}})["hits"], [])
    equal(len(s.post({"positive": [{"id": id}], "k": 1000, "filter": {"polygon": None, "ids": None,
                      "type": None}})["hits"]), OBJECTS - 1)

    P = {"positive": [{"id": id}]}
    for body, status, word in (
            ({"type": "SERSIC"}, 400, "SERSIC"), ({"type": 5}, 400, "filter.type"),
            ({"type": []}, 400, "filter.type"), ({"polygon": [[1, 2], [3, 4]]}, 400, "filter.polygon"),
            ({"polygon": [[1, 2], [3, 4], [5]]}, 400, "polygon[2]"),
            ({"polygon": [[1, 2], [3, 4], [5, 95]]}, 400, "polygon[2]"),
            ({"polygon": [[0, 0], [120, 0], [240, 0]]}, 400, "hemisphere"),
            ({"polygon": [[1, 2]] * 129}, 400, "128"),
            ({"healpix": {"nside": 3, "order": "ring", "cells": [1]}}, 400, "nside"),
            ({"healpix": {"nside": 4, "order": "ring", "cells": [192]}}, 400, "cells[0]"),
            ({"healpix": {"nside": 4, "order": "ring", "cells": [1.5]}}, 400, "cells[0]"),
            ({"healpix": {"nside": 4, "order": "spiral", "cells": [1]}}, 400, "nested or ring"),
            ({"healpix": {"nside": 4, "cells": [1]}}, 400, "filter.healpix"),
            ({"healpix": {"nside": 4, "order": "ring", "cells": []}}, 400, "cells"),
            ({"ids": "5"}, 400, "filter.ids"), ({"ids": [5]}, 400, "ids[0]"),
            ({"ids": [id, "5"]}, 404, "ids[1]"), ({"ids": ["1"] * 20001}, 400, "20000"),
            ({"g_r_min": 2, "g_r_max": 1}, 400, "greater"),
            ({"only_known": True, "hide_known": True}, 400, "only_known"),
            ({"only_known": "yes"}, 400, "filter.only_known")):
        s.problem(API + "/search", status, word, method="POST", body=json.dumps({**P, "filter": body}))
    for params, word in (("polygon=1,2,3", "polygon"), ("polygon=1,2,3,4,x,6", "polygon"),
                         ("polygon=" + "1,2," * 130, "polygon"), ("type=", "type"),
                         ("healpix_cells=1", "healpix_nside"), ("healpix_nside=4", "no cells"),
                         ("healpix_nside=4&healpix_order=ring&healpix_cells=1,,2", "whole numbers"),
                         ("healpix_nside=4&healpix_order=ring&healpix_cells=200", "cells[0]"),
                         ("r_z_min=nan", "r_z_min")):
        s.problem(f"{path}&{params}", 400, word)


def test_effort_and_groups(s, id):
    path = f"{API}/objects/{id}/neighbors"
    for effort in ("fast", "balanced", "exact"):
        stats = s.json(f"{path}?effort={effort}")["stats"]
        equal(stats["effort"], effort)
        equal(stats["method"], "exact scan" if effort == "exact" else "index + re-ranking")
        check(effort in stats["why"], stats)
        equal(s.post({"positive": [{"id": id}], "effort": effort})["stats"]["why"], stats["why"])
    equal(s.json(path + "?exact=1")["stats"]["effort"], "exact")
    s.problem(path + "?exact=1&effort=fast", 400, "contradict")
    s.problem(path + "?effort=much", 400, "effort must be")
    s.problem(API + "/search", 400, "effort must be", method="POST",
              body=json.dumps({"positive": [{"id": id}], "effort": 5}))

    # Objects are 36 arcsec apart on a line.
    plain = s.json(path + "?k=1000")["hits"]
    check(all("duplicates" not in h for h in plain), "no grouping, no duplicates")
    grouped = s.json(path + "?k=1000&group_arcsec=40")
    seen = []
    for hit in grouped["hits"]:
        seen.append(hit["id"])
        for other in hit["duplicates"]:
            seen.append(other["id"])
            equal(other["group_of"], hit["id"])
            check(35 < other["separation_arcsec"] <= 40, other)
            check(other["similarity"] <= hit["similarity"], other)
    equal(sorted(seen), sorted(h["id"] for h in plain), "grouped, not dropped")
    check(len(grouped["hits"]) < len(plain), "some are duplicates")
    equal([h["rank"] for h in grouped["hits"]], list(range(1, len(grouped["hits"]) + 1)))
    leaders = [h["ra"] for h in grouped["hits"]]
    check(all(abs(a - b) * 3600 > 40 for i, a in enumerate(leaders) for b in leaders[:i]), "apart")
    equal(len(s.json(path + "?k=5&group_arcsec=40")["hits"]), 5, "k counts groups")
    status, headers, body = s.ask(path + "?k=1000&group_arcsec=40&format=csv")
    lines = body.decode().strip().split("\n")
    check(lines[0].endswith(",artefact,group_of"), lines[0])
    equal(len(lines), 1 + len(plain))
    members = [line for line in lines[1:] if not line.endswith(",")]
    equal(len(members), len(plain) - len(grouped["hits"]))
    equal(members[0].rsplit(",", 1)[1], next(h["id"] for h in grouped["hits"] if h["duplicates"]))


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
