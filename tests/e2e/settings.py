"""postern.conf as an object that tests change and write again."""


def _literal(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "{" + ", ".join(_literal(item) for item in value) + "}"
    if isinstance(value, int):
        return str(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _lines(values, indent):
    return [f"{indent}{key} = {_literal(value)}" for key, value in values.items() if value is not None]


class Config:
    def __init__(self, **top):
        self.top = top
        self.sections = {}  # (kind, name or "") → values
        self.tail = ""      # appended as it is: for what is wrong on purpose

    def section(self, kind, name="", **values):
        """Adds a section or changes values of one; None takes a value away."""
        section = self.sections.setdefault((kind, name), {})
        section.update(values)
        return section

    def remove(self, kind, name=""):
        del self.sections[kind, name]

    def copy_section(self, kind, name, new, **values):
        self.sections[kind, new] = {**self.sections[kind, name], **values}

    def text(self):
        lines = _lines(self.top, "")
        for (kind, name), values in self.sections.items():
            lines += ["", f"{kind} {name} {{".replace("  ", " "), *_lines(values, "    "), "}"]
        return "\n".join(lines) + "\n" + self.tail
