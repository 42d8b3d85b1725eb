#!/usr/bin/env python3
"""Every log record of src/ stands in man/postern-events.7 with its level and its fields, and nothing
else does. Reads the calls of base/log.h from the sources, through functions that take the event, the
level or a field's name as an argument, or add fields to a record that they are given.

With --list: prints what the sources log."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "man" / "postern-events.7"

STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
LEVEL = re.compile(r"LOG_(DEBUG|INFO|WARNING|ERROR)")
FUNCTION = re.compile(r"^[A-Za-z_][\w *]*?\b(\w+)\(([^;{}]*?)\)\n\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
# Comments and characters such as '"', which are put aside; and strings, which are not.
NOISE = re.compile(r"""/\*.*?\*/|'(?:[^'\\\n]|\\[^\n])+'|"(?:[^"\\\n]|\\.)*\"""", re.DOTALL)
FIELD_CALLS = {"log_text", "log_span", "log_number", "log_id", "log_ip"}


def arguments_at(text, at):
    """The arguments of the call whose opening parenthesis is at text[at]."""
    depth, begun, found, in_string = 0, at + 1, [], False
    for i in range(at, len(text)):
        c = text[i]
        if in_string:
            in_string = c != '"' or text[i - 1] == "\\"
        elif c == '"':
            in_string = True
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth == 0:
                return found + [text[begun:i].strip()]
        elif c == "," and depth == 1:
            found.append(text[begun:i].strip())
            begun = i + 1
    raise ValueError(f"no end of the call in {text[at:at + 60]!r}")


class Function:
    def __init__(self, path, name, parameters, body):
        self.path, self.name, self.body = path, name, body
        self.parameters = [re.split(r"[\s*]+", part.strip())[-1].split("[")[0]
                           for part in parameters.split(",")]
        self.takes_record = "struct log_record *" in parameters
        self.calls = [(match.start(), match.group(1), arguments_at(body, match.end() - 1))
                      for match in re.finditer(r"\b(\w+)\(", body)]


def read_sources():
    functions = []
    for path in sorted((ROOT / "src").rglob("*.c")):
        if path.name == "log.c":
            continue
        text = NOISE.sub(lambda match: match.group(0) if match.group(0)[0] == '"' else "0",
                         path.read_text())
        functions += [Function(path.relative_to(ROOT), *match) for match in FUNCTION.findall(text)]
    return functions


FUNCTIONS = read_sources()
BY_NAME = {}
for one in FUNCTIONS:
    BY_NAME.setdefault(one.name, []).append(one)


def call_sites(function):
    """(caller, arguments) of each call of the function; a static one has them in its own file."""
    for caller in FUNCTIONS:
        if len(BY_NAME[function.name]) > 1 and caller.path != function.path:
            continue
        for _, name, arguments in caller.calls:
            if name == function.name:
                yield caller, arguments


def literals(function, text, pattern, context):
    """What an argument can be: its literals, the caller's where it is a parameter, an array's."""
    if text in function.parameters and context:
        caller, arguments, outer = context
        return literals(caller, arguments[function.parameters.index(text)], pattern, outer)
    if (array := re.fullmatch(r"(\w+)\[\w+\]", text)) and \
            (values := re.search(rf"\b{array.group(1)}\[\] = \{{(.*?)\}}", function.body, re.DOTALL)):
        text = values.group(1)
    found = set(pattern.findall(text))
    if not found:
        raise ValueError(f"{function.path}: {function.name}: no literal in {text!r}")
    return found


def contexts(function, texts):
    """The calls to look at where an argument is a parameter; [None] where none is."""
    if not any(text in function.parameters for text in texts):
        return [None]
    return [(caller, arguments, None) for caller, arguments in call_sites(function)]


def fields_of(function, calls, context):
    found = set()
    for name, arguments in calls:
        if name in FIELD_CALLS:
            found |= literals(function, arguments[1], STRING, context)
        elif name == "log_errno":
            found.add("error")
        elif any("record" in argument.split(".")[0] for argument in arguments):
            for helper in BY_NAME.get(name, []):
                if helper.takes_record:
                    found |= fields_of(helper, [call[1:] for call in helper.calls],
                                       (function, arguments, context))
    return found


def records():
    """(place, events, levels, fields) of each record that the sources can log."""
    for function in FUNCTIONS:
        for at, name, arguments in function.calls:
            if name == "log_sentence":
                for context in contexts(function, arguments[:2]):
                    yield (function, literals(function, arguments[1], STRING, context),
                           literals(function, arguments[0], LEVEL, context), {"text"})
            if name != "log_begin":
                continue
            ends = [call[0] for call in function.calls if call[1] == "log_end" and call[0] > at]
            if not ends:
                raise ValueError(f"{function.path}: {function.name}: log_begin without log_end")
            inside = [call[1:] for call in function.calls if at < call[0] < ends[0]]
            keys = [call[1][1] for call in inside if call[0] in FIELD_CALLS]
            for context in contexts(function, arguments[1:3] + keys):
                yield (function, literals(function, arguments[2], STRING, context),
                       literals(function, arguments[1], LEVEL, context),
                       fields_of(function, inside, context))


def page():
    """Event → (levels, fields) as the page has them."""
    found = {}
    for part in re.split(r"^\.It Ic ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        head, _, body = part.partition("\n")
        body = re.split(r"^\.S[sh] ", body, flags=re.MULTILINE)[0]
        name, _, levels = head.partition(" Pq ")
        found[name] = (set(re.findall(r"\w+", levels)), set(re.findall(r"^\.Va (\w+)", body, re.MULTILINE)))
    return found


def problems():
    described = page()
    seen = {}    # event → what it can have
    logging = {} # function → the same of all events that it logs, since it decides which gets what
    for function, events, levels, fields in records():
        levels = {level.lower() for level in levels}
        of_function = logging.setdefault(function, (set(), set(), set()))
        of_function[0].update(events)
        for levels_and_fields in [of_function[1:]] + [seen.setdefault(one, (set(), set())) for one in events]:
            levels_and_fields[0].update(levels)
            levels_and_fields[1].update(fields)
    for event in sorted(seen.keys() - described.keys()):
        yield f"man/postern-events.7 lacks {event}"
    for event in sorted(described.keys() - seen.keys()):
        yield f"man/postern-events.7 has {event}, which nothing logs"
    for event in sorted(described.keys() & seen.keys()):
        for what, has, may_have in zip(("level", "field"), described[event], seen[event]):
            for one in sorted(has - may_have):
                yield f"man/postern-events.7 has {what} {one} of {event}, which nothing logs"
    for function, (events, *logged) in logging.items():
        for what, index, has in (("level", 0, logged[0]), ("field", 1, logged[1])):
            known = set().union(*(described[event][index] for event in events & described.keys()))
            for one in sorted(has - known):
                yield (f"{function.path}: {function.name}: man/postern-events.7 lacks {what} {one} "
                       f"of {' or '.join(sorted(events))}")


if "--list" in sys.argv:
    for function, events, levels, fields in sorted(records(), key=lambda row: sorted(row[1])):
        print(f"{' | '.join(sorted(events))}: {'/'.join(sorted(levels))} {' '.join(sorted(fields))}"
              f"  ({function.path}: {function.name})")
    sys.exit(0)
found = list(problems())
print("\n".join(found), end="\n" if found else "")
sys.exit(1 if found or not FUNCTIONS else 0)
