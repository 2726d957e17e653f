"""Tables in every format, by ?format= and by Accept; the Simple Cone Search."""

import csv, io, json
import xml.etree.ElementTree as ET

from http_harness import API, FIRST, OBJECTS, check, equal

VOTABLE, FITS = "application/x-votable+xml", "application/fits"
NS = "{http://www.ivoa.net/xml/VOTable/v1.3}"
HITS = "rank,id,name,ra,dec,similarity,mag_g,mag_r,mag_z,z_phot,known,artefact".split(",")
OBJECT = "id,name,ra,dec,mag_g,mag_r,mag_z,z_phot,z_spec,type,known,separation_arcsec".split(",")


def votable(body):
    """(fields as dictionaries of their attributes, rows as lists of texts, INFOs by name)"""
    root = ET.fromstring(body)
    equal((root.tag, root.get("version")), (NS + "VOTABLE", "1.4"))
    resource = root.find(NS + "RESOURCE")
    equal(resource.get("type"), "results")
    infos = [(i.get("name"), i.get("value")) for i in resource.findall(NS + "INFO")]
    table = resource.find(NS + "TABLE")
    fields = [f.attrib for f in table.findall(NS + "FIELD")]
    rows = [[td.text or "" for td in tr] for tr in table.iter(NS + "TR")]
    return fields, rows, infos


def fits_header(body):
    """Cards of the second HDU by keyword, the first of a name."""
    equal(len(body) % 2880, 0)
    check(body.startswith(b"SIMPLE  ="), body[:30])
    cards = {}
    at = 2880  # the first HDU is one block without data
    while True:
        card = body[at:at + 80].decode("ascii")
        at += 80
        if card.startswith("END "):
            return cards
        value = card[10:].split(" / ")[0].strip().strip("'").strip()
        cards.setdefault(card[:8].strip(), value)


def same_rows(s, path, names, **kw):
    """One table in all formats: the same columns and the same rows."""
    glue = "&" if "?" in path else "?"
    status, headers, body = s.ask(path + glue + "format=csv", **kw)
    equal(status, 200, body)
    rows = list(csv.reader(io.StringIO(body.decode())))
    equal(rows[0], names)

    status, headers, body = s.ask(path + glue + "format=votable", **kw)
    equal((status, headers["Content-Type"]), (200, VOTABLE), path)
    check(headers["Content-Disposition"].endswith('.vot"'), headers)
    equal(headers["X-Nearsky-Generation"], str(FIRST))
    fields, cells, infos = votable(body)
    equal([f["name"] for f in fields], names)
    equal(cells, rows[1:], path)
    check(("software", "nearsky") in infos and infos[0] == ("QUERY_STATUS", "OK"), infos)

    status, headers, body = s.ask(path + glue + "format=fits", **kw)
    equal((status, headers["Content-Type"]), (200, FITS), path)
    check(headers["Content-Disposition"].endswith('.fits"'), headers)
    cards = fits_header(body)
    equal([cards[f"TTYPE{i + 1}"] for i in range(len(names))], names)
    equal(int(cards["NAXIS2"]), len(rows) - 1)
    equal(cards["CREATOR"], "nearsky")
    return rows[1:], fields, infos, cards


def test_formats(s, id, cutout):
    rows, fields, infos, cards = same_rows(s, API + "/objects?ra=150.05&dec=2&radius=40", OBJECT)
    equal(len(rows), 3)
    equal(rows[0][1], 'galaxy 5, "round"')
    ucds = {f["name"]: f.get("ucd") for f in fields}
    equal((ucds["id"], ucds["ra"], ucds["dec"]),
          ("meta.id;meta.main", "pos.eq.ra;meta.main", "pos.eq.dec;meta.main"))
    equal([f["datatype"] for f in fields[:5]], ["long", "unicodeChar", "double", "double", "float"])
    equal([cards[f"TFORM{i}"] for i in (1, 3, 5)], ["1K", "1D", "1E"])
    equal(dict(infos)["query"], "/api/v1/objects?ra=150.05&dec=2&radius=40&format=votable")
    none = same_rows(s, API + "/objects?ra=150.055&dec=2&radius=5", OBJECT)
    equal((none[0], none[3]["NAXIS2"]), ([], "0"))
    cut = same_rows(s, API + "/objects?ra=150.05&dec=2&radius=40&limit=2", OBJECT)
    equal((len(cut[0]), cut[2][-1]), (2, ("QUERY_STATUS", "OVERFLOW")))

    rows, _, infos, cards = same_rows(s, f"{API}/objects/{id}/neighbors?k=7", HITS)
    equal([row[0] for row in rows], [str(i + 1) for i in range(7)])
    told = dict(infos)
    equal((told["generation"], told["random_weights"], told["positive"]), (str(FIRST), "true", "1"))
    model = s.json(API + "/info")["model"]
    equal((told["model"], told["model_sha256"]), (model["name"], model["sha256"]))
    equal((cards["MODELSHA"], cards["GENERATN"], cards["RANDOMW"]),
          (model["sha256"], str(FIRST), "T"))
    check(told["method"] and int(told["scanned"]) == OBJECTS - 1, told)
    check("never trained" in told["warning"], told)

    asked = json.dumps({"positive": [{"id": id}], "k": 3})
    equal(len(same_rows(s, API + "/search", HITS, method="POST", body=asked)[0]), 3)
    up = same_rows(s, API + "/search/upload?k=3&name=%3Cmine%3E%26.fits", HITS, method="POST",
                   body=cutout)
    equal(up[0][0][1], id)  # itself
    equal((dict(up[2])["upload"], up[3]["UPLOAD"]), ("<mine>&.fits", "<mine>&.fits"))
    for format, start in (("votable", b"<?xml"), ("fits", b"SIMPLE  =")):
        status, headers, body = s.ask(API + "/objects/random?n=5&format=" + format)
        check(status == 200 and body.startswith(start), format, body[:200])


def test_accept(s, id):
    path = f"{API}/objects/{id}/neighbors?k=2"
    for accept, type in ((VOTABLE, VOTABLE), (FITS, FITS), (f"{FITS}, */*;q=0.1", FITS),
                         ("*/*", "application/json"), ("text/html", "application/json"),
                         (f"{VOTABLE}, application/json", "application/json")):
        equal(s.ask(path, headers={"Accept": accept})[1]["Content-Type"], type, accept)
    # The address has the last word.
    both = s.ask(path + "&format=votable", headers={"Accept": FITS})
    equal(both[1]["Content-Type"], VOTABLE)
    for odd in ("xml", "VOTABLE", "", "csv,fits"):
        s.problem(path + "&format=" + odd, 400, "format must be json, csv, votable or fits")


def cone(s, query, path="/vo/scs"):
    status, headers, body = s.ask(path + query)
    equal((status, headers["Content-Type"]), (200, VOTABLE), query)
    return votable(body)


def cone_error(s, query, word):
    status, headers, body = s.ask("/vo/scs" + query)
    equal((status, headers["Content-Type"]), (200, VOTABLE), query)
    infos = list(ET.fromstring(body).iter(NS + "INFO"))
    equal([i.get("name") for i in infos], ["Error"], query)
    check(word in infos[0].get("value"), query, infos[0].get("value"))


def test_cone_search(s):
    fields, rows, infos = cone(s, "?RA=150.05&DEC=2&SR=0.0115")
    nearest = s.json(API + "/objects?ra=150.05&dec=2&radius=41.4")["objects"]
    equal([row[0] for row in rows], [o["id"] for o in nearest])
    by_ucd = {f["ucd"]: f for f in fields if "ucd" in f}
    for ucd, type in (("ID_MAIN", "char"), ("POS_EQ_RA_MAIN", "double"),
                      ("POS_EQ_DEC_MAIN", "double")):
        equal(by_ucd[ucd]["datatype"], type)
        equal(sum(f.get("ucd") == ucd for f in fields), 1, ucd)
    equal(infos[-1][0] != "QUERY_STATUS" and infos[0], ("QUERY_STATUS", "OK"))
    for same in ("?ra=150.05&dec=2&sr=0.0115", "?RA=150.05&DEC=%2B2&SR=0.0115&CATALOG=x&odd=1",
                 "?Ra=1.5005e2&Dec=2.0&Sr=.0115&VERB=3&RESPONSEFORMAT=votable"):
        equal(cone(s, same)[1], rows, same)
    least, few, _ = cone(s, "?RA=150.05&DEC=2&SR=0.0115&VERB=1")
    equal([f["name"] for f in least], ["id", "ra", "dec", "name"])
    equal(len(few), len(rows))
    for empty in ("?RA=150.05&DEC=2&SR=0", "?RA=150.05&DEC=2&SR=1&MAXREC=0", "?RA=20&DEC=-60&SR=1"):
        described, none, _ = cone(s, empty)
        equal((described, none), (fields, []), empty)
    some, two, infos = cone(s, "?RA=150.05&DEC=2&SR=3&MAXREC=2")
    equal((len(two), infos[-1]), (2, ("QUERY_STATUS", "OVERFLOW")))
    equal(len(cone(s, "?RA=150.05&DEC=2&SR=3")[1]), OBJECTS)
    equal(len(cone(s, "?RA=360&DEC=2&SR=1")[1]), 0)
    for query, word in (("", "RA, DEC and SR"), ("?RA=1&DEC=2", "RA, DEC and SR"),
                        ("?RA=abc&DEC=2&SR=1", "RA must be a number"),
                        ("?RA=10:00:00&DEC=2&SR=1", "RA must be"), ("?RA=361&DEC=2&SR=1", "RA must be"),
                        ("?RA=1&DEC=91&SR=1", "DEC must be"), ("?RA=1&DEC=2&SR=-1", "SR must be"),
                        ("?RA=1&DEC=2&SR=4", "SR must be"), ("?RA=1&DEC=2&SR=nan", "SR must be"),
                        ("?RA=1&DEC=2&SR=1&VERB=4", "VERB must be"),
                        ("?RA=1&DEC=2&SR=1&MAXREC=-1", "MAXREC must be"),
                        ("?RA=1&DEC=2&SR=1&RESPONSEFORMAT=%3Ccsv%3E", "<csv>")):
        cone_error(s, query, word)
    equal(s.ask("/vo/scs?RA=1&RA=2&DEC=1&SR=1")[0], 400)
    equal(s.problem("/vo/scs", 405, "GET", method="POST", body=b"x")[0]["Allow"], "GET, HEAD")
