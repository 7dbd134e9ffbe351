"""What the tables share: costs of ways side by side, rates of the machine, files."""

import ctypes
import gc
import json
import multiprocessing
import platform
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from torch import nn

CPU = torch.device("cpu")


@dataclass
class Row:
    """One comparison. Costs in `unit`, the floor too; memory in MiB."""

    what: str
    other: str
    cost: float
    other_cost: float
    floor: float | None = None
    memory: float | None = None
    unit: str = "s"

    @property
    def ratio(self):
        return self.other_cost / self.cost


def seconds(function, device=CPU):
    """Time of a call, until the device has done what it was asked."""
    synchronize(device)
    start = perf_counter()
    function()
    synchronize(device)
    return perf_counter() - start


def synchronize(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def in_turns(ours, *others, n_repeats=5, device=CPU):
    """Median seconds of functions that run in turns, and memory that the first adds."""
    for function in (ours, *others):
        function()
    memory = added_memory(ours, device)
    times = [
        [seconds(function, device) for function in (ours, *others)]
        for _ in range(n_repeats)
    ]
    return [float(t) for t in np.median(times, axis=0)], memory


def added_memory(function, device=CPU):
    """MiB that a call adds at its peak; None on the CPU outside Linux."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        function()
        return (torch.cuda.max_memory_allocated(device) - before) / 2**20
    if not Path("/proc/self/clear_refs").exists():
        return None
    # What earlier calls have freed would be taken again unseen.
    ctypes.CDLL(None).malloc_trim(0)
    before = memory_of_process("VmRSS")
    # Sets the peak to what the process has now.
    Path("/proc/self/clear_refs").write_text("5")
    function()
    return memory_of_process("VmHWM") - before


def memory_of_process(name):
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith(name)]
    return int(line.split()[1]) / 1024


def processor():
    """Model name of the processor."""
    if Path("/proc/cpuinfo").exists():
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def copy_rate():
    """Bytes a second that a large copy reads and writes."""
    source = torch.rand(64 * 2**20)
    target = torch.empty_like(source)
    fastest = min(seconds(lambda: target.copy_(source)) for _ in range(20))
    return 2 * source.nbytes / fastest


@torch.no_grad()
def peak_rate(dtype, device=CPU):
    """Operations a second of a large matrix product or convolution, the faster one.

    They are of different libraries, which favor different processors.
    """
    # Sizes that a device is busy with for some milliseconds.
    n, n_images = (2048, 8) if device.type == "cpu" else (8192, 512)
    a = torch.rand(n, n, device=device).to(dtype)
    x = torch.rand(n_images, 256, 32, 32, device=device)
    x = x.to(dtype, memory_format=torch.channels_last)
    layer = nn.Conv2d(256, 256, 3, padding=1, bias=False)
    layer = layer.to(device, dtype, memory_format=torch.channels_last)
    return max(
        operations / min(seconds(function, device) for _ in range(10))
        for operations, function in [
            (2 * n**3, lambda: a @ a),
            (2 * 9 * 256**2 * n_images * 32**2, lambda: layer(x)),
        ]
    )


def run_cases(cases, names, output, machine):
    """Measure, print and write a table.

    Parameters
    ----------
    cases : dict of str to callable
        Functions of modules, which return lists of rows.
    names : list of str
        Those to measure. Rows of others stay if the machine is the same.
    output : Path
        Of the Markdown and the JSON, without suffix.
    machine : dict of str to str or int
    """
    kept = read(output, machine)
    for name in names:
        # A process of its own, so that memory is that of this case.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            found = pool.submit(cases[name]).result()
        for row in found:
            print(f"{row.what}: {row.ratio:.2f}x {row.other}", flush=True)
        kept[name] = [asdict(row) | {"ratio": row.ratio} for row in found]
        rows = {name: kept[name] for name in cases if name in kept}
        write(output, machine, rows)
    print(f"\n{as_markdown(machine, rows)}")


def as_markdown(machine, rows):
    lines = [
        ", ".join(f"{name} {value}" for name, value in machine.items())
        + ". Ratio: cost of the other way over that of the package.",
        "",
        "| what | against | ratio | package | other | floor | memory |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for found in chain.from_iterable(rows.values()):
        row = Row(**{key: value for key, value in found.items() if key != "ratio"})
        reached = "" if row.floor is None else f"{100 * row.floor / row.cost:.0f} %"
        memory = "" if row.memory is None else f"{row.memory:.0f} MiB"
        lines.append(
            f"| {row.what} | {row.other} | {row.ratio:.2f} | {row.cost:.3g} "
            f"{row.unit} | {row.other_cost:.3g} {row.unit} | {reached} | {memory} |"
        )
    return "\n".join(lines) + "\n"


def read(path, machine):
    """Rows by case that were written before on the same machine."""
    if not path.with_suffix(".json").exists():
        return {}
    content = json.loads(path.with_suffix(".json").read_text())
    return content["rows"] if content["machine"] == machine else {}


def write(path, machine, rows):
    """Markdown and JSON of rows by case."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"machine": machine, "rows": rows}, indent=2)
    path.with_suffix(".json").write_text(content + "\n")
    path.with_suffix(".md").write_text(as_markdown(machine, rows))
