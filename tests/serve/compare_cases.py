"""How the tables of compare_servers.py write the values of a field, and what several of them hold."""

CAPITAL = "The capital of France is"
SUM = "17 + 25 ="
USER = {"role": "user", "content": SUM}
SCHEMA = {"type": "object", "properties": {"a": {"enum": ["b", "c"]}}, "required": ["a"], "additionalProperties": False}
ZONE = {"type": "object", "properties": {"zone": {"enum": ["UTC", "CET"]}}, "required": ["zone"], "additionalProperties": False}
DRAW = {"temperature": 0.9, "seed": 3}


class Case:
    """One value of a field. `more`: other members that it needs. `accepted`: whether it can have companions."""

    def __init__(self, label, value, accepted=True, **more):
        self.label, self.value, self.accepted, self.more = label, value, accepted, more


def good(label, value, **more):
    return Case(label, value, True, **more)


def bad(label, value, **more):
    return Case(label, value, False, **more)


def switch(**more):
    return [good("true", True, **more), good("false", False, **more), bad("text", "x", **more), bad("list", [], **more)]


def number(goods, bads, **more):
    return [good(str(v), v, **more) for v in goods] + [bad(str(v), v, **more) for v in bads] + [bad("text", "x"), good("null", None)]


def text(*goods):
    return [good(v or "empty", v) for v in goods] + [bad("number", 5), bad("list", []), good("null", None)]


def with_name(cases, old, new):
    """The same values where another route calls a member of their companions otherwise."""
    return [Case(one.label, one.value, one.accepted, **{new if name == old else name: value for name, value in one.more.items()}) for one in cases]


def after(*messages):
    return [USER, *messages]
