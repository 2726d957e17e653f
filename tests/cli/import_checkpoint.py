"""Checkpoints in: those that PyTorch itself writes come out number for number; those that somebody made up are
refused by name, run nothing and leave nothing behind.

usage: import_checkpoint.py NEARSKY-BINARY SCRIPT [MadeUp|RealPyTorch]   (PyTorch for the latter)
"""

import argparse
import collections
import json
import os
import pickle
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile

try:
    import torch
except ImportError:
    torch = None

SCRIPT = os.path.abspath(sys.argv.pop(2))
NEARSKY = os.path.abspath(sys.argv.pop(1))


def nearsky(*words, status=0, env=None):
    done = subprocess.run([NEARSKY, *words], capture_output=True, text=True, timeout=300, env=env)
    if done.returncode != status:
        raise AssertionError(f"nearsky {' '.join(words)}: exit {done.returncode}, not {status}\n{done.stderr}")
    return done


def resnet_shapes(blocks, bottleneck, stem=7):
    """torchvision's names and shapes, heads left out."""
    shapes = {"conv1.weight": (64, 3, stem, stem)}

    def norm(name, n):
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{part}"] = (n,)
        shapes[f"{name}.num_batches_tracked"] = ()

    norm("bn1", 64)
    inner, came = 64, 64
    for layer, count in enumerate(blocks, 1):
        goes = inner * (4 if bottleneck else 1)
        for i in range(count):
            p = f"layer{layer}.{i}."
            convs = [(inner, came, 1), (inner, inner, 3), (goes, inner, 1)] if bottleneck else \
                    [(inner, came, 3), (goes, inner, 3)]
            for j, (o, c, k) in enumerate(convs, 1):
                shapes[f"{p}conv{j}.weight"] = (o, c, k, k)
                norm(f"{p}bn{j}", o)
            if i == 0 and (layer > 1 or bottleneck):
                shapes[p + "downsample.0.weight"] = (goes, came, 1, 1)
                norm(p + "downsample.1", goes)
            came = goes
        inner *= 2
    return shapes


RESNET18 = resnet_shapes([2, 2, 2, 2], False)


def read_safetensors(path):
    with open(path, "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    return metadata, {name: (e["dtype"], e["shape"], data[slice(*e["data_offsets"])]) for name, e in header.items()}


# --- checkpoints made without PyTorch ---


class Torch:
    """Pickles as a global of this name, called with these arguments where there are any."""

    def __init__(self, name, *args):
        self.name, self.args = name, args


class Reference(tuple):
    """A persistent id."""


class Pickler(pickle._Pickler):
    def persistent_id(self, thing):
        return tuple(thing) if isinstance(thing, Reference) else None

    def save(self, thing, save_persistent_id=True):
        if isinstance(thing, Torch):
            module, _, name = thing.name.rpartition(".")
            self.write(b"c" + module.encode() + b"\n" + name.encode() + b"\n")
            if thing.args:
                self.save(tuple(thing.args))
                self.write(b"R")
            return
        super().save(thing, save_persistent_id)


def tensor(key, shape, count=None, offset=0, stride=None, storage="torch.FloatStorage"):
    if stride is None:
        stride, step = [], 1
        for n in reversed(shape):
            stride.insert(0, step)
            step *= n
    count = step if count is None else count
    return Torch("torch._utils._rebuild_tensor_v2", Reference(("storage", Torch(storage), key, "cpu", count)), offset,
                 tuple(shape), tuple(stride), False, collections.OrderedDict())


def dumps(thing):
    import io
    out = io.BytesIO()
    Pickler(out, 2).dump(thing)
    return out.getvalue()


def write_zip(path, pickled, storages=None, folder="archive", extra=(), method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr(f"{folder}/data.pkl", pickled)
        for key, data in (storages or {}).items():
            file.writestr(f"{folder}/data/{key}", data)
        for name, data in extra:
            file.writestr(name, data)


LARGEST = 512 * 512 * 9  # numbers of a ResNet-18's largest tensor
STORAGES = {"0": struct.pack("<f", 0.25) * LARGEST, "v": struct.pack("<f", 1.0) * 512}


def made_up(prefix=""):
    """A state dict of quarters, variances of one, all from two storages: small files, whole networks."""
    state = collections.OrderedDict()
    for name, shape in RESNET18.items():
        if not name.endswith("num_batches_tracked"):
            state[prefix + name] = tensor("v" if "running_var" in name else "0", shape)
    return state, dict(STORAGES)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="nearsky-test-")
        self.addCleanup(self.folder.cleanup)
        self.checkpoint = os.path.join(self.folder.name, "net.ckpt")
        self.out = os.path.join(self.folder.name, "net.safetensors")

    def convert(self, *options):
        return json.loads(nearsky("import", self.checkpoint, "--out", self.out, "--json", *options).stdout)

    def refuse(self, *words, options=()):
        """Nothing is written, by nearsky or the script alone, and the message says what is wrong."""
        before = sorted(os.listdir(self.folder.name))
        done = nearsky("import", self.checkpoint, "--out", self.out, *options, status=1)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(before, sorted(os.listdir(self.folder.name)))


class MadeUp(Case):
    def write(self, thing, storages=None, **how):
        write_zip(self.checkpoint, dumps(thing), storages, **how)

    def test_reads_what_needs_no_pytorch(self):
        state, storages = made_up("module.encoder_q.")
        state["module.encoder_q.fc.weight"] = tensor("fc", (2, 2))
        state["module.queue"] = tensor("q", (128, 8))
        self.write({"epoch": 3, "state_dict": state, "arch": "resnet18"}, storages)  # queue and head: not even there
        report = self.convert("--name", "a net", "--size", "64")
        self.assertEqual(report["prefix"], "module.encoder_q.")
        self.assertEqual(report["dropped"], 2)
        metadata, tensors = read_safetensors(self.out)
        self.assertEqual(len(tensors), 100)
        self.assertEqual(metadata["nsky.name"], "a net")
        self.assertEqual(metadata["nsky.arch"], "resnet18")
        self.assertEqual(len(metadata["nsky.source_sha256"]), 64)
        how = json.loads(metadata["nsky.preprocess"])
        self.assertEqual((how["size"], how["channel"], how["mean"][0]), (64, [2, 1, 0], 0.485))
        self.assertEqual(tensors["bn1.running_var"], ("F32", [64], struct.pack("<64f", *[1.0] * 64)))

    def test_stein_is_recognised(self):
        state, storages = made_up("encoder_q.")
        state.update(made_up("encoder_k.")[0])
        state["queue"] = tensor("q", (128, 8))
        self.write({"state_dict": state, "hyper_parameters": Torch("argparse.Namespace", 1),
                    "callbacks": {Torch("pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"): {"best": 1}},
                    "pytorch-lightning_version": "1.1.0"}, storages)
        report = self.convert()
        self.assertEqual((report["prefix"], report["preprocess"]), ("encoder_q.", "stein"))
        how = json.loads(read_safetensors(self.out)[0]["nsky.preprocess"])
        self.assertEqual((how["stretch"], how["channel"], how["deviation"]), ("stein", [0, 1, 2], [1, 1, 1]))
        self.assertEqual(self.convert("--prefix", "encoder_k.", "--preprocess", "viewer")["prefix"], "encoder_k.")
        self.refuse("'encoder_q.', 'encoder_k.'", options=["--prefix", "x."])

    def test_malicious_pickles_run_nothing(self):
        mark = os.path.join(self.folder.name, "mark")
        state, _ = made_up()
        for name, args in [("os.system", (f"touch {mark}",)), ("posix.system", (f"touch {mark}",)),
                           ("builtins.eval", ("1",)), ("__builtin__.exec", ("1",)), ("builtins.getattr", (1, "real")),
                           ("subprocess.Popen", (["touch", mark],)), ("shutil.rmtree", (mark,)),
                           ("torch.load", ("x",)), ("torch.hub.load", ("x",)), ("importlib.import_module", ("os",)),
                           ("functools.partial", (1,)), ("runpy.run_path", (mark,)), ("pickle.loads", (b"N.",)),
                           ("collections.OrderedDict.__init__", (1,)), ("numpy.load", ("x",)),
                           ("torch._utils._rebuild_tensor_v2.__globals__.get", ("os",))]:
            with self.subTest(name):
                self.write({"state_dict": state, "x": Torch(name, *args)})
                self.refuse(name, "refused")
                self.assertFalse(os.path.exists(mark))

    def test_builders_cannot_be_bent(self):
        build = lambda name, value: dumps(Torch(name))[:-1] + dumps(value)[2:-1] + b"b."
        for name in ["torch._utils._rebuild_tensor_v2", "collections.OrderedDict", "argparse.Namespace",
                     "torch.FloatStorage", "builtins.set"]:
            for value in [{"__class__": 1}, (None, {"__call__": 1, "__init__": 1, "_make": 2}), {"_make": 3}]:
                with self.subTest(name=name, value=value):
                    write_zip(self.checkpoint, build(name, value))
                    self.refuse("net.ckpt")

    def test_wrong_tensors(self):
        for word, bad in [
            ("reaches beyond", tensor("0", (64, 3, 7, 7), offset=LARGEST - 9407)),
            ("reaches beyond", tensor("0", (64, 3, 7, 7), stride=(1 << 40, 49, 7, 1), count=9408)),
            ("reaches beyond", tensor("v", (64, 3, 7, 7), stride=(0, 0, 0, 0), count=512)),
            ("GiB", tensor("0", (1 << 20, 1 << 20, 7, 7))),
            ("GiB", tensor("0", (1 << 61, 1 << 61, 7, 7), stride=(1, 1, 1, 1), count=9408)),
            ("no size", tensor("0", (1 << 61, 1 << 61, 7, 7))),
            ("sides and", tensor("0", (64, 3, 7, 7), stride=(1,), count=1)),
            ("no size", tensor("0", (64, 3, 7, -7), stride=(1, 1, 1, 1), count=1)),
            ("no size", tensor("0", (64, 3, 7, 7), offset=-4)),
            ("no size", tensor("0", (64, 3, 7, "7"), stride=(1, 1, 1, 1), count=1)),
            ("missing", tensor("9999", (64, 3, 7, 7))),
            ("storage '../../etc/passwd'", tensor("../../etc/passwd", (64, 3, 7, 7))),
            ("storage ", tensor("a" * 100, (64, 3, 7, 7))),
            ("no floating-point", tensor("0", (64, 3, 7, 7), storage="torch.LongStorage")),
            ("conv1.weight", tensor("0", (64, 3, 49, 1))),  # right size, wrong shape: nearsky's own check
        ]:
            with self.subTest(word):
                state, storages = made_up()
                state["conv1.weight"] = bad
                self.write(state, storages)
                self.refuse(word)

    def test_wrong_networks(self):
        state, storages = made_up()
        del state["layer4.1.bn2.bias"]
        self.write(state, storages)
        self.refuse("layer4.1.bn2.bias")
        state, storages = made_up()
        state["layer1.0.se.weight"] = tensor("0", (1,))
        self.write(state, storages)
        self.refuse("layer1.0.se.weight")
        state, storages = made_up()
        storages["0"] = struct.pack("<f", float("nan")) * LARGEST
        self.write(state, storages)
        self.refuse("conv1.weight")
        for nothing in [{}, [], 7, {"state_dict": {"fc.weight": tensor("0", (1,))}}, {"a": {"b": {}}}]:
            self.write(nothing)
            self.refuse("no ResNet")
        nested = b"\x80\x02" + b"]" * 200000 + b"."
        write_zip(self.checkpoint, nested)
        self.refuse("net.ckpt")
        two, storages = made_up("a.")
        two.update(made_up("b.")[0])
        self.write(two, storages)
        self.refuse("several networks", "'a.', 'b.'")

    def test_damaged_files(self):
        state, storages = made_up()
        self.write(state, storages)
        with open(self.checkpoint, "rb") as file:
            whole = file.read()
        for length in [0, 1, 3, 100, len(whole) // 2, len(whole) - 30]:
            with self.subTest(length=length):
                with open(self.checkpoint, "wb") as file:
                    file.write(whole[:length])
                self.refuse("net.ckpt")
        flipped = bytearray(whole)
        flipped[whole.index(struct.pack("<f", 0.25) * 8) + 3] ^= 1
        with open(self.checkpoint, "wb") as file:
            file.write(flipped)
        self.refuse("damaged")
        os.unlink(self.checkpoint)
        self.refuse("No such file")
        os.mkdir(self.checkpoint)
        self.refuse("net.ckpt")

    def test_wrong_zips(self):
        state, storages = made_up()
        for word, how in [
            ("compressed", {"method": zipfile.ZIP_DEFLATED}),
            ("instead of one", {"extra": [("other/data.pkl", b"N.")]}),
            ("TorchScript", {"extra": [("archive/constants.pkl", b"N.")]}),
            ("instead of one", {"folder": "a/b"}),
        ]:
            with self.subTest(word):
                self.write(state, storages, **how)
                self.refuse(word)
        with zipfile.ZipFile(self.checkpoint, "w") as file:
            file.writestr("archive/data.pkl", b"\x80\x02N." + b" " * (9 << 20))
        self.refuse("bytes, more than")

    def test_other_formats(self):
        for word, data in [
            ("before 1.6", bytes.fromhex("80028a0a6cfc9c46f9206aa85019") + b".rest"),
            ("bare pickle", dumps({"a": 1})),
            ("safetensors", struct.pack("<Q", 2) + b"{}" + b" " * 20),
            ("no whole zip", b"\x89HDF\r\n\x1a\n" + b"0" * 500),
        ]:
            with self.subTest(word):
                with open(self.checkpoint, "wb") as file:
                    file.write(data)
                self.refuse(word)

    def test_an_older_result_stays_until_the_new_one_is_whole(self):
        with open(self.out, "w") as file:
            file.write("older")
        self.write({})
        self.refuse("no ResNet")
        with open(self.out) as file:
            self.assertEqual(file.read(), "older")

    def test_words(self):
        for words in [[], [self.checkpoint], ["--out", self.out], ["a", "b", "--out", self.out], ["--nonsense"]]:
            nearsky("import", *words, status=2)
        self.assertIn("stein", nearsky("import", "--help").stdout)
        self.write({})
        done = nearsky("import", self.checkpoint, "--out", self.out, status=1, env={"PATH": "/nowhere"})
        self.assertIn("python3", done.stderr)
        state, storages = made_up()
        self.write(state, storages)
        nearsky("import", self.checkpoint, "--out", self.out, "--preprocess", "guess", status=1)
        nearsky("import", self.checkpoint, "--out", self.out, "--size", "4", status=1)
        nearsky("import", self.checkpoint, "--out", os.path.join(self.folder.name, "no", "where"), status=1)

    def test_the_script_alone_writes_the_same(self):
        state, storages = made_up()
        self.write(state, storages)
        self.convert()
        alone = self.out + ".alone"
        subprocess.run([sys.executable, SCRIPT, self.checkpoint, "--out", alone], check=True, capture_output=True)
        with open(alone, "rb") as a, open(self.out, "rb") as b:
            self.assertEqual(a.read(), b.read())


@unittest.skipIf(torch is None, "no PyTorch")
class RealPyTorch(Case):
    def state(self, shapes, prefix="", dtype=None, seed=1):
        generator = torch.Generator().manual_seed(seed)
        state = collections.OrderedDict()
        for name, shape in shapes.items():
            if name.endswith("num_batches_tracked"):
                state[prefix + name] = torch.tensor(1000)
            else:
                values = torch.randn(shape, generator=generator)
                state[prefix + name] = (values.abs() if "var" in name else values).to(dtype or torch.float32)
        return state

    def expect_same(self, state, prefix, dtype="F32"):
        metadata, tensors = read_safetensors(self.out)
        names = {n[len(prefix):] for n in state if n.startswith(prefix) and not n.endswith("tracked")}
        self.assertEqual(set(tensors), {n for n in names if not n.startswith("fc")})
        for name, (kind, shape, data) in tensors.items():
            expected = state[prefix + name].detach().contiguous()
            if expected.dtype == torch.float64:
                expected = expected.to(torch.float32)
            self.assertEqual((kind, shape), (dtype, list(expected.shape)))
            self.assertEqual(data, expected.view(torch.int16 if kind != "F32" else torch.int32).numpy().tobytes(), name)
        return metadata

    def test_all_architectures(self):
        for arch, blocks, bottleneck, stem in [("resnet18", [2, 2, 2, 2], False, 7), ("resnet18", [2, 2, 2, 2], False, 3),
                                               ("resnet34", [3, 4, 6, 3], False, 7), ("resnet50", [3, 4, 6, 3], True, 7)]:
            with self.subTest(arch=arch, stem=stem):
                state = self.state(resnet_shapes(blocks, bottleneck, stem))
                state["fc.weight"], state["fc.bias"] = torch.randn(1000, 512), torch.randn(1000)
                torch.save(state, self.checkpoint)
                report = self.convert()
                self.assertEqual((report["arch"], report["stem"], report["preprocess"]),
                                 (arch, "small" if stem == 3 else "imagenet", "imagenet"))
                self.expect_same(state, "")

    def test_moco_as_fair_saves_it(self):
        state = self.state(RESNET18, "module.encoder_q.")
        state.update(self.state(RESNET18, "module.encoder_k.", seed=2))
        state["module.queue"], state["module.queue_ptr"] = torch.randn(128, 64), torch.tensor([5])
        for part in ("q", "k"):
            state[f"module.encoder_{part}.fc.0.weight"] = torch.randn(8, 8)
        weights = [torch.nn.Parameter(torch.randn(3)) for _ in range(3)]
        optimizer = torch.optim.SGD(weights, 0.1, momentum=0.9)
        sum(w.sum() for w in weights).backward()
        optimizer.step()
        torch.save({"epoch": 7, "arch": "resnet18", "state_dict": state, "optimizer": optimizer.state_dict()},
                   self.checkpoint)
        self.assertEqual(self.convert()["preprocess"], "imagenet")
        self.expect_same(state, "module.encoder_q.")
        self.convert("--prefix", "module.encoder_k.")
        self.expect_same(state, "module.encoder_k.")

    def test_moco_as_lightning_saves_it(self):
        state = self.state(RESNET18, "encoder_q.")
        state.update(self.state(RESNET18, "encoder_k.", seed=2))
        for name in ("queue", "val_queue"):
            state[name], state[name + "_ptr"] = torch.randn(128, 64), torch.tensor([5])
        torch.save({"state_dict": state, "epoch": 1, "global_step": 9, "pytorch-lightning_version": "1.1.0",
                    "hparams_name": "kwargs", "lr_schedulers": [{"base_lrs": [0.03], "last_epoch": 1}],
                    "hyper_parameters": argparse.Namespace(emb_dim=128, lr=0.03),
                    "callbacks": {"best": torch.tensor(0.5), "device": torch.device("cpu"), "size": torch.Size([3])}},
                   self.checkpoint)
        report = self.convert()
        self.assertEqual(report["preprocess"], "stein")
        self.expect_same(state, "encoder_q.")

    def test_number_types(self):
        for dtype, kind in [(torch.float16, "F16"), (torch.bfloat16, "BF16"), (torch.float64, "F32")]:
            with self.subTest(kind):
                state = self.state(RESNET18, dtype=dtype)
                torch.save({"model": state}, self.checkpoint)
                self.convert()
                self.expect_same(state, "", kind)

    def test_shared_and_strided_storages(self):
        state = self.state(RESNET18)
        for name in state:
            if name.endswith("conv1.weight"):
                state[name] = state[name].to(memory_format=torch.channels_last)
        many = torch.randn(512 * 3)
        state["layer4.1.bn1.bias"] = many[512:1024]
        state["layer4.1.bn2.bias"] = many[::3]
        state["layer3.0.downsample.0.weight"] = torch.nn.Parameter(
            torch.randn(128, 256).t().reshape(256, 128, 1, 1).permute(0, 1, 3, 2))
        torch.save(state, self.checkpoint)
        self.convert()
        self.expect_same(state, "")

    def test_legacy_and_script(self):
        torch.save(self.state(RESNET18), self.checkpoint, _use_new_zipfile_serialization=False)
        self.refuse("before 1.6", "torch.save")
        torch.jit.script(torch.nn.Linear(2, 2)).save(self.checkpoint)
        self.refuse("TorchScript")

    def test_a_whole_module_is_refused_by_name(self):
        torch.save(torch.nn.Linear(2, 2), self.checkpoint)
        self.refuse("torch.nn.modules.linear.Linear")

    def test_it_embeds(self):
        sky, store = (os.path.join(self.folder.name, n) for n in ("sky", "store"))
        state = self.state(RESNET18)
        for name in state:
            if "weight" in name and state[name].dim() == 4:
                state[name] *= 0.05
        torch.save(state, self.checkpoint)
        self.convert("--size", "32")
        nearsky("simulate", sky, "--stamps", "3")
        nearsky("ingest", store, sky)
        nearsky("embed", store, "--model", self.out)
        self.assertIn('"net"', nearsky("info", store, "--json").stdout)


if __name__ == "__main__":
    if torch is None and "RealPyTorch" in sys.argv:
        sys.exit(print("NEARSKY-SKIP: python3-torch is not installed: checkpoints of real PyTorch were not tried"))
    unittest.main()
