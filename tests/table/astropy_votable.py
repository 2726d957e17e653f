"""VOTables as astropy writes them, in each of its encodings, read by read_votable.

usage: astropy_votable.py READ-VOTABLE   (Debian's python3-astropy)
"""

import os
import subprocess
import sys
import tempfile
import unittest
import warnings

try:
    import numpy as np
    from astropy.table import MaskedColumn, Table
except ImportError as missing:
    print(f"NEARSKY-SKIP: {missing}; apt-get install python3-astropy")
    sys.exit(0)

READER = sys.argv.pop(1)
ROWS = 5000  # more than one piece of the file, more than one buffer of rows
ENCODINGS = ("tabledata", "binary", "binary2")


def survey():
    n = np.arange(ROWS)
    rng = np.random.default_rng(1)
    table = Table()
    table["id"] = 2**63 - 1 - n
    table["ra"] = rng.uniform(0, 360, ROWS)
    table["dec"] = rng.normal(0, 1e-6, ROWS)
    table["mag"] = rng.normal(20, 1, ROWS).astype(np.float32)
    table["short"] = (n - 2500).astype(np.int16)
    table["int"] = (-7 * n).astype(np.int32)
    table["byte"] = (n % 256).astype(np.uint8)
    table["flag"] = n % 3 == 0
    table["label"] = np.array(["lens", "not a <lens> & \"more\"", "x"])[n % 3]
    table["word"] = np.array(["caf\u00e9", "\u03b1\u03b2", "", "\u9280\u6cb3"])[n % 4]
    table["flux"] = rng.normal(0, 1, (ROWS, 3)).astype(np.float32)
    table["votes"] = MaskedColumn(n * 0.5, mask=n % 5 == 0)
    return table


def cells(path):
    done = subprocess.run([READER, path], capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode())
    lines = done.stdout.decode().split("\0\n")
    assert lines[-1] == ""
    return lines[0].split("\0"), [line.split("\0") for line in lines[1:-1]]


class VOTables(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        warnings.simplefilter("ignore")
        cls.folder = tempfile.TemporaryDirectory(prefix="nearsky-test-")
        cls.table = survey()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def path(self, encoding):
        path = os.path.join(self.folder.name, encoding + ".vot")
        if not os.path.exists(path):
            self.table.write(path, format="votable", tabledata_format=encoding)
        return path

    def same(self, got, wanted):
        """As assertEqual, which takes minutes to tell how long lists differ."""
        self.assertEqual(len(got), len(wanted))
        for n, pair in enumerate(zip(got, wanted)):
            self.assertEqual(*pair, f"row {n}")

    def test_every_value(self):
        for encoding in ENCODINGS:
            with self.subTest(encoding=encoding):
                names, rows = cells(self.path(encoding))
                self.assertEqual(names, self.table.colnames)
                self.assertEqual(len(rows), ROWS)
                got = dict(zip(names, zip(*rows)))
                for name in ("id", "short", "int", "byte"):
                    self.same([int(v) for v in got[name]], self.table[name].tolist())
                for name in ("ra", "dec", "mag"):
                    dtype = self.table[name].dtype
                    values = np.array(got[name]).astype(dtype)
                    self.assertTrue((values == self.table[name]).all(), name)
                flags = ["1" if v else "0" for v in self.table["flag"]]
                self.same(list(got["flag"]), flags)
                self.same(list(got["label"]), self.table["label"].tolist())
                self.same(list(got["word"]), self.table["word"].tolist())
                flux = np.array([v.split() for v in got["flux"]]).astype(np.float32)
                self.assertTrue((flux == self.table["flux"]).all())
                votes = [None if v.lower() in ("", "nan") else float(v) for v in got["votes"]]
                self.same(votes, self.table["votes"].tolist())

    def test_cut_short(self):
        """Wherever the file ends: a clear error, never fewer rows."""
        for encoding in ENCODINGS:
            with open(self.path(encoding), "rb") as file:
                data = file.read()
            for share in (0.01, 0.3, 0.7, 0.99):
                path = os.path.join(self.folder.name, "cut.vot")
                with open(path, "wb") as file:
                    file.write(data[:int(share * len(data))])
                with self.assertRaisesRegex(RuntimeError, "cut.vot: "):
                    cells(path)


if __name__ == "__main__":
    unittest.main(verbosity=2)
