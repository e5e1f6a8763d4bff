"""Signatures of what differs between two answers: their shapes, values, errors and log-probabilities."""

import collections
import re

# Objects whose keys are data: their members are compared as elements of a list.
MAPS = re.compile(r"(logprobs\.top_logprobs\[\]|prompt_logprobs\[\])$")
# What depends on the moment, on chance or on what went before.
VOLATILE = {"id", "created", "created_at", "completed_at", "cached_tokens", "system_fingerprint", "owned_by", "root", "server_load", "version",
            "message"}


def kind_of(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return {int: "number", float: "number", str: "text", list: "list", dict: "object"}[type(value)]


def shape_of(value, path="", shape=None):
    """Which kinds of value are found under each path; elements of a list share one."""
    shape = collections.defaultdict(set) if shape is None else shape
    shape[path].add(kind_of(value))
    if isinstance(value, list):
        for element in value:
            shape_of(element, path + "[]", shape)
    elif isinstance(value, dict):
        for key, member in value.items():
            shape_of(member, path + (".*" if MAPS.search(path) else f".{key}" if path else key), shape)
    return shape


def without_null(kinds):
    return [kind for kind in kinds.split("/") if kind != "null"]


def parent_of(path):
    return path[:-2] if path.endswith("[]") else path.rpartition(".")[0]


def shape_differences(kind, ours, other):
    """Paths that one body has alone, but not what is below them, and paths of different kinds."""
    ours, other = shape_of(ours), shape_of(other)
    for path in sorted(set(ours) | set(other)):
        if path and (parent_of(path) not in ours or parent_of(path) not in other):
            continue
        mine, theirs = ("/".join(sorted(shape.get(path, {"absent"}))) for shape in (ours, other))
        if path.endswith("[]") and "absent" in (mine, theirs):
            continue  # an empty list has no kind of element
        if kind.endswith("stream") and without_null(mine) == without_null(theirs):
            continue  # in how many pieces an answer came
        if mine != theirs:
            yield f"{kind} {path}: {mine} here, {theirs} there"


def error_differences(request, ours, other):
    kind = "messages error" if request.path.startswith("/v1/messages") and request.method == "POST" else "error"
    if keys_of(ours.json) != keys_of(other.json):
        yield f"{kind} body: {keys_of(ours.json)} here, {keys_of(other.json)} there, status {other.status}"
    mine, theirs = (answer.json.get("error") if isinstance(answer.json, dict) else None for answer in (ours, other))
    if not isinstance(mine, dict) or not isinstance(theirs, dict):
        if kind_of(mine) != kind_of(theirs) and keys_of(ours.json) == keys_of(other.json):
            yield f"{kind} body: error is {kind_of(mine)} here, {kind_of(theirs)} there"
        return
    yield from shape_differences(kind, {k: v for k, v in mine.items() if k != "param"}, {k: v for k, v in theirs.items() if k != "param"})
    for member in ("type", "code"):
        if mine.get(member) != theirs.get(member):
            yield f"{kind} {member}: {mine.get(member)} here, {theirs.get(member)} there"
    if mine.get("param") != theirs.get("param"):
        yield f"{kind} param: {param_name(request, mine.get('param'))} here, {param_name(request, theirs.get('param'))} there"


def keys_of(value):
    return ", ".join(sorted(value)) if isinstance(value, dict) else kind_of(value)


def param_name(request, param):
    """The param of an error, said in terms of the field under test."""
    if param is None or request.field is None:
        return str(param)
    bare = param.removeprefix("body.")
    if bare == request.field:
        return "field" if bare == param else "body.field"
    if re.match(re.escape(request.field) + r"[.\[]", bare):
        return "place in field" if bare == param else "body.place in field"
    return param


def is_close(mine, theirs):
    if mine is None or theirs is None:
        return mine is theirs
    return abs(mine - theirs) <= 0.1 + 0.1 * abs(theirs)


def logprob_differences(name, mine, theirs):
    if len(mine) != len(theirs):
        yield f"{name}: {len(mine)} log-probabilities here, {len(theirs)} there"
        return
    for i, ((token, value, top), (other_token, other_value, other_top)) in enumerate(zip(mine, theirs)):
        if token != other_token:
            yield f"{name}: token {i} of the log-probabilities is another"
            return
        if len(top or {}) != len(other_top or {}):
            yield f"{name}: {len(top or {})} likeliest tokens here, {len(other_top or {})} there"
            return
        pairs = [(value, other_value)] + [(top[one], other_top[one]) for one in set(top or {}) & set(other_top or {})]
        for one, other in pairs:
            if not is_close(one, other):
                yield f"{name}: a log-probability is another"
                return


def same_prompt_logprobs(mine, theirs):
    if len(mine) != len(theirs):
        return False
    for one, other in zip(mine, theirs):
        if one is None or other is None:
            if one is not other:
                return False
        elif len(one) != len(other) or not all(is_close(one[key]["logprob"], other[key]["logprob"]) for key in set(one) & set(other)):
            return False
    return True


def value_differences(name, mine, theirs, path=""):
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for key in sorted(set(mine) & set(theirs) - VOLATILE):
            yield from value_differences(name, mine[key], theirs[key], f"{path}.{key}" if path else key)
    elif kind_of(mine) == kind_of(theirs) and kind_of(mine) in ("text", "number", "boolean") and mine != theirs:
        yield f"{name}: {path} {mine!r} here, {theirs!r} there"
    elif isinstance(mine, list) and isinstance(theirs, list):
        if all(isinstance(one, dict) for one in mine + theirs):
            for one, other in zip(mine, theirs):
                yield from value_differences(name, one, other, path + "[]")
        elif mine != theirs:
            yield f"{name}: {path} {mine} here, {theirs} there"
