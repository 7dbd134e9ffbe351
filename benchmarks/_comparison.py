"""Helpers for `table.py` and `gpu_table.py`: timing, peak rates, and result files."""

import ctypes
import gc
import json
import multiprocessing
import platform
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from itertools import chain
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from joblib.externals.loky import get_reusable_executor
from torch import nn

CPU = torch.device("cpu")


@dataclass
class Row:
    """One comparison, with costs and floor in `unit` and memory in MiB.

    `costs` and `other_costs` hold the costs in each turn.
    """

    what: str
    other: str
    costs: list
    other_costs: list
    floor: float | None = None
    memory: float | None = None
    unit: str = "s"

    @property
    def cost(self):
        return float(np.median(self.costs))

    @property
    def other_cost(self):
        return float(np.median(self.other_costs))

    @property
    def ratio(self):
        return self.other_cost / self.cost

    @property
    def noise(self):
        """Standard deviation of the logarithm of the ratio over the turns, or None."""
        if len(self.costs) < 2:
            return None
        logarithms = np.log(self.other_costs) - np.log(self.costs)
        return float(logarithms.std(ddof=1))

    @classmethod
    def read(cls, found):
        return cls(**{one.name: found[one.name] for one in fields(cls)})

    def as_dict(self):
        found = asdict(self)
        for name in ("costs", "other_costs"):
            found[name] = np.asarray(found[name], dtype=float).tolist()
        return found | {"ratio": self.ratio, "noise": self.noise}


def seconds(function, device=CPU):
    """Return the seconds of one call, with the work that it starts on the device."""
    synchronize(device)
    start = perf_counter()
    function()
    synchronize(device)
    return perf_counter() - start


def synchronize(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def in_turns(ours, *others, n_repeats=5, device=CPU):
    """Return the seconds of functions in each turn, and the memory of the first."""
    for function in (ours, *others):
        function()
    memory = added_memory(ours, device)
    times = [
        [seconds(function, device) for function in (ours, *others)]
        for _ in range(n_repeats)
    ]
    return list(np.transpose(times)), memory


def added_memory(function, device=CPU):
    """Return the MiB that a call adds at its peak; None for a CPU outside Linux."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        function()
        return (torch.cuda.max_memory_allocated(device) - before) / 2**20
    if not Path("/proc/self/clear_refs").exists():
        return None
    # Otherwise the call could reuse freed memory, which would not count as growth.
    ctypes.CDLL(None).malloc_trim(0)
    before = memory_of_process("VmRSS")
    # Writing 5 resets the peak to the current memory of the process.
    Path("/proc/self/clear_refs").write_text("5")
    function()
    return memory_of_process("VmHWM") - before


def memory_of_process(name):
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith(name)]
    return int(line.split()[1]) / 1024


def processor():
    """Return the model name of the processor."""
    if Path("/proc/cpuinfo").exists():
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def copy_rate():
    """Return the bytes per second that a large copy reads and writes."""
    source = torch.rand(64 * 2**20)
    target = torch.empty_like(source)
    fastest = min(seconds(lambda: target.copy_(source)) for _ in range(20))
    return 2 * source.nbytes / fastest


def exponential_rate():
    """Return the exponentials per second in float32, for values in the cache."""
    values = -torch.rand(2**19)
    target = torch.empty_like(values)
    fastest = min(seconds(lambda: torch.exp(values, out=target)) for _ in range(50))
    return len(values) / fastest


@torch.no_grad()
def peak_rate(dtype, device=CPU):
    """Return the operations per second of a large matrix product or convolution.

    The larger of the two rates is returned. Products and convolutions come from
    different libraries, which favor different processors.
    """
    # These sizes keep a device busy for some milliseconds.
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
    """Measure cases, and print and write their table.

    Parameters
    ----------
    cases : dict of str to callable
        Module-level functions that return lists of rows.
    names : list of str
        Cases to measure. Rows of other cases are kept if the machine is the same.
    output : Path
        Path of the Markdown and JSON files, without suffix.
    machine : dict of str to str or int
        Description of the machine.
    """
    kept = read(output, machine)
    for name in names:
        # Each case runs in its own process, so that its memory is measured alone.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            found = pool.submit(run_case, cases[name]).result()
        for row in found:
            print(f"{row.what}: {row.ratio:.2f}x {row.other}", flush=True)
        kept[name] = [row.as_dict() for row in found]
        rows = {name: kept[name] for name in cases if name in kept}
        write(output, machine, rows)
    print(f"\n{as_markdown(machine, rows)}")


def run_case(case):
    """Return the rows of a case, and end the workers of joblib that it has started.

    A process of a pool waits for idle workers to end, which takes five minutes.
    """
    try:
        return case()
    finally:
        get_reusable_executor().shutdown(kill_workers=True)


def as_markdown(machine, rows):
    lines = [
        ", ".join(f"{name} {value}" for name, value in machine.items())
        + ". Ratio: cost of the other way over that of the package, with its standard "
        "deviation over the turns.",
        "",
        "| what | against | ratio | package | other | floor | memory |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for found in chain.from_iterable(rows.values()):
        row = Row.read(found)
        reached = "" if row.floor is None else f"{100 * row.floor / row.cost:.0f} %"
        memory = "" if row.memory is None else f"{row.memory:.0f} MiB"
        spread = "" if row.noise is None else f" ± {row.ratio * row.noise:.2f}"
        lines.append(
            f"| {row.what} | {row.other} | {row.ratio:.2f}{spread} | {row.cost:.3g} "
            f"{row.unit} | {row.other_cost:.3g} {row.unit} | {reached} | {memory} |"
        )
    return "\n".join(lines) + "\n"


def read(path, machine):
    """Read the rows of each case that were written on the same machine."""
    if not path.with_suffix(".json").exists():
        return {}
    content = json.loads(path.with_suffix(".json").read_text())
    return content["rows"] if content["machine"] == machine else {}


def write(path, machine, rows):
    """Write the rows of each case as Markdown and JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"machine": machine, "rows": rows}, indent=2)
    path.with_suffix(".json").write_text(content + "\n")
    path.with_suffix(".md").write_text(as_markdown(machine, rows))
