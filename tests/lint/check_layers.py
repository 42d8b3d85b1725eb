#!/usr/bin/env python3
"""Dependencies between the folders of src/ point one way: this reads the #includes and says which do
not."""

import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "src"

FOUNDATIONS = {"base", "channel", "protocol", "policy", "pki", "backend", "role"}

# Folder → what it may include besides itself: whole folders, or single headers.
MAY_USE = {
    "base": set(),
    "channel": {"base"},
    "config": {"base"},
    "protocol": {"base"},
    "pki": {"base"},
    "policy": {"base", "channel", "protocol", "config/terms.h"},
    "backend": {"base", "channel", "protocol", "pki", "config/terms.h"},
    "role": {"base", "channel"},
    # The processes never use each other's folders; what two need is a message in channel/schema.def.
    "gate": FOUNDATIONS | {"config/terms.h"},
    "keeper": FOUNDATIONS | {"config/terms.h"},
    "broker": FOUNDATIONS | {"config/terms.h"},
    "revocations": {"base", "channel", "pki", "role"},
    "supervisor": FOUNDATIONS | {"config"},
    "cli": FOUNDATIONS | {"config"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def problems():
    for path in sorted(SOURCE.rglob("*.[chd]*")):
        place = path.relative_to(SOURCE)
        folder = place.parts[0]
        if path.suffix not in (".c", ".h", ".def") or len(place.parts) < 2:
            continue
        if folder not in MAY_USE:
            yield f"src/{place}: folder {folder} is not in the table of {__file__}"
            continue
        for included in INCLUDE.findall(path.read_text()):
            other = included.split("/")[0]
            if "/" not in included:
                yield f'src/{place}: includes "{included}"; write its folder too'
            elif other != folder and other not in MAY_USE[folder] and included not in MAY_USE[folder]:
                yield f'src/{place}: {folder} may not use "{included}"'
            elif not (SOURCE / included).exists():
                yield f'src/{place}: "{included}" does not exist'


found = list(problems())
print("\n".join(found), end="\n" if found else "")
sys.exit(1 if found else 0)
