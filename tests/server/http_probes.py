"""Probes over HTTP: made from examples, kept, ranked by; agreeing with the file they are."""

import csv, io, json, math, os

from http_harness import API, FIRST, OBJECTS, check, equal
from http_tables import same_rows

RANKING = ("rank,id,name,ra,dec,score,probability,novelty,mag_g,mag_r,mag_z,z_phot,known,artefact").split(",")


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


def test_classes(s):
    """Three classes from clicks, numbers with ids, and a column of the catalogue."""
    objects = s.json(API + f"/objects/random?n={OBJECTS}")["objects"]
    objects.sort(key=lambda o: o["ra"])
    ids = [o["id"] for o in objects]
    labels = {"round": ids[:8], "blue": [{"id": i} for i in ids[8:16]], "a": ids[16:24]}
    made = s.post({"name": "shapes", "labels": labels}, 201, API + "/probes")
    equal((made["kind"], [c["class"] for c in made["labels"]["classes"]]), ("classes", ["a", "blue", "round"]))
    s.problem(API + "/probes/shapes/rank", 400, "class")
    hits = s.json(API + f"/probes/shapes/rank?class=blue&top={OBJECTS}")["hits"]
    probe = s.json(API + "/probes/shapes")
    blue = probe["outputs"][1]
    first = s.json(API + f"/objects/{hits[0]['id']}/vector")["vector"]
    score = sum(w * v for w, v in zip(blue["weights"], first)) + blue["bias"]
    check(abs(score - hits[0]["score"]) < 1e-4 * (1 + abs(score)), score, hits[0])

    values = [{"id": i, "value": n / 10} for n, i in enumerate(ids[:20])]
    made = s.post({"name": "numbers", "values": values}, 201, API + "/probes")
    equal(made["kind"], "regression")
    check("rmse" in made["metrics"], made["metrics"])
    check(all(h["probability"] is None for h in s.json(API + "/probes/numbers/rank?top=3")["hits"]), "a number")
    made = s.post({"name": "mag", "column": "mag_r"}, 201, API + "/probes")
    equal(made["kind"], "regression")
    equal(made["labels"]["count"], sum(o["mag_r"] is not None for o in objects))

    # By the labels of those most like it, itself not among them.
    one = s.json(API + f"/probes/shapes/estimate?id={ids[0]}&k=23")
    equal([o["class"] for o in one["outputs"]], ["a", "blue", "round"])
    equal((one["neighbours"]["neighbours"], one["neighbours"]["share"]), (23, round(8 / 23, 4)))
    score = next(h["score"] for h in hits if h["id"] == ids[0])
    check(abs(one["outputs"][1]["score"] - score) < 1e-4, one, score)
    one = s.json(API + f"/probes/numbers/estimate?id={ids[30]}&k=20")["neighbours"]
    equal((one["value"], one["neighbours"]), (0.95, 20))
    check(0.6 < one["spread"] < 0.7, one)  # half of 68% of 0 to 1.9


def test_estimates(s, id):
    """As reckoned from the neighbours that the API gives."""
    for k in (5, 15):
        got = s.json(API + f"/objects/{id}/estimates?k={k}")
        equal((got["id"], got["generation"]), (id, FIRST))
        hits = s.json(API + f"/objects/{id}/neighbors?k={OBJECTS - 1}&exact=1")["hits"]
        for estimate in got["estimates"]:
            column = estimate["column"]
            have = [h for h in hits if h.get(column) is not None][:k]
            equal(estimate["neighbours"], len(have), column)
            if not have:
                equal((estimate["value"], estimate["spread"]), (None, None), column)
                continue
            values = sorted(h[column] for h in have)
            middle = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
            check(abs(estimate["value"] - middle) < 1e-3, column, estimate, middle)
            check(abs(estimate["similarity"] - have[0]["similarity"]) < 1e-5, column, estimate)
            check(0 <= estimate["spread"] <= values[-1] - values[0], column, estimate)
        equal([(v["column"], v["class"], v["share"]) for v in got["votes"]], [("type", "REX", 1)])
    s.problem(API + f"/objects/{id}/estimates?k=201", 400, "200")
    s.problem(API + "/objects/7/estimates", 404, "7")
    s.problem(API + f"/probes/lenses/estimate?id=x", 400, "id")
    s.problem(API + f"/probes/lenses/estimate", 400, "id")
    s.problem(API + f"/probes/lenses/estimate?id=7", 404, "7")
    s.problem(API + f"/probes/none/estimate?id={id}", 404, "none")


def put_guard(store, probe):
    """A probe of two classes serves as a guard of its network's vectors."""
    with open(os.path.join(store, "models", probe["model"]["sha256"][:16] + ".artefact.json"), "w") as file:
        json.dump(probe, file)


def test_guard(s, probe):
    """Every hit, every object and every row of a ranking has the guard's probability, in each format."""
    top = API + f"/probes/one/rank?top={OBJECTS}"
    ranked = {h["id"]: h["probability"] for h in s.json(API + f"/probes/lenses/rank?top={OBJECTS}")["hits"]}
    hits = s.json(top)["hits"]
    equal(len(hits), OBJECTS)
    near = s.json(API + f"/objects/{hits[0]['id']}/neighbors?k=9")["hits"]
    for hit in hits + near:
        check(abs(hit["artefact"] - ranked[hit["id"]]) < 1e-4, hit)
    for path, rows in ((top, hits), (API + f"/objects/{hits[0]['id']}/neighbors?k=9", near)):
        text = s.ask(path + "&format=csv")[2].decode()
        equal([float(r["artefact"]) for r in csv.DictReader(io.StringIO(text))], [h["artefact"] for h in rows])
    same_rows(s, API + "/probes/one/rank?top=10", RANKING)
    suggested = s.json(API + "/probes/lenses/suggest?n=4")["hits"]
    check(all(abs(h["artefact"] - ranked[h["id"]]) < 1e-4 for h in suggested), suggested)
    one = s.json(API + f"/objects/{hits[3]['id']}")
    check(abs(one["artefact"] - ranked[one["id"]]) < 1e-4, one)


def test_probes_again(s, probe):
    """Another server of the same store has them too."""
    equal([p["name"] for p in s.json(API + "/probes")["probes"]], ["lenses", "mag", "numbers", "one", "shapes"])
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
            word = "among the examples of other and of positive"
        s.problem(path, status, word, method="POST", body=json.dumps(body))
    s.problem(path, 400, "body", method="POST", body=b"{")
    s.problem(path + "/lenses/rank?top=0", 400, "top")
    s.problem(path + "/lenses/rank?class=round", 400, "round")
    s.problem(path + "/lenses/rank?mag_z_min=3&mag_z_max=2", 400, "mag_z_min")
    s.problem(path + "/none/rank", 404, "none")
    s.problem(path + "/lenses/suggest?n=1001", 400, "1000")
    for body, word in (({"labels": {"a": [id], "b": [id]}}, "3 to"), ({"labels": [id]}, "object"),
                       ({"labels": {"a": [id], "b": [], "c": [id]}}, "labels.b"),
                       ({"labels": {"a": [id], "b": [id], "c": ["7"]}}, "no object has id 7"),
                       ({"labels": {"a": [id], "b": [id], "": [id]}}, "name"),
                       ({"labels": {"a": [id] * 5001, "b": [id], "c": [id]}}, "5000"),
                       ({"values": [{"id": id, "value": "x"}]}, "values[0]"), ({"values": id}, "list"),
                       ({"values": [{"id": id, "value": 1}]}, "3 labels"), ({"values": [{"value": 1}]}, "digits"),
                       ({"values": [{"id": id, "value": 1}, {"id": id, "value": 2}]}, "two values"),
                       ({"column": "name"}, "z_spec"), ({"column": 7}, "column"), ({"column": "z_spec"}, "no object"),
                       ({"column": "mag_r", "positive": [id]}, "one of"),
                       ({"column": "mag_r", "background": 5}, "background")):
        s.problem(path, 400, word, method="POST", body=json.dumps(dict(body, name="p")))
    equal([p["name"] for p in s.json(path)["probes"]], ["lenses", "mag", "numbers", "shapes"])
    again = s.post(dict(good, name="one", replace=True), 201, path)  # background by default
    check(again["labels"]["background"] > 0, again["labels"])
