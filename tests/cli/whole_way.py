"""The whole way from the command line: simulate, ingest, embed, index, search, verify; wrong usage; and
kill -9 at random moments of ingest, embed and index, after which running again must end with a store that
`verify` accepts and whose answers equal an uninterrupted run's.

usage: whole_way.py NEARSKY-BINARY   (Python's standard library only)
"""

import csv
import filecmp
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

NEARSKY = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "nearsky"
STAMPS = "80"
MODEL = "random:resnet18:1"
KILLS_EACH = 7  # of each of three commands


def run(*words, status=0):
    done = subprocess.run([NEARSKY, *words], capture_output=True, text=True, timeout=300)
    if done.returncode != status:
        raise AssertionError(f"nearsky {' '.join(words)}: exit {done.returncode}, not {status}\n{done.stderr}")
    return done


def steps(store, sky):
    """The three commands that write a store."""
    return [
        ["ingest", store, sky],
        ["embed", store, "--model", MODEL, "--workers", "2"],
        ["index", store],
    ]


def hits(store, *query):
    return list(csv.DictReader(io.StringIO(run("search", store, *query, "--format", "csv").stdout)))


def answers(store, names):
    return [hits(store, "--name", name, "-k", "10") for name in names]


class WholeWay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="nearsky-test-")
        cls.sky = os.path.join(cls.folder.name, "sky")
        cls.store = os.path.join(cls.folder.name, "store")
        run("simulate", cls.sky, "--stamps", STAMPS, "--seed", "3")
        cls.cubes = sorted(
            os.path.join(path, name)
            for path, _, names in os.walk(cls.sky)
            for name in names
            if name.endswith(".fits")
        )
        cls.names = [os.path.basename(cube)[: -len(".fits")] for cube in cls.cubes[::16]]
        cls.seconds = []
        for words in steps(cls.store, cls.sky):
            started = time.monotonic()
            run(*words)
            cls.seconds.append(time.monotonic() - started)
        cls.expected = answers(cls.store, cls.names)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_store_is_sound(self):
        self.assertEqual(run("verify", self.store).stdout.strip(), "sound")

    def test_own_image_comes_first(self, store=None):
        for cube in self.cubes[::16]:
            first = hits(store or self.store, "--image", cube, "-k", "3")[0]
            self.assertEqual(first["name"], os.path.basename(cube)[: -len(".fits")])
            self.assertGreaterEqual(float(first["similarity"]), 0.9999)

    def test_an_object_is_not_its_own_neighbour(self):
        for name, found in zip(self.names, self.expected):
            self.assertEqual(len(found), 10)
            self.assertNotIn(name, [hit["name"] for hit in found])
            self.assertEqual([hit["rank"] for hit in found], [str(i + 1) for i in range(10)])

    def test_same_input_twice_adds_nothing(self):
        before = run("info", self.store, "--json").stdout
        run("ingest", self.store, self.sky)
        self.assertEqual(run("info", self.store, "--json").stdout, before)

    def test_same_seed_same_bytes(self):
        again = os.path.join(self.folder.name, "again")
        run("simulate", again, "--stamps", STAMPS, "--seed", "3")
        for cube in self.cubes:
            twin = os.path.join(again, os.path.relpath(cube, self.sky))
            self.assertTrue(filecmp.cmp(cube, twin, shallow=False), twin)

    def test_wrong_usage_is_told(self):
        for words in ([], ["nothing"], ["index"], ["search", self.store], ["search", self.store, "--id", "1", "-k", "0"]):
            self.assertIn("nearsky", run(*words, status=2).stderr)
        self.assertIn("no object", run("search", self.store, "--id", "12345", status=1).stderr.lower())
        self.assertNotEqual(run("info", self.folder.name + "/absent", status=1).stderr, "")

    def test_an_index_in_shares(self):
        """What two processes share, and the third run takes over; then nothing to do, and forced training."""
        store = os.path.join(self.folder.name, "shares")
        shutil.copytree(self.store, store)
        lists = ["index", store, "--lists", "4", "--memory", "1G"]
        for wrong in ("0/2", "3/2", "2", "1/2x", "-1/2"):
            self.assertIn("--shard", run(*lists, "--shard", wrong, status=2).stderr)
        ends = []
        for share in ("1/2", "2/2"):
            report = json.loads(run(*lists, "--shard", share, "--json").stdout)
            self.assertEqual((report["generation"], report["up_to_date"]), (0, False))
            ends.append((report["first"], report["rows"]))
        self.assertEqual([ends[0][0], ends[1][1]], [0, int(STAMPS)])
        self.assertEqual(ends[0][1], ends[1][0])
        report = json.loads(run(*lists, "--json").stdout)
        self.assertEqual((report["shared_rows"], report["trained_rows"], report["kept_rows"]), (int(STAMPS), int(STAMPS), 0))
        self.assertIn("up to date", run(*lists, "--retrain").stdout)
        self.assertIn("trained", run("info", store).stdout)
        run("verify", store)

    def test_filters_effort_and_groups(self):
        name = self.names[0]
        every = hits(self.store, "--name", name, "-k", "1000")
        self.assertEqual(len(every), int(STAMPS) - 1)
        for effort in ("fast", "balanced", "exact"):
            self.assertEqual(hits(self.store, "--name", name, "-k", "1000", "--effort", effort), every)
        self.assertEqual(hits(self.store, "--name", name, "--mag-r-max", "30"), [], "no magnitudes are known")
        at = every[3]
        near = hits(self.store, "--name", name, "--cone", f"{at['ra']},{at['dec']},2")
        self.assertIn(at["id"], [h["id"] for h in near])
        ra, dec = float(at["ra"]), float(at["dec"])
        box = ",".join(f"{(ra + x / 100) % 360},{dec + y / 100}" for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1)))
        self.assertIn(at["id"], [h["id"] for h in hits(self.store, "--name", name, "--polygon", box)])
        ids = os.path.join(self.folder.name, "ids.txt")
        with open(ids, "w") as file:
            file.write("id\n# two\n" + every[5]["id"] + "\n\n " + every[2]["id"] + "\n")
        self.assertEqual([h["id"] for h in hits(self.store, "--name", name, "--ids", ids)],
                         [every[2]["id"], every[5]["id"]])
        grouped = hits(self.store, "--name", name, "-k", "1000", "--group", "3600")
        self.assertEqual(sorted(h["id"] for h in grouped), sorted(h["id"] for h in every))
        for hit in grouped:
            leader = hit["group_of"] or hit["id"]
            self.assertEqual([h["rank"] for h in grouped if h["id"] == leader], [hit["rank"]])
        for words in (["--effort", "much"], ["--exact", "--effort", "fast"], ["--type", "odd"], ["--polygon", "1,2"],
                      ["--healpix", "3,ring,1"], ["--healpix", "4,1"], ["--g-r-min", "red"], ["--group", "-1"]):
            run("search", self.store, "--name", name, *words, status=2)
        with open(ids, "w") as file:
            file.write("1\nx\n")
        self.assertIn("line 2", run("search", self.store, "--name", name, "--ids", ids, status=1).stderr)

    def test_objects_come_and_go(self):
        store, sky = (os.path.join(self.folder.name, part) for part in ("living", "more"))
        shutil.copytree(self.store, store)
        run("simulate", sky, "--stamps", "4", "--seed", "8")
        run("ingest", store, sky)
        run("embed", store, "--model", MODEL, "--workers", "2")
        name = self.names[0]
        every = hits(store, "--name", name, "-k", "1000")
        self.assertEqual(len(every), int(STAMPS) + 3, "new objects are found without a new index")
        run("search", store, "--name", name, "--mag-r-max", "30")  # the columns know them too
        gone = every[0]
        json.loads(run("delete", store, "--id", gone["id"], "--json").stdout)
        self.assertEqual([h["id"] for h in hits(store, "--name", name, "-k", "1000")], [h["id"] for h in every[1:]])
        self.assertIn("deleted", run("search", store, "--id", gone["id"], status=1).stderr)
        objects = list(csv.DictReader(io.StringIO(run("export", store, "--what", "objects", "--format", "csv").stdout)))
        self.assertEqual(len(objects), int(STAMPS) + 3)
        self.assertNotIn(gone["id"], [o["id"] for o in objects])
        vectors = os.path.join(self.folder.name, "vectors.npy")
        run("export", store, "--what", "vectors", "--format", "npy", "--out", vectors)
        with open(vectors, "rb") as file:
            self.assertIn(f"({int(STAMPS) + 3}, 512)".encode(), file.read(200))
        self.assertEqual(json.loads(run("info", store, "--json").stdout)["survey"]["rows_deleted"], 1)
        before = json.loads(run("info", store, "--json").stdout)["survey"]["current"]
        run("delete", store, "--id", gone["id"])
        self.assertEqual(json.loads(run("info", store, "--json").stdout)["survey"]["current"], before, "nothing to do")
        run("embed", store, "--model", MODEL)  # does not bring it back
        run("index", store)
        self.assertEqual(run("verify", store).stdout.strip(), "sound")
        self.assertEqual([h["id"] for h in hits(store, "--name", name, "-k", "1000")], [h["id"] for h in every[1:]])
        ids = os.path.join(self.folder.name, "some.txt")
        with open(ids, "w") as file:
            file.write(every[1]["id"] + "\n12345\n")
        self.assertIn("12345", run("delete", store, "--ids", ids, status=1).stderr)
        self.assertEqual(len(hits(store, "--name", name, "-k", "1000")), len(every) - 1, "all or nothing")
        run("delete", store, "--id", gone["id"], "--undo")
        self.assertEqual([h["id"] for h in hits(store, "--name", name, "-k", "1000")], [h["id"] for h in every])
        run("delete", os.path.join(self.folder.name, "absent"), "--id", "5", status=1)
        self.assertFalse(os.path.exists(os.path.join(self.folder.name, "absent")))

    def test_vectors_in_half_the_disk(self):
        store = os.path.join(self.folder.name, "short")
        shutil.copytree(self.store, store)
        done = json.loads(run("embed", store, "--model", MODEL, "--vectors", "int8", "--json").stdout)
        self.assertEqual(done["reused"], int(STAMPS))
        self.assertEqual(done["images_per_s"], 0, "shortened, not computed again")
        run("index", store)
        live = os.path.join(store, "generations", f"{done['generation'] + 1:04}")
        self.assertEqual(os.path.getsize(os.path.join(live, "vectors.i8")), int(STAMPS) * 512)
        self.assertEqual(run("verify", store).stdout.strip(), "sound")
        for expected, found in zip(self.expected, answers(store, self.names)):
            both = {hit["id"] for hit in expected} & {hit["id"] for hit in found}
            self.assertGreaterEqual(len(both), 8)
        self.test_own_image_comes_first(store)
        self.assertIn("int8", run("embed", store, "--vectors", "int4", status=2).stderr)

    def kill_and_finish(self, store, number, dice):
        """Runs the commands in order; the one of this number is killed again and again first."""
        for i, words in enumerate(steps(store, self.sky)):
            for _ in range(KILLS_EACH if i == number else 0):
                process = subprocess.Popen(
                    [NEARSKY, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                time.sleep(dice.uniform(0, self.seconds[i]))
                process.send_signal(signal.SIGKILL)
                process.wait()
            run(*words)

    def test_killed_and_run_again_ends_the_same(self):
        dice = random.Random(20)
        for number in range(3):
            with self.subTest(command=["ingest", "embed", "index"][number]):
                store = os.path.join(self.folder.name, f"killed{number}")
                self.kill_and_finish(store, number, dice)
                self.assertEqual(run("verify", store).stdout.strip(), "sound")
                self.assertEqual(answers(store, self.names), self.expected)


if __name__ == "__main__":
    unittest.main(verbosity=2)
