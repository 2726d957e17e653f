"""Probes over HTTP: made from examples, kept, ranked by; agreeing with the file they are."""

import csv, io, json, math

from http_harness import API, FIRST, OBJECTS, check, equal
from http_tables import same_rows

RANKING = ("rank,id,name,ra,dec,score,probability,novelty,mag_g,mag_r,mag_z,z_phot,known").split(",")


def test_probes(s):
    """A probe from clicks: its scores are weights . vector + bias of the vectors served."""
    objects = s.json(API + f"/objects/random?n={OBJECTS}")["objects"]
    objects.sort(key=lambda o: o["ra"])
    ids = [o["id"] for o in objects]
    equal(s.json(API + "/probes")["probes"], [])
    s.problem(API + "/probes/lenses", 404, "lenses")
    asked = {"name": "lenses", "positive": ids[:12], "negative": [{"id": i} for i in ids[12:24]],
             "background": 0}
    made = s.post(asked, 201, API + "/probes")
    equal((made["name"], made["kind"], made["generation"]), ("lenses", "binary", FIRST))
    equal([c["count"] for c in made["labels"]["classes"]], [12, 12])
    area = made["metrics"]["outputs"][0]["auroc"]
    check(0 <= area["low"] <= area["value"] <= area["high"] <= 1, area)

    probe = s.json(API + "/probes/lenses")
    equal((probe["format"], probe["version"]), ("nearsky-probe", 1))
    equal(probe["labels"]["classes"][1]["ids"], sorted(ids[:12], key=ids.index))
    weights, bias = probe["outputs"][0]["weights"], probe["outputs"][0]["bias"]
    calibration = probe["outputs"][0]["calibration"]

    answer = s.json(API + f"/probes/lenses/rank?top={OBJECTS}")
    hits = answer["hits"]
    equal([h["rank"] for h in hits], list(range(1, OBJECTS + 1)))
    equal(sorted(h["id"] for h in hits), sorted(ids))
    equal(answer["stats"]["scanned"], OBJECTS)
    check(all(a["score"] >= b["score"] for a, b in zip(hits, hits[1:])), "best first")
    for hit in hits[:5] + hits[-5:]:
        vector = s.json(API + f"/objects/{hit['id']}/vector")["vector"]
        score = sum(w * v for w, v in zip(weights, vector)) + bias
        check(abs(score - hit["score"]) < 1e-4 * (1 + abs(score)), score, hit["score"])
        p = 1 / (1 + math.exp(-(calibration["slope"] * score + calibration["offset"])))
        check(abs(p - hit["probability"]) < 1e-4, p, hit["probability"])
    expected = answer["stats"]["expected_positives"]
    check(abs(sum(h["probability"] for h in hits) - expected["value"]) < 1e-3, expected)
    check(expected["low"] <= expected["value"] <= expected["high"], expected)

    same_rows(s, API + "/probes/lenses/rank?top=10", RANKING)
    rows = list(csv.DictReader(io.StringIO(s.ask(API + "/probes/lenses/rank?top=10&format=csv")[2].decode())))
    equal([(r["id"], float(r["score"])) for r in rows], [(h["id"], h["score"]) for h in hits[:10]])
    fewer = s.json(API + f"/probes/lenses/rank?top={OBJECTS}&hide_known=1&mag_z_max=18.2")["hits"]
    check(fewer and all(h["known"] is None and h["mag_z"] <= 18.2 for h in fewer), fewer)
    equal([h["id"] for h in fewer], [h["id"] for h in hits if h["id"] in {f["id"] for f in fewer}])

    suggested = s.json(API + "/probes/lenses/suggest?n=4")["hits"]
    equal(len(suggested), 4)
    check(not {h["id"] for h in suggested} & set(ids[:24]), "not what it learned from")
    return probe


def test_probes_again(s, probe):
    """Another server of the same store has them too."""
    equal([p["name"] for p in s.json(API + "/probes")["probes"]], ["lenses", "one"])
    equal(s.json(API + "/probes/lenses"), probe)
    check(s.json(API + "/probes/lenses/rank?top=3")["hits"], "ranks on")


def test_probe_faults(s, id):
    path = API + "/probes"
    good = {"name": "p", "positive": [id]}
    taken = dict(good, name="lenses")
    for body, status, word in (
            ({"positive": [id]}, 400, "name"), (dict(good, name="No Such"), 400, "a-z"),
            (dict(good, name="x" * 41), 400, "40"), (dict(good, name="../x"), 400, "a-z"),
            ({"name": "p"}, 400, "positive"), (dict(good, positive=[]), 400, "one example"),
            (dict(good, positive=[1]), 400, "string of digits"),
            (dict(good, positive=["7"]), 400, "no object has id 7"),
            (dict(good, positive=id), 400, "list"), (dict(good, negative=[id]), 400, "both"),
            (dict(good, positive=[id] * 5001), 400, "5000"), (dict(good, odd=1), 400, "odd"),
            (dict(good, background=-1), 400, "background"), (dict(good, background=0), 400, "other"),
            (dict(good, prevalence=1), 400, "prevalence"), (dict(good, replace=1), 400, "replace"),
            (taken, 409, "lenses"), ([], 400, "object")):
        if word == "both":
            word = "among the positive and the negative"
        s.problem(path, status, word, method="POST", body=json.dumps(body))
    s.problem(path, 400, "body", method="POST", body=b"{")
    s.problem(path + "/lenses/rank?top=0", 400, "top")
    s.problem(path + "/lenses/rank?class=round", 400, "round")
    s.problem(path + "/lenses/rank?mag_z_min=3&mag_z_max=2", 400, "mag_z_min")
    s.problem(path + "/none/rank", 404, "none")
    s.problem(path + "/lenses/suggest?n=1001", 400, "1000")
    equal([p["name"] for p in s.json(path)["probes"]], ["lenses"])
    again = s.post(dict(good, name="one", replace=True), 201, path)  # background by default
    check(again["labels"]["background"] > 0, again["labels"])
