"""Made-up surveys: whole stores, the same from the same seed, however often they were killed on the way; and
everything that works on a store works on them. Usage: survey.py NEARSKY-BINARY"""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

NEARSKY = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "nearsky"
ROWS = 6000


def run(*words, status=0):
    done = subprocess.run([NEARSKY, *words], capture_output=True, text=True, timeout=300)
    if done.returncode != status:
        raise AssertionError(f"nearsky {' '.join(words)}: exit {done.returncode}, not {status}\n{done.stderr}")
    return done


def read(*parts):
    with open(os.path.join(*parts), "rb") as file:
        return file.read()


class Survey(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="nearsky-test-")
        cls.store = cls.path("store")
        cls.report = json.loads(cls.make(cls.store).stdout)
        cls.objects = list(csv.DictReader(io.StringIO(run("export", cls.store, "--what", "objects").stdout)))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder.name, name)

    @staticmethod
    def make(store, *words, status=0):
        return run("bench", "survey", store, "--rows", str(ROWS), "--json", *words, status=status)

    def assert_same(self, store):
        self.assertEqual(run("export", store, "--what", "objects").stdout,
                         run("export", self.store, "--what", "objects").stdout)
        for name in ("vectors.f16", "vectors.blocks"):
            self.assertEqual(read(store, "generations", "0001", name), read(self.store, "generations", "0001", name))

    def test_is_a_store(self):
        self.assertEqual(self.report["rows_made"], ROWS)
        self.assertEqual(self.report["vectors_made"], ROWS)
        self.assertLess(self.report["catalogue_bytes_per_row"], 170)
        self.assertEqual(len(self.objects), ROWS)
        run("verify", self.store)
        about = json.loads(run("info", self.store, "--json").stdout)["survey"]
        self.assertEqual((about["rows"], about["rows_not_embedded"], about["stamp_bytes"]), (ROWS, 0, 0))
        manifest = json.loads(read(self.store, "generations", "0001", "manifest.json"))
        self.assertGreater(manifest["blank_rows"], 0)
        self.assertLess(manifest["blank_rows"], ROWS / 100)

    def test_same_seed_same_bytes(self):
        again = self.path("again")
        self.make(again)
        self.assert_same(again)
        self.assertEqual(read(again, "catalogue.db"), read(self.store, "catalogue.db"))
        self.assertEqual(json.loads(self.make(again).stdout)["vectors_made"], 0)  # there is nothing left to do
        self.assertFalse(os.path.exists(os.path.join(again, "generations", "0002")))
        other = self.path("other")
        self.make(other, "--seed", "2")
        self.assertNotEqual(read(other, "generations", "0001", "vectors.f16"),
                            read(self.store, "generations", "0001", "vectors.f16"))

    def test_killed_it_carries_on(self):
        for how in (signal.SIGKILL, signal.SIGINT):
            store = self.path(f"killed-{how}")
            wait, ends = 0.02, 0
            for _ in range(60):
                process = subprocess.Popen([NEARSKY, "bench", "survey", store, "--rows", str(ROWS)],
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                try:
                    process.wait(wait)
                except subprocess.TimeoutExpired:
                    process.send_signal(how)
                    process.wait(60)
                ends += process.returncode != 0
                wait *= 1.15
                if process.returncode == 0:
                    break
            self.assertGreater(ends, 0)
            self.make(store)
            self.assert_same(store)
            run("verify", store)

    def test_other_objects_are_left_alone(self):
        done = self.make(self.store, "--seed", "3", status=1)
        self.assertIn("holds other objects", done.stderr)
        done = run("bench", "survey", self.store, "--rows", str(ROWS // 2), status=1)
        self.assertIn("holds other objects", done.stderr)
        run("bench", "survey", self.store, "--dim", "100", status=2)
        run("bench", "survey", status=2)
        self.assertEqual(len(self.objects), ROWS)

    def test_served_without_pictures(self):
        server = subprocess.Popen([NEARSKY, "serve", self.store, "--port", "0", "--json"], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait, 30)
        self.addCleanup(server.terminate)
        api = json.loads(server.stdout.readline())["url"] + "api/v1/objects/" + self.objects[3]["id"]
        with urllib.request.urlopen(api) as answer:
            one = json.load(answer)
        self.assertEqual([one[k] for k in ("bands", "pixel_scale", "width", "height")], [None] * 4)
        self.assertTrue(one["embedded"])
        for what in ("image.jpg", "cutout.fits"):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"{api}/{what}")
            self.assertEqual(refused.exception.code, 404)
            problem = json.load(refused.exception)
            self.assertIn("no-picture", problem["type"])
            self.assertNotIn(self.store, problem["detail"])
        with urllib.request.urlopen(f"{api}/neighbors?k=3&group_arcsec=5") as answer:
            self.assertEqual(len(json.load(answer)["hits"]), 3)

    def test_everything_works_on_it(self):
        store = self.path("used")
        self.make(store)
        run("index", store)
        one = self.objects[17]
        hits = json.loads(run("search", store, "--id", one["id"], "-k", "5", "--format", "json").stdout)["hits"]
        self.assertEqual(len(hits), 5)
        near = json.loads(run("search", store, "--radec", f"{one['ra']},{one['dec']}", "--format", "json").stdout)
        self.assertGreater(len(near["hits"]), 0)
        labels = self.path("labels.csv")
        with open(labels, "w") as file:
            file.write("id,label\n" + "".join(f"{h['id']},lens\n" for h in hits) +
                       "".join(f"{o['id']},other\n" for o in self.objects[100:160]))
        probe = self.path("probe.json")
        run("probe", "train", store, "--labels", labels, "--positive", "lens", "--background", "200", "--out", probe)
        ranked = list(csv.DictReader(io.StringIO(run("rank", store, "--probe", probe, "--top", "50").stdout)))
        self.assertEqual(len(ranked), 50)
        suggested = run("probe", "suggest", store, "--probe", probe, "-n", "5").stdout
        self.assertEqual(len(suggested.strip().splitlines()), 6)
        run("delete", store, "--id", one["id"])
        hits = json.loads(run("search", store, "--id", one["id"], status=1).stdout or "{}")
        self.assertEqual(hits, {})
        run("verify", store)
        self.assertIn("picture", run("embed", store, "--model", "random:resnet18:1", status=1).stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
