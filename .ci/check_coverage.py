"""Check how much of the package the tests cover.

    python .ci/check_coverage.py build/coverage.json

The script prints the shares of covered lines and branches, and exits with status 1 if
one of them is below its floor.
"""

import json
import sys
from pathlib import Path

FLOORS = {"lines": 0.95, "branches": 0.90}


def shares(totals):
    """Return the shares of lines and branches that are covered."""
    return {
        "lines": totals["covered_lines"] / totals["num_statements"],
        "branches": totals["covered_branches"] / totals["num_branches"],
    }


if __name__ == "__main__":
    found = shares(json.loads(Path(sys.argv[1]).read_text())["totals"])
    for name, share in found.items():
        print(f"{share:.1%} of {name} (floor {FLOORS[name]:.0%})")
    if any(share < FLOORS[name] for name, share in found.items()):
        sys.exit("Coverage is below its floor: test what is new, or delete it.")
