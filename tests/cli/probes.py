"""Probes from the command line, on a simulated sky: what scikit-learn makes of the same vectors, the same
ranks in every format, wrong label files told by line, known lists. Usage: probes.py NEARSKY-BINARY

The comparison needs numpy and scikit-learn; without them it is skipped, saying so.
"""

import csv
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.request

try:
    import numpy
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
except ImportError as missing:
    numpy = None
    print(f"NEARSKY-PARTLY-SKIPPED: no comparison with scikit-learn: {missing}", file=sys.stderr)

NEARSKY = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "nearsky"
STAMPS = "240"
RANKING = "rank,id,name,ra,dec,score,probability,novelty,mag_g,mag_r,mag_z,z_phot,known,artefact".split(",")


def run(*words, status=0):
    done = subprocess.run([NEARSKY, *words], capture_output=True, text=True, timeout=300)
    if done.returncode != status:
        raise AssertionError(f"nearsky {' '.join(words)}: exit {done.returncode}, not {status}\n{done.stderr}")
    return done


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


class Probes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="nearsky-test-")
        cls.store = cls.path("store")
        sky = cls.path("sky")
        run("simulate", sky, "--stamps", STAMPS, "--seed", "4", "--lens-fraction", "0.2")
        run("ingest", cls.store, sky)
        run("embed", cls.store, "--model", "random:resnet18:1")
        run("index", cls.store)
        with open(os.path.join(sky, "truth.csv")) as file:
            truth = {row["name"]: row for row in csv.DictReader(file)}
        cls.objects = table(run("export", cls.store, "--what", "objects").stdout)
        for row in cls.objects:
            row.update({"class": truth[row["name"]]["class"], "label": truth[row["name"]]["label"],
                        "z": truth[row["name"]]["z_spec"]})
        cls.half = len(cls.objects) // 2
        cls.labels = cls.write("labels.csv", ["id,label,class,z"] + [
            ",".join(row[k] for k in ("id", "label", "class", "z")) for row in cls.objects[:cls.half]])
        cls.probe = cls.path("p.json")
        run("probe", "train", cls.store, "--labels", cls.labels, "--out", cls.probe)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder.name, name)

    @classmethod
    def write(cls, name, lines):
        with open(cls.path(name), "w") as file:
            file.write("\n".join(lines) + "\n")
        return cls.path(name)

    def rank(self, *words):
        return table(run("rank", self.store, "--probe", self.probe, *words).stdout)

    def test_ranks_agree(self):
        everything = self.rank("--all")
        self.assertEqual(list(everything[0]), RANKING)
        self.assertEqual(len(everything), len(self.objects))
        self.assertEqual(self.rank("--top", "7"), everything[:7])
        out = self.path("r.json")
        run("rank", self.store, "--probe", self.probe, "--all", "--out", out)
        with open(out) as file:
            rows = json.load(file)["ranking"]
        self.assertEqual([r["id"] for r in rows], [r["id"] for r in everything])
        bright = self.rank("--all", "--mag-z-max", "18.5")
        self.assertEqual([r["id"] for r in bright],
                         [r["id"] for r in everything if r["mag_z"] and float(r["mag_z"]) <= 18.5])
        scored = table(run("probe", "score", self.store, "--probe", self.probe, "--id",
                           everything[5]["id"]).stdout)
        self.assertEqual(scored[0]["score"], everything[5]["score"])
        summary = self.path("s.json")
        run("rank", self.store, "--probe", self.probe, "--top", "20", "--summary", summary)
        with open(summary) as file:
            summary = json.load(file)
        expected = sum(float(r["probability"]) for r in everything[:20])
        self.assertAlmostEqual(summary["expected_positives"]["value"], expected, delta=0.01)
        self.assertEqual(sum(summary["score_histogram"]["counts"]), len(everything))

    def serve(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = subprocess.Popen([NEARSKY, "serve", self.store, "--port", str(port)],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait, 30)
        self.addCleanup(server.terminate)
        self.assertIn("http://", server.stdout.readline())
        return f"http://127.0.0.1:{port}/api/v1"

    def test_http_command_line_and_export_agree(self):
        """One probe, made over HTTP: the same ranks, scores and probabilities wherever they are asked for."""
        api = self.serve()
        sides = [[row["id"] for row in self.objects[:60] if (row["label"] == "lens") == lens] for lens in (True, False)]
        body = json.dumps({"name": "both", "positive": sides[0], "negative": sides[1], "background": 0})
        urllib.request.urlopen(urllib.request.Request(api + "/probes", body.encode(), method="POST"), timeout=60)
        with urllib.request.urlopen(api + "/probes/both", timeout=60) as answer:
            probe = self.write("both.json", [answer.read().decode()])
        n = str(len(self.objects))
        web = json.load(urllib.request.urlopen(f"{api}/probes/both/rank?top={n}", timeout=60))["hits"]
        told = run("rank", self.store, "--probe", probe, "--all").stdout
        rows = table(told)
        self.assertEqual([h["id"] for h in web], [r["id"] for r in rows])
        for hit, row in zip(web, rows):
            for key in ("rank", "score", "probability", "novelty"):
                self.assertEqual(float(row[key]), hit[key])
        def fetched(format_):
            url = f"{api}/probes/both/rank?top={n}&format={format_}"
            return urllib.request.urlopen(url, timeout=60).read()
        self.assertEqual(fetched("csv").decode(), told)
        for format_, suffix in (("votable", "vot"), ("fits", "fits")):
            written = self.path("both." + suffix)
            run("rank", self.store, "--probe", probe, "--all", "--out", written)
            with open(written, "rb") as file:
                ours, theirs = file.read(), fetched(format_)
            # What they say of the question differs; the rows do not, to the bit.
            start = b"<TABLEDATA>" if suffix == "vot" else b"XTENSION"
            if suffix == "vot":
                ours, theirs = (x[x.index(start):x.index(b"</TABLEDATA>")] for x in (ours, theirs))
            else:
                ours, theirs = (x[x.index(b"END" + b" " * 77, x.index(start)):] for x in (ours, theirs))
                ours, theirs = (x[len(x) % 2880:] for x in (ours, theirs))
            self.assertGreater(len(ours), 1000)
            self.assertEqual(ours, theirs)
        if numpy is None:
            return
        vectors = self.path("both.npy")
        run("export", self.store, "--what", "vectors", "--values", "float32", "--out", vectors)
        with open(probe) as file:
            output = json.load(file)["outputs"][0]
        exact = numpy.load(vectors).astype(float) @ numpy.array(output["weights"]) + output["bias"]
        exact = {row["id"]: score for row, score in zip(self.objects, exact)}
        for row in rows:
            self.assertAlmostEqual(float(row["score"]), exact[row["id"]], delta=1e-4)
        sums = [exact[row["id"]] for row in rows]
        self.assertTrue(all(a > b - 2e-4 for a, b in zip(sums, sums[1:])))

    @unittest.skipIf(numpy is None, "no numpy and scikit-learn")
    def test_as_scikit_learn(self):
        """The same fit in float64: the same order, so the same area, to 0.002."""
        vectors = self.path("v.npy")
        run("export", self.store, "--what", "vectors", "--values", "float32", "--out", vectors)
        x = numpy.load(vectors).astype(float)
        y = numpy.array([row["label"] == "lens" for row in self.objects])
        with open(self.probe) as file:
            probe = json.load(file)
        learned = x[:self.half]
        mean = learned.mean(0)
        scale = numpy.sqrt(((learned - mean) ** 2).sum(1).mean())
        model = LogisticRegression(C=probe["method"]["c"], class_weight="balanced", solver="liblinear",
                                   tol=1e-8, max_iter=10000).fit((learned - mean) / scale, y[:self.half])
        theirs = model.decision_function((x - mean) / scale)
        ours = {row["id"]: float(row["score"]) for row in self.rank("--all")}
        ours = numpy.array([ours[row["id"]] for row in self.objects])
        exact = x @ numpy.array(probe["outputs"][0]["weights"]) + probe["outputs"][0]["bias"]
        self.assertLess(numpy.abs(ours - exact).max(), 1e-4)
        self.assertAlmostEqual(roc_auc_score(y[self.half:], ours[self.half:]),
                               roc_auc_score(y[self.half:], theirs[self.half:]), delta=0.002)

    def test_held_out_labels_are_judged(self):
        rest = self.write("rest.csv", ["name,label"] + [
            f"{row['name']},{row['label']}" for row in self.objects])
        metrics = self.path("m.json")
        run("probe", "score", self.store, "--probe", self.probe, "--labels", rest, "--out",
            self.path("scores.csv"), "--metrics", metrics)
        with open(metrics) as file:
            metrics = json.load(file)
        self.assertEqual(metrics["learned_from_and_left_out"], self.half)
        self.assertEqual(metrics["positives"] + metrics["negatives"], len(self.objects) - self.half)
        self.assertLessEqual(metrics["auroc"]["low"], metrics["auroc"]["high"])

    def test_classes_and_numbers(self):
        done = run("probe", "train", self.store, "--labels", self.labels, "--out", self.path("c.json"),
                   "--column", "class", "--json")
        self.assertEqual(json.loads(done.stdout)["kind"], "classes")
        run("rank", self.store, "--probe", self.path("c.json"), status=1)
        run("rank", self.store, "--probe", self.path("c.json"), "--class", "spiral", "--top", "3")
        done = run("probe", "train", self.store, "--labels", self.labels, "--out", self.path("z.json"),
                   "--regress", "z", "--json")
        self.assertEqual(json.loads(done.stdout)["kind"], "regression")
        rows = self.rank("--probe", self.path("z.json"), "--top", "3")
        self.assertEqual(list(rows[0]), RANKING + ["z_score", "z_probability"])
        done = run("probe", "neighbours", self.store, "--labels", self.labels, "--number", "z", "-k", "5")
        self.assertEqual(len(table(done.stdout)), len(self.objects))
        self.assertIn("sigma_MAD", done.stderr)
        done = run("probe", "neighbours", self.store, "--labels", self.labels, "--vote", "class", "-k", "5")
        self.assertIn("accuracy", done.stderr)

    def test_suggestions_are_new(self):
        labelled = {row["id"] for row in self.objects[:self.half]}
        rows = table(run("probe", "suggest", self.store, "--probe", self.probe, "-n", "9").stdout)
        self.assertEqual(len(rows), 9)
        self.assertFalse(labelled & {row["id"] for row in rows})

    def test_wrong_labels_are_named(self):
        id = self.objects[0]["id"]
        for lines, words in (
                (["id,label", "99,lens"], ["line 2", "99"]),
                (["id,label", f"{id},nan"], ["line 2", "nan"]),
                (["id,label", f"{id},lens"], ["lens", "--background"]),
                (["id,label", f"{id},lens", f"{id},other"], ["line 3", "another label in line 2"]),
                (["id,label"], ["no label"]),
                (["id,kind", f"{id},lens"], ["label", "kind"])):
            done = run("probe", "train", self.store, "--labels", self.write("bad.csv", lines), "--out",
                       self.path("bad.json"), status=1)
            for word in words:
                self.assertIn(word, done.stderr)
            self.assertFalse(os.path.exists(self.path("bad.json")))

    def test_wrong_usage_is_told(self):
        for words in (["probe"], ["probe", "odd"], ["rank", self.store], ["known", self.store],
                      ["probe", "train", self.store], ["probe", "score", self.store, "--probe", self.probe],
                      ["rank", self.store, "--probe", self.probe, "--top", "0"]):
            self.assertIn("nearsky", run(*words, status=2).stderr)
        self.assertIn("not a probe", run("rank", self.store, "--probe", self.write("no.json", ["{}"]),
                                         status=1).stderr)

    def test_known_lists(self):
        """On a store of its own: it changes the catalogue."""
        store = self.path("known")
        subprocess.run(["cp", "-r", self.store, store], check=True)
        placed = [row for row in self.objects if row["ra"]][:5]
        lines = [f"{'known ' + str(i)},{row['ra']},{row['dec']}" for i, row in enumerate(placed)]
        list_ = self.write("list.csv", ["name,ra,dec"] + lines + ["elsewhere,1,-89"])
        report = json.loads(run("known", store, "--list", list_, "--json").stdout)
        self.assertEqual((report["entries"], report["entries_matched"], report["objects_matched"],
                          report["entries_outside_footprint"]), (6, 5, 5, 1))
        rows = table(run("rank", store, "--probe", self.probe, "--all").stdout)
        self.assertEqual(sum(row["known"].startswith("known ") for row in rows), 5)
        hidden = table(run("rank", store, "--probe", self.probe, "--all", "--hide-known").stdout)
        self.assertFalse({row["id"] for row in placed} & {row["id"] for row in hidden})
        again = json.loads(run("known", store, "--list", list_, "--json").stdout)
        self.assertEqual(again["generation"], 0)
        self.assertEqual(run("verify", store).stdout.strip(), "sound")


if __name__ == "__main__":
    unittest.main(verbosity=2)
