#!/usr/bin/env python3
"""What int8 costs on real stamps: cosines of a store's int8 vectors to its fp32 ones.

    bench/gpu/int8.py NEARSKY STORE MODEL [CALIBRATION-STORE]

Calibrates on CALIBRATION-STORE (default: STORE itself), embeds STORE in fp32 on the CPU and in int8 on
the card (or on whatever NEARSKY_CUDA_MODULE names), and prints one line of JSON. STORE gets two new
generations: use a copy.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile


def run(nearsky, *words):
    subprocess.run([nearsky, *words], check=True, stdout=subprocess.DEVNULL)


def read_npy(path):
    """Rows of a float16 or float32 .npy, as lists: NumPy need not be there."""
    with open(path, "rb") as file:
        assert file.read(6) == b"\x93NUMPY"
        major = file.read(2)[0]
        length = struct.unpack("<H" if major == 1 else "<I", file.read(2 if major == 1 else 4))[0]
        header = file.read(length).decode()
        rows, dim = (int(n) for n in header.split("(")[1].split(")")[0].split(",")[:2])
        code, size = ("e", 2) if "f2" in header else ("f", 4)
        for _ in range(rows):
            yield struct.unpack(f"<{dim}{code}", file.read(dim * size))


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b))
    square = sum(x * x for x in a) * sum(y * y for y in b)
    return dot / square ** 0.5 if square > 0 else None  # a blank row has no vector


def main():
    nearsky, store, model, *calibration = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        scaled, exact, bytes_ = (os.path.join(folder, n) for n in ("int8.safetensors", "a.npy", "b.npy"))
        run(nearsky, "calibrate", calibration[0] if calibration else store, "--model", model, "--out", scaled)
        run(nearsky, "embed", store, "--model", model, "--device", "cpu", "--precision", "fp32")
        run(nearsky, "export", store, "--what", "vectors", "--format", "npy", "--out", exact)
        run(nearsky, "embed", store, "--model", scaled, "--device", "cuda", "--precision", "int8")
        run(nearsky, "export", store, "--what", "vectors", "--format", "npy", "--out", bytes_)
        cosines = sorted(c for c in map(cosine, read_npy(exact), read_npy(bytes_)) if c is not None)
    print(json.dumps({"stamps": len(cosines), "cosine_min": round(cosines[0], 5),
                      "cosine_percentile_1": round(cosines[len(cosines) // 100], 5),
                      "cosine_mean": round(sum(cosines) / len(cosines), 5)}))


main()
