#!/usr/bin/python3
"""The peer of `nearsky ingest` on bricks: astropy and Cutout2D.

    bench/peer_astropy.py SKY OUT IDIOM

Reads every brick of SKY, keeps the galaxies that nearsky keeps, cuts 152 x 152 pixels in three bands
around each, and writes them to OUT as nearsky's store holds them: float16, zstd level 1, rows in
SQLite. IDIOM "documented" is Cutout2D as its manual shows it (a SkyCoord and a WCS each); "tuned"
converts all positions at once and cuts by pixel. Prints JSON; imports are not counted.
"""
import glob
import json
import os
import re
import sqlite3
import sys
import time
import warnings

import astropy
import numpy
import zstandard
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import Cutout2D
from astropy.wcs import WCS

SIDE = 152
MAG_Z_MAX = 20.5


def magnitudes(table, band):
    with numpy.errstate(divide="ignore", invalid="ignore"):
        return 22.5 - 2.5 * numpy.log10(table[f"flux_{band}"] / table[f"mw_transmission_{band}"])


def read_catalogue(path):
    table = fits.getdata(path, 1)
    types = numpy.char.strip(table["type"])
    keep = table["brick_primary"].astype(bool) & (magnitudes(table, "z") < MAG_Z_MAX)
    return table[keep & (types != "PSF") & (types != "DUP")]


def read_images(pattern):
    images = []
    for band in "grz":
        with fits.open(pattern.replace("*", band), memmap=False) as hdus:
            images.append(hdus[1].data)
            if band == "g":
                wcs = WCS(hdus[1].header)
    return images, wcs


def cut(images, position, wcs):
    stamp = numpy.stack([Cutout2D(image, position, SIDE, wcs=wcs, mode="partial",
                                  fill_value=numpy.nan).data for image in images])
    for plane in stamp:
        missing = plane == 0
        if missing.mean() >= 0.05:
            plane[missing] = numpy.nan
    return stamp


def ingest_brick(pattern, tractor, idiom, compressor, pack, database):
    images, wcs = read_images(pattern)
    table = read_catalogue(tractor)
    sky = SkyCoord(table["ra"] * units.deg, table["dec"] * units.deg)
    if idiom == "tuned":
        positions, wcs = numpy.transpose(wcs.world_to_pixel(sky)), None
    else:
        positions = sky
    g, r, z = (magnitudes(table, band) for band in "grz")
    rows = []
    for i, position in enumerate(positions):
        stamp = cut(images, position if wcs else tuple(position), wcs)
        if numpy.isnan(stamp).all(axis=(1, 2)).any():
            continue
        record = compressor.compress(stamp.astype("<f2").tobytes())
        ident = int(table["release"][i]) << 40 | int(table["brickid"][i]) << 16 | int(
            table["objid"][i])
        rows.append((ident, float(table["ra"][i]), float(table["dec"][i]), float(g[i]), float(r[i]),
                     float(z[i]), str(table["type"][i]), pack.tell(), len(record)))
        pack.write(record)
    database.executemany("INSERT INTO objects VALUES (?,?,?,?,?,?,?,?,?)", rows)
    database.commit()
    return len(rows)


def main():
    sky, out, idiom = sys.argv[1:]
    warnings.simplefilter("ignore")
    start, cpu = time.monotonic(), time.process_time()
    os.makedirs(out)
    database = sqlite3.connect(os.path.join(out, "catalogue.db"))
    database.execute("CREATE TABLE objects (id INTEGER PRIMARY KEY, ra, dec, mag_g, mag_r, mag_z,"
                     " type, place, bytes)")
    compressor = zstandard.ZstdCompressor(level=1)
    objects = 0
    with open(os.path.join(out, "stamps.pack"), "wb") as pack:
        for tractor in sorted(glob.glob(os.path.join(sky, "**", "tractor-*.fits"), recursive=True)):
            brick = re.search(r"tractor-(.*)\.fits$", tractor).group(1)
            images = glob.glob(os.path.join(sky, "**", f"legacysurvey-{brick}-image-g.fits*"),
                               recursive=True)[0]
            objects += ingest_brick(re.sub(r"image-g\.", "image-*.", images), tractor, idiom,
                                    compressor, pack, database)
        os.fsync(pack.fileno())
    database.close()
    print(json.dumps({"objects": objects, "wall_s": time.monotonic() - start,
                      "cpu_s": time.process_time() - cpu, "idiom": idiom,
                      "astropy": astropy.__version__, "numpy": numpy.__version__}))


main()
