"""Guards against artefacts: trained from a simulated sky's truth, kept by `embed` with the model, seen on hits;
one that is damaged or of another model changes nothing and is named. Usage: guards.py NEARSKY-BINARY TRAIN-GUARDS
"""

import csv
import io
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

TRAIN = os.path.abspath(sys.argv.pop(2))
NEARSKY = os.path.abspath(sys.argv.pop(1))


def run(*words, status=0, program=NEARSKY):
    done = subprocess.run([program, *words], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "NEARSKY": NEARSKY})
    if done.returncode != status:
        raise AssertionError(f"{' '.join(words)}: exit {done.returncode}, not {status}\n{done.stderr}")
    return done


class Guards(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="nearsky-test-")
        cls.store, sky = cls.path("store"), cls.path("sky")
        run("simulate", sky, "--stamps", "120", "--seed", "4")
        run("ingest", cls.store, sky)
        run("embed", cls.store, "--model", "random:resnet18:1")
        run("index", cls.store)
        kept = os.path.join(cls.store, "models")
        cls.hash = os.listdir(kept)[0].split(".")[0]
        cls.model = cls.path("m.safetensors")
        shutil.copy(os.path.join(kept, cls.hash + ".safetensors"), cls.model)
        # So few stamps hold next to no artefacts: every sixth is called one here, in turn of every kind.
        kinds = ["trail", "ghost|sky-offset", "bleed", "cosmic-ray", "chip-edge", "missing-band"]
        with open(os.path.join(sky, "truth.csv")) as file:
            rows = list(csv.DictReader(file))
        for i, row in enumerate(rows):
            row["artefacts"] = kinds[i // 6 % 6] if i % 6 == 0 else "misaligned" if i % 6 == 1 else ""
        cls.truth = cls.path("truth.csv")
        with open(cls.truth, "w", newline="") as file:
            out = csv.DictWriter(file, rows[0].keys())
            out.writeheader()
            out.writerows(rows)
        cls.guard = cls.path("m.artefact.json")
        run(cls.store, cls.truth, cls.guard, program=TRAIN)
        cls.inside = os.path.join(kept, cls.hash + ".artefact.json")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder.name, name)

    def setUp(self):
        shutil.copy(self.guard, self.path("m.artefact.json.whole"))
        if os.path.exists(self.inside):
            os.remove(self.inside)

    def tearDown(self):
        shutil.move(self.path("m.artefact.json.whole"), self.guard)

    def search(self):
        done = run("search", self.store, "--name", self.first(), "-k", "20", "--format", "csv")
        return list(csv.DictReader(io.StringIO(done.stdout))), done.stderr

    def first(self):
        with open(self.truth) as file:
            return next(csv.DictReader(file))["name"]

    def embed(self):
        return run("embed", self.store, "--model", self.model).stderr

    def test_what_it_learned_from(self):
        with open(self.guard) as file:
            guard = json.load(file)
        counts = [(c["class"], c["ids"]) for c in guard["labels"]["classes"]]
        self.assertEqual(counts, [(counts[0][0], []), ("artefact", [])])
        self.assertAlmostEqual(guard["outputs"][0]["calibration"]["prevalence"], 0.2, delta=1e-5)
        self.assertEqual(guard["prevalence_source"], "stated")
        self.assertLess(os.path.getsize(self.guard), 100_000)

    def test_hits_carry_its_probability(self):
        """As rank, an independent way, has it: to the four digits that are shown."""
        self.assertTrue(all(row["artefact"] == "" for row in self.search()[0]))
        self.assertNotIn("guard", self.embed())
        with open(self.guard, "rb") as a, open(self.inside, "rb") as b:
            self.assertEqual(a.read(), b.read())
        ranked = run("rank", self.store, "--probe", self.guard, "--all").stdout
        wanted = {row["id"]: float(row["probability"]) for row in csv.DictReader(io.StringIO(ranked))}
        rows, _ = self.search()
        self.assertEqual(len(rows), 20)
        for row in rows:
            self.assertAlmostEqual(float(row["artefact"]), wanted[row["id"]], delta=1e-4)
        self.assertEqual(run("verify", self.store).stdout.strip(), "sound")
        self.check_server(rows, wanted)

    def check_server(self, rows, wanted):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = subprocess.Popen([NEARSKY, "serve", self.store, "--port", str(port)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        api = f"http://127.0.0.1:{port}/api/v1/objects/{rows[0]['id']}"
        try:
            for _ in range(300):
                try:
                    one = json.load(urllib.request.urlopen(api, timeout=20))
                    break
                except OSError:
                    time.sleep(0.1)
            hits = json.load(urllib.request.urlopen(api + "/neighbors?k=9", timeout=20))["hits"]
            text = urllib.request.urlopen(api + "/neighbors?k=9&format=csv", timeout=20).read().decode()
        finally:
            server.terminate()
            server.wait(30)
        self.assertAlmostEqual(one["artefact"], wanted[one["id"]], delta=1e-4)
        self.assertEqual(len(hits), 9)
        for hit, row in zip(hits, csv.DictReader(io.StringIO(text))):
            self.assertAlmostEqual(hit["artefact"], wanted[hit["id"]], delta=1e-4)
            self.assertTrue(math.isclose(hit["artefact"], float(row["artefact"])))

    def test_another_models_is_refused(self):
        before = self.search()[0]
        with open(self.guard) as file:
            guard = json.load(file)
        guard["model"]["sha256"] = "ab" * 32
        with open(self.guard, "w") as file:
            json.dump(guard, file)
        self.assertIn("guard", self.embed())
        self.assertFalse(os.path.exists(self.inside))
        shutil.copy(self.guard, self.inside)  # somebody puts it there all the same
        rows, words = self.search()
        self.assertEqual(rows, before)
        self.assertIn("train it again", words)
        self.assertIn("another model", run("verify", self.store, status=1).stderr)

    def test_a_damaged_one_is_named(self):
        before = self.search()[0]
        with open(self.guard) as file:
            whole = file.read()
        guard = json.loads(whole)
        del guard["outputs"][0]["calibration"]
        for text in (whole[:-100], "", "{}", json.dumps(guard)):
            with open(self.guard, "w") as file:
                file.write(text)
            self.assertIn("m.artefact.json", self.embed())
            self.assertFalse(os.path.exists(self.inside))
            shutil.copy(self.guard, self.inside)
            rows, words = self.search()
            self.assertEqual(rows, before)
            self.assertIn(self.hash + ".artefact.json", words)
            self.assertIn(self.hash + ".artefact.json", run("verify", self.store, status=1).stderr)
            os.remove(self.inside)


if __name__ == "__main__":
    unittest.main()
