#!/usr/bin/env python3
"""Every command and option of src/cli/command_table.c stands in man/postern.8, and nothing else does."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "src" / "cli" / "command_table.c"
PAGE = ROOT / "man" / "postern.8"

FIELD = {name: re.compile(rf'\.{name} = "([^"]*)"') for name in ("group", "name", "operands")}
MACRO = re.compile(r'#define (OPTION_\w+)\s*\\?\s*\{"([^"]+)", (NULL|"[^"]*")')
OPTION = re.compile(r'\{"([^"]+)", (NULL|"[^"]*")|(OPTION_\w+)')


def unquoted(value):
    return "" if value == "NULL" else value.strip('"')


def table():
    """Command as it is typed → {option: value}, from the rows of the table."""
    text = TABLE.read_text()
    macros = {macro: (option, unquoted(value)) for macro, option, value in MACRO.findall(text)}
    rows = text[text.index("command_table[] = {"):]
    found = {}
    for row in re.split(r"\n    \{(?=\.)", rows)[1:]:
        fields = {name: (match.group(1) if (match := pattern.search(row.split(".options")[0])) else "")
                  for name, pattern in FIELD.items()}
        if not fields["name"]:
            continue
        words = " ".join(filter(None, ("postern", fields["group"], fields["name"], fields["operands"])))
        options = row.split(".options = ")[1]
        found[words] = dict(macros[macro] if macro else (option, unquoted(value))
                            for option, value, macro in OPTION.findall(options))
    return found


def page():
    """The same, from the sections of the page."""
    found = {}
    for section in re.split(r"^\.S[sh] ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        if title.startswith("postern "):
            found[title] = {option: value.replace("Cm ", "").replace("Ar ", "").replace(" ", "")
                            for option, value in re.findall(r"^\.It Fl -([\w-]+) ?(.*)$", body,
                                                            re.MULTILINE)}
    return found


def problems():
    wanted, described = table(), page()
    for words in sorted(wanted.keys() | described.keys()):
        if words not in described:
            yield f"man/postern.8 does not describe {words}"
        elif words not in wanted:
            yield f"man/postern.8 describes {words}, which the table does not have"
        elif wanted[words] != described[words]:
            yield f"{words}: the table has {wanted[words]}, man/postern.8 has {described[words]}"


found = list(problems())
print("\n".join(found), end="\n" if found else "")
sys.exit(1 if found or len(table()) < 5 else 0)
