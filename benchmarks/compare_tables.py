"""Compare two result files of table.py, and name the rows that became worse.

    python benchmarks/compare_tables.py OLD.json NEW.json

A row is worse if its ratio fell by more than three standard deviations of the
difference, and by more than 5 percent. Rows that were measured in one turn have no
standard deviation; 10 percent is assumed. The script exits with status 1 if a row is
worse.
"""

import json
import math
import sys
from itertools import chain
from pathlib import Path

from _comparison import Row

ASSUMED_NOISE = 0.1


def read_rows(path):
    """Return the machine and the rows of a result file, by what they compare."""
    content = json.loads(Path(path).read_text())
    rows = map(Row.read, chain.from_iterable(content["rows"].values()))
    return content["machine"], {(row.what, row.other): row for row in rows}


def is_worse(old, new):
    """Return whether the ratio of a row fell by more than its noise."""
    noises = [ASSUMED_NOISE if row.noise is None else row.noise for row in (old, new)]
    return math.log(old.ratio / new.ratio) > max(0.05, 3 * math.hypot(*noises))


if __name__ == "__main__":
    (old_machine, old_rows), (new_machine, new_rows) = map(read_rows, sys.argv[1:3])
    if old_machine != new_machine:
        sys.exit(f"The machines differ: {old_machine} and {new_machine}.")
    worse = [
        key
        for key in old_rows.keys() & new_rows
        if is_worse(old_rows[key], new_rows[key])
    ]
    for what, other in sorted(worse):
        ratios = old_rows[what, other].ratio, new_rows[what, other].ratio
        print(f"{what}, against {other}: {ratios[0]:.2f} fell to {ratios[1]:.2f}")
    print(f"{len(worse)} of {len(old_rows.keys() & new_rows)} rows are worse")
    sys.exit(bool(worse))
