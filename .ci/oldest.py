"""Print constraints on the oldest versions of the dependencies that users install.

    python .ci/oldest.py > build/constraints-oldest.txt

The lower bounds in pyproject.toml become exact versions. The other packages keep their
versions of constraints.txt, so that the tools of the tests do not change.
"""

import re
import tomllib
from pathlib import Path

EXTRAS = "images", "plot", "progress", "bm3d"
# Their versions in constraints.txt need newer packages than the oldest ones, so pip
# chooses other versions.
LEFT_TO_PIP = {"bm4d", "pandas", "scikit-image"}


def normalized(name):
    return re.sub(r"[-_.]+", "-", name).lower()


project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
requirements = [
    *project["dependencies"],
    *(one for extra in EXTRAS for one in project["optional-dependencies"][extra]),
]
oldest = {}
for requirement in requirements:
    name, version = requirement.split(">=")
    oldest[normalized(name)] = version

for line in Path("constraints.txt").read_text(encoding="utf-8").splitlines():
    name = normalized(line.partition("==")[0])
    if not line.startswith("#") and name not in {*oldest, *LEFT_TO_PIP}:
        print(line)
for name, version in sorted(oldest.items()):
    print(f"{name}=={version}")
