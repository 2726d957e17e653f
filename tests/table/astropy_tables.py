"""What astropy, as strict as it can be, reads from the tables that write_tables makes.

usage: astropy_tables.py WRITE-TABLES   (Debian's python3-astropy)
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
import warnings

try:
    import numpy as np
    from astropy.io import fits
    from astropy.io.votable import parse, validate
    from astropy.table import Table
except ImportError as missing:
    print(f"NEARSKY-SKIP: {missing}; apt-get install python3-astropy")
    sys.exit(0)

WRITER = sys.argv.pop(1)
BIG = 2**63 - 1
LABELS = ["x,\"y\"\r\n<z> & 'w' ]]>", "caf\u00e9 \U0001f52d", "bad \ufffd\ufffd \ufffd\ufffd\ufffd end \ufffd \ufffd", ""]
SCORES = np.float32(0.1) * np.arange(1, 5, dtype=np.float32)


def column(table, name):
    """Values with what is masked as None."""
    return [None if v is np.ma.masked else v for v in table[name]]


class Tables(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        warnings.simplefilter("error")  # whatever astropy finds odd is a failure
        cls.folder = tempfile.TemporaryDirectory(prefix="nearsky-test-")
        subprocess.run([WRITER, cls.folder.name], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def check_values(self, table, labels, types):
        ids = column(table, "id")
        self.assertEqual([int(i) for i in ids], [BIG - n for n in range(4)])
        self.assertEqual(column(table, "votes"), [0, None, -2, -3])
        for name, wanted in (("ra", [150.1163219, 151.1163219, None, 153.1163219]),
                             ("score", [*SCORES[:3], None])):
            for got, want in zip(column(table, name), wanted):
                if want is None:
                    self.assertTrue(got is None or np.isnan(got), got)
                else:
                    self.assertEqual(got, want)
        self.assertEqual([v or "" for v in column(table, "label")], labels)
        self.assertEqual([v or "" for v in column(table, "type")], types)

    def test_votable(self):
        for name in ("full", "many", "none"):
            self.assertIn("found no violations", validate(self.path(name + ".vot"), output=None))
        votable = parse(self.path("full.vot"), verify="exception")
        self.assertEqual(votable.version, "1.4")
        table = votable.get_first_table()
        self.check_values(table.to_table(), LABELS, ["REX", "REX", "R?X", ""])
        self.assertEqual([f.datatype for f in table.fields],
                         ["long", "long", "double", "float", "unicodeChar", "char"])
        ra = table.get_field_by_id("ra")
        self.assertEqual((ra.ucd, str(ra.unit), ra.ref), ("pos.eq.ra;meta.main", "deg", "icrs"))
        self.assertEqual(table.get_field_by_id("votes").description, 'How <many> & "who"')
        resource = votable.resources[0]
        self.assertEqual([c.system for c in resource.coordinate_systems], ["ICRS"])
        told = {info.name: info.value for info in resource.infos}
        self.assertEqual(told["query"], "/api/v1/objects?a=1&b=<2>")
        self.assertEqual(told["model_sha256"], "0123456789abcdef" * 4)
        self.assertEqual((told["generation"], told["random_weights"]), ("3", "true"))
        self.assertIn("never trained", told["warning"])
        self.assertEqual(len(Table.read(self.path("many.vot"), format="votable")), 30000)
        none = parse(self.path("none.vot"), verify="exception").get_first_table()
        self.assertEqual((len(none.array), len(none.fields)), (0, 6))

    def test_votable_error(self):
        self.assertIn("found no violations", validate(self.path("error.vot"), output=None))
        votable = parse(self.path("error.vot"), verify="exception")
        self.assertEqual([(i.name, i.value) for i in votable.resources[0].infos],
                         [("Error", "no <RA> \ufffd")])

    def test_fits(self):
        ascii_labels = ["x,\"y\"??<z> & 'w' ]]>", "caf?? ????", "bad ?? ??? end ? ???", ""]
        with fits.open(self.path("full.fits")) as file:
            file.verify("exception")
            header = file[1].header
            self.assertEqual([header[f"TFORM{i}"] for i in range(1, 7)],
                             ["1K", "1K", "1D", "1E", "20A", "4A"])
            self.assertEqual((header["EXTNAME"], header["NAXIS2"]), ("things", 4))
            self.assertEqual((header["TUCD1"], header["TUNIT3"]), ("meta.id;meta.main", "deg"))
            self.assertEqual(header["TCOMM2"], 'How <many> & "who"')
            self.assertEqual(header["TNULL2"], -(2**63))
            self.assertEqual((header["CREATOR"], header["GENERATN"]), ("nearsky", 3))
            self.assertEqual(header["MODELSHA"], "0123456789abcdef" * 4)
            self.assertIs(header["RANDOMW"], True)
            self.assertTrue(header["WARNING"].endswith("Not for science."))  # over several cards
            self.assertEqual(header["NOTE"], 'a?b ? & <c> "d" ?')
        self.check_values(Table.read(self.path("full.fits")), ascii_labels, ["REX", "REX", "R??X", ""])
        many = Table.read(self.path("many.fits"))
        self.assertTrue((many["id"] == BIG - np.arange(30000)).all())
        self.assertTrue((many["ra"][1::4] == 150.1163219 + np.arange(1, 30000, 4)).all())
        with fits.open(self.path("none.fits")) as file:
            file.verify("exception")
            self.assertEqual(len(file[1].data), 0)

    def test_csv(self):
        table = Table.read(self.path("full.csv"), format="ascii.csv", comment="#")
        self.assertEqual(int(table["id"][0]), BIG)
        self.assertEqual(column(table, "votes"), [0, None, -2, -3])
        self.assertEqual(len(table), 4)

    def test_json(self):
        with open(self.path("full.json"), encoding="utf-8") as file:
            answer = json.load(file)
        self.assertEqual([row["id"] for row in answer["things"]], [str(BIG - n) for n in range(4)])
        self.assertEqual(answer["things"][0]["label"], LABELS[0])
        self.assertEqual(answer["stats"]["generation"], 3)
        with open(self.path("none.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["things"], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
