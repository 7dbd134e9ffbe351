"""Check that the files agree on the version, before a release.

    python .ci/check_release.py v0.1.0

The argument is the tag of the release.
"""

import re
import sys
from pathlib import Path

import sklearn_gahb

version = sys.argv[1].removeprefix("v") if len(sys.argv) > 1 else ""
cited = re.search(
    r"^version: (.+)$", Path("CITATION.cff").read_text(encoding="utf-8"), re.M
)[1]
heading = re.search(
    r"^(.+)\n-+$", Path("CHANGELOG.rst").read_text(encoding="utf-8"), re.M
)[1]
found = {
    "sklearn_gahb/__init__.py": sklearn_gahb.__version__,
    "CITATION.cff": cited,
    "CHANGELOG.rst": heading.partition(" ")[0],
}
complaints = [
    f"{file} has the version {other!r}, and the tag has {version!r}"
    for file, other in found.items()
    if other != version
]
if "unreleased" in heading:
    complaints.append(f"CHANGELOG.rst begins with {heading!r}: write the date")
print("\n".join(complaints) or f"All files have the version {version}")
sys.exit(bool(complaints))
