#!/usr/bin/env python3
"""Every header of src/ compiles alone."""

import concurrent.futures
import os
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "src"


def compile_alone(path):
    return subprocess.run([os.environ.get("CC", "cc"), "-std=c17", "-Wall", "-Wextra", "-Werror",
                           "-D_GNU_SOURCE", f"-I{SOURCE}", "-include", "base/banned.h", "-fsyntax-only",
                           "-x", "c", "-"],
                          input=f'#include "{path.relative_to(SOURCE)}"\n', text=True,
                          capture_output=True, check=False)


# The one header that is made to be included inside others.
FRAGMENTS = {"channel/schema_end.h"}
headers = [path for path in sorted(SOURCE.rglob("*.h")) if str(path.relative_to(SOURCE)) not in FRAGMENTS]
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
    failed = [done.stderr for done in workers.map(compile_alone, headers) if done.returncode != 0]
print("".join(failed), end="")
sys.exit(1 if failed else 0)
