"""Import times of the package, as ratios to those of the packages that it needs.

    python benchmarks/import_time.py

`import sklearn_gahb` loads no other package, so it has to be faster than NumPy. A
denoiser needs torch and scikit-learn, and must not take much longer than they do.
Imports take turns in fresh processes, and the ratio compares the shortest times. The
script fails if a ratio is above its limit.
"""

import subprocess
import sys

# What is imported, what it is compared with, and the limit of the ratio.
COMPARISONS = [
    ("import sklearn_gahb", "import numpy", 1.0),
    ("from sklearn_gahb import WienerDenoiser", "import sklearn.base, torch", 2.0),
    ("from sklearn_gahb import DNNDenoiser", "import sklearn.base, torch", 2.0),
]
N_TURNS = 5
MEASURE = """
import time
start = time.perf_counter()
{}
print(time.perf_counter() - start)
"""


def seconds(statement):
    command = [sys.executable, "-c", MEASURE.format(statement)]
    return float(subprocess.run(command, check=True, capture_output=True).stdout)


too_slow = False
print("| import | seconds | compared with | seconds | ratio | limit |")
print("| --- | --- | --- | --- | --- | --- |")
for ours, theirs, limit in COMPARISONS:
    seconds(ours)  # writes the bytecode, if there is none yet
    turns = [(seconds(ours), seconds(theirs)) for _ in range(N_TURNS)]
    our_time, their_time = map(min, zip(*turns, strict=True))
    ratio = our_time / their_time
    too_slow = too_slow or ratio > limit
    print(
        f"| `{ours}` | {our_time:.3f} | `{theirs}` | {their_time:.3f} | {ratio:.2f} "
        f"| {limit} |"
    )
sys.exit(too_slow)
