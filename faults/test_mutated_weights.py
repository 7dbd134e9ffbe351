"""Mutated files of weights: each one is named in an error, and none is executed."""

import io
import json
import pickle
import pickletools
import struct
import time
import zipfile

import numpy as np
import pytest
import torch

from sklearn_gahb import DNNDenoiser
from sklearn_gahb.checkpoints import load, load_published, save
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.networks import UNet

X = make_disk_images(4, 16, random_state=0)
N_OWN, N_PUBLISHED = 100, 100
# A file that is this slow to refuse would hang a server.
SECONDS = 5


class Executed:
    """A class whose pickle creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "network"
    save(DNNDenoiser(width=4, depth=1, max_steps=2, random_state=0).fit(X), path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def published():
    file = io.BytesIO()
    torch.save(UNet(width=4, n_scales=1).state_dict(), file)
    return file.getvalue()


def cut(content, rng, bad):
    return content[: rng.randint(len(content))]


def overwrite(content, rng, bad):
    """Write random bytes over a tenth of the file."""
    start = rng.randint(len(content) * 9 // 10)
    n = len(content) // 10
    return content[:start] + rng.bytes(n) + content[start + n :]


def repeat(content, rng, bad):
    """Repeat a part of the file."""
    start, stop = sorted(rng.randint(1, len(content), 2))
    return content[: stop + 1] + content[start:]


def leave_out(content, rng, bad):
    start = rng.randint(len(content) - 200)
    return content[:start] + content[start + rng.randint(1, 200) :]


def change_header(content, rng, bad):
    """Change a value in the JSON header of safetensors, whose length stays right."""
    (n,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + n])
    name = rng.choice(sorted(header.keys() - {"__metadata__"}))
    odd = [None, -1, 10**18, "F99", [], {}, [0, 10**15], [1.5, 2], "\0", [[]]]
    part = rng.choice(["dtype", "shape", "data_offsets"])
    header[name][part] = odd[rng.randint(len(odd))]
    changed = json.dumps(header).encode()
    return struct.pack("<Q", len(changed)) + changed + content[8 + n :]


def change_description(content, rng, bad):
    """Change the description of the estimator, and leave out its digest."""
    (n,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + n])
    ours = json.loads(header["__metadata__"]["sklearn_gahb"])
    del ours["digest"]
    odd = [None, -1, 10**30, "nope", [], {}, [[[]]], True, 1e300, float("nan")]
    value = odd[rng.randint(len(odd))]
    good = {"architecture": "unet", "width": 4, "depth": 1}
    name = rng.choice(sorted(good))
    if value is True and name != "architecture":
        value = "True"
    if name == "depth" and value is None:
        value = {}
    ours["parameters"][str(name)] = value
    header["__metadata__"]["sklearn_gahb"] = json.dumps(ours)
    changed = json.dumps(header).encode()
    return struct.pack("<Q", len(changed)) + changed + content[8 + n :]


def hide_pickle(content, rng, bad):
    """Replace the file by a pickle that would run code."""
    return pickle.dumps(bad, protocol=rng.randint(6))


def hide_in_archive(content, rng, bad):
    """Replace the pickle in an archive of torch by one that would run code."""
    nested = [bad, {"model": bad}, {"encoder.0.0.weight": bad}, [bad], {bad: 1}]
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as new:
            for name in old.namelist():
                value = old.read(name)
                if name.endswith("data.pkl"):
                    value = pickle.dumps(nested[rng.randint(len(nested))], protocol=2)
                new.writestr(name, value)
    return file.getvalue()


def change_pickle(content, rng, bad):
    """Change bytes of opcodes of the pickle in an archive of torch."""
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as new:
            for name in old.namelist():
                value = bytearray(old.read(name))
                if name.endswith("data.pkl"):
                    places = [place for _, _, place in pickletools.genops(bytes(value))]
                    for place in rng.choice(places, 20):
                        value[place] = rng.randint(256)
                new.writestr(name, bytes(value))
    return file.getvalue()


def change_tensor(content, rng, bad):
    """Give a tensor another shape, dtype or value."""
    state = torch.load(io.BytesIO(content))
    name = sorted(state)[rng.randint(len(state))]
    tensor = state[name]
    others = [
        torch.zeros(0),
        tensor[None],
        tensor.flatten(),
        tensor.to(torch.complex64),
        torch.full_like(tensor, torch.nan),
        torch.full_like(tensor, -torch.inf),
        torch.ones(1).expand(10**5, 10**5),
        tensor.to_sparse(),
        "text",
        None,
    ]
    state[name] = others[rng.randint(len(others))]
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


def rename_tensor(content, rng, bad):
    state = torch.load(io.BytesIO(content))
    names = ["encoder.10000000.0.weight", "decoder.x", "", "encoder..", "conv1.weight"]
    old = sorted(state)[rng.randint(len(state))]
    state[names[rng.randint(len(names))]] = state.pop(old)
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


OWN = [
    *(cut, overwrite, repeat, leave_out),
    *(change_header, change_description, hide_pickle),
]
PUBLISHED = [
    *(cut, leave_out, hide_pickle, hide_in_archive),
    *(change_pickle, change_tensor, rename_tensor),
]


def refuse_all(read, content, mutations, n_files, folder):
    executed = folder / "executed"
    bad = Executed(str(executed))
    (folder / "good").write_bytes(content)
    assert read(folder / "good").width == 4
    for seed in range(n_files):
        rng = np.random.RandomState(seed)
        mutate = mutations[seed % len(mutations)]
        path = folder / f"{mutate.__name__}-{seed}"
        path.write_bytes(mutate(content, rng, bad))
        start = time.perf_counter()
        with pytest.raises(ValueError, match=f"file .*{path.name}"):
            pytest.fail(f"{path.name} was read: {read(path)}")
        assert time.perf_counter() - start < SECONDS, path.name
        assert not executed.exists(), path.name


def test_own_files(own, tmp_path):
    refuse_all(load, own, OWN, N_OWN, tmp_path)


def test_published_files(published, tmp_path):
    refuse_all(load_published, published, PUBLISHED, N_PUBLISHED, tmp_path)
