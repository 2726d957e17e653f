"""Tables from the command line and over HTTP, as NumPy and astropy read them: `search` and `export` in every
format, the order of rows, refusals, files that stay whole, and the server's VOTables and FITS.

usage: exports.py NEARSKY-BINARY   (Debian's python3-numpy and python3-astropy)
"""

import csv
import io
import os
import subprocess
import sys
import tempfile
import unittest
import urllib.request
import warnings

try:
    import numpy as np
    from astropy.io import fits
    from astropy.io.votable import parse
    from astropy.table import Table
except ImportError as missing:
    print(f"NEARSKY-SKIP: {missing}; apt-get install python3-astropy")
    sys.exit(0)

NEARSKY = os.path.abspath(sys.argv.pop(1))
STAMPS = 40
EMBEDDED = 30  # the others come later and have no vector
HITS = "rank,id,name,ra,dec,similarity,mag_g,mag_r,mag_z,z_phot,known,artefact"
OBJECTS = "id,name,ra,dec,mag_g,mag_r,mag_z,z_phot,z_spec,ebv,type,known,source"


def run(*words, status=0, **kw):
    done = subprocess.run([NEARSKY, *words], capture_output=True, timeout=300, **kw)
    if done.returncode != status:
        raise AssertionError(f"nearsky {' '.join(words)}: exit {done.returncode}, not {status}\n{done.stderr}")
    return done


def contents(path):
    with open(path, "rb") as file:
        return file.read()


def strict(data):
    """The table of a VOTable, read by the letter."""
    return parse(io.BytesIO(data), verify="exception").get_first_table().to_table()


class Exports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        warnings.simplefilter("error")
        cls.folder = tempfile.TemporaryDirectory(prefix="nearsky-test-")
        sky, cls.store = cls.path("sky"), cls.path("store")
        run("simulate", sky, "--stamps", str(STAMPS), "--seed", "3")
        cubes = sorted(os.path.join(p, n) for p, _, names in os.walk(sky) for n in names if n.endswith(".fits"))
        run("ingest", cls.store, *cubes[:EMBEDDED])
        run("embed", cls.store, "--model", "random:resnet18:1")
        run("index", cls.store)
        run("ingest", cls.store, *cubes[EMBEDDED:])
        text = run("export", cls.store, "--what", "objects").stdout.decode()
        cls.rows = list(csv.DictReader(io.StringIO(text)))
        cls.id = cls.rows[7]["id"]

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder.name, name)

    def export(self, what, format, *words, suffix=None):
        path = self.path(f"{what}.{suffix or format}")
        run("export", self.store, "--what", what, "--format", format, "--out", path, *words)
        return path

    def test_objects(self):
        self.assertEqual(len(self.rows), STAMPS)
        self.assertEqual(",".join(self.rows[0]), OBJECTS)
        ids = [int(row["id"]) for row in self.rows]
        self.assertTrue(max(ids) > 2**53)
        for table in (Table.read(self.export("objects", "fits")),
                      strict(contents(self.export("objects", "votable")))):
            self.assertEqual(table.colnames, OBJECTS.split(","))
            self.assertEqual([int(i) for i in table["id"]], ids)
            self.assertEqual([str(n) for n in table["name"]], [row["name"] for row in self.rows])
            np.testing.assert_allclose(table["ra"], [float(r["ra"]) for r in self.rows], rtol=0, atol=1e-7)
        commented = run("export", self.store, "--what", "objects", "--comments").stdout.decode()
        self.assertTrue(commented.startswith("# software: nearsky\n"))
        self.assertIn("\n" + OBJECTS + "\n", commented)

    def test_vectors(self):
        half = np.load(self.export("vectors", "npy"))
        self.assertEqual((half.shape, half.dtype), ((EMBEDDED, 512), np.float16))
        np.testing.assert_allclose(np.linalg.norm(half.astype(float), axis=1), 1, atol=1e-3)
        single = np.load(self.export("vectors", "npy", "--values", "float32", suffix="single"))
        self.assertEqual(single.dtype, np.float32)
        self.assertTrue((single == half).all())
        ids = [int(row["id"]) for row in self.rows[:EMBEDDED]]  # the order of --what objects
        for table in (Table.read(self.export("vectors", "fits")),
                      strict(contents(self.export("vectors", "votable")))):
            self.assertTrue((np.asarray(table["vector"]) == single).all())
            self.assertEqual([int(i) for i in table["id"]], ids)
        # Row n is that object's: the server's answer for it, and its nearest by these vectors.
        hits = run("search", self.store, "--id", self.id, "-k", "5", "--exact", "--format", "csv").stdout.decode()
        unit = single.astype(float) / np.linalg.norm(single.astype(float), axis=1, keepdims=True)
        cosine = unit @ unit[7]
        best = [n for n in np.argsort(-cosine, kind="stable") if n != 7][:5]
        for hit, n in zip(csv.DictReader(io.StringIO(hits)), best):
            self.assertAlmostEqual(float(hit["similarity"]), cosine[n], delta=1e-6)
        note = run("export", self.store, "--what", "vectors", "--out", self.path("again.npy")).stderr
        self.assertIn(f"the last {STAMPS - EMBEDDED} objects have no vector yet".encode(), note)

    def test_search(self):
        wanted = list(csv.DictReader(io.StringIO(self.search("csv").decode())))
        self.assertEqual(",".join(wanted[0]), HITS)
        with fits.open(io.BytesIO(self.search("fits"))) as file:
            file.verify("exception")
            header = file[1].header
            self.assertEqual((header["GENERATN"], header["RANDOMW"]), (2, True))
            self.assertEqual(len(header["MODELSHA"]), 64)
            self.assertIn(f"--id {self.id} -k 6", header["QUERY"])
            self.assertNotIn(self.folder.name, repr(header))
            table = Table(file[1].data)
        for found in (table, strict(self.search("votable"))):
            self.assertEqual([str(i) for i in found["id"]], [hit["id"] for hit in wanted])
            np.testing.assert_allclose(found["similarity"], [float(h["similarity"]) for h in wanted], atol=1e-6)
        for format in ("csv", "json", "votable", "fits"):
            out = self.path("hits." + format)
            done = run("search", self.store, "--id", self.id, "-k", "6", "--format", format, "--out", out)
            self.assertEqual(done.stdout, b"")
            self.assertEqual(contents(out), self.search(format))

    def search(self, format):
        return run("search", self.store, "--id", self.id, "-k", "6", "--format", format).stdout

    def test_refusals(self):
        out = self.path("none")
        for words, why in (([], "--what"), (["--what", "votes"], "objects or vectors"),
                           (["--what", "objects", "--format", "npy", "--out", out], "npy"),
                           (["--what", "vectors", "--format", "csv", "--out", out], "csv"),
                           (["--what", "vectors"], "--out"), (["--what", "objects", "--format", "fits"], "--out"),
                           (["--what", "objects", "--format", "fits", "--out", "-"], "--out"),
                           (["--what", "objects", "--format", "xml"], "xml"),
                           (["--what", "objects", "--values", "float16"], "npy"),
                           (["--what", "vectors", "--values", "float64", "--out", out], "float64"),
                           (["--what", "vectors", "--comments", "--out", out], "csv")):
            self.assertIn(why, run("export", self.store, *words, status=2).stderr.decode(), words)
        self.assertIn("--out", run("search", self.store, "--id", self.id, "--out", out, status=2).stderr.decode())
        self.assertFalse(os.path.exists(out))
        nowhere = self.path("absent/out")
        for words in (["objects", "--format", "fits"], ["objects"], ["vectors"]):
            run("export", self.store, "--what", *words, "--out", nowhere, status=1)
        run("export", self.path("nostore"), "--what", "objects", status=1)
        self.assertFalse(os.path.exists(self.path("nostore")))

    def test_full_disk(self):
        for words in (["export", self.store, "--what", "objects"],
                      *(["search", self.store, "--id", self.id, "--format", f] for f in ("csv", "json", "votable", "fits"))):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([NEARSKY, *words], stdout=full, stderr=subprocess.PIPE)
            self.assertEqual(done.returncode, 1, words)
            self.assertIn(b"standard output: cannot write", done.stderr)

    def test_over_http(self):
        server = subprocess.Popen([NEARSKY, "serve", self.store, "--port", "0"], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        try:
            base = server.stdout.readline().strip().rstrip("/")
            ask = lambda path: urllib.request.urlopen(base + path, timeout=30).read()
            row = self.rows[7]
            near = f"ra={row['ra']}&dec={row['dec']}"
            for path, count in ((f"/api/v1/objects?{near}", 1), ("/api/v1/objects/random?n=9", 9),
                                (f"/api/v1/objects/{self.id}/neighbors?k=8", 8)):
                self.assertEqual(len(strict(ask(path + "&format=votable"))), count)
                with fits.open(io.BytesIO(ask(path + "&format=fits"))) as file:
                    file.verify("exception")
                    self.assertEqual(len(file[1].data), count)
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                found = parse(io.BytesIO(ask(f"/vo/scs?{near}&SR=0.001")), verify="warn").get_first_table()
            # The standard asks for UCDs of 2003, which astropy mentions; it must have nothing else to say.
            self.assertEqual([str(w.message).split("'")[1] for w in told],
                             ["ID_MAIN", "POS_EQ_RA_MAIN", "POS_EQ_DEC_MAIN"])
            self.assertEqual([str(i) for i in found.array["id"]], [self.id])
            self.assertEqual([f.ucd for f in found.fields[:3]], ["ID_MAIN", "POS_EQ_RA_MAIN", "POS_EQ_DEC_MAIN"])
            self.assertEqual(str(found.get_field_by_id("ra").unit), "deg")
            error = parse(io.BytesIO(ask("/vo/scs?RA=x&DEC=1&SR=1")), verify="exception")
            self.assertEqual([i.name for i in error.resources[0].infos], ["Error"])
        finally:
            server.terminate()
            server.wait(20)
            server.stdout.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
