"""JSON Schema, as far as the schemas in docs/schema use it: no package is needed."""

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int,
         "number": (int, float)}


def problems(value, schema, where="$", root=None):
    """What of `value` is not as `schema` says. `root`: where $ref looks; the schema itself."""
    root = root or schema
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return problems(value, root["$defs"][name], where, root)
    if "oneOf" in schema:
        each = [problems(value, choice, where, root) for choice in schema["oneOf"]]
        return [] if each.count([]) == 1 else [f"{where}: not one of the kinds"] + sum(each, [])
    found = []
    if "type" in schema:
        is_bool = isinstance(value, bool) and schema["type"] != "boolean"
        if is_bool or not isinstance(value, TYPES[schema["type"]]):
            return [f"{where}: {value!r} is no {schema['type']}"]
    if "const" in schema and value != schema["const"]:
        found.append(f"{where}: {value!r} is not {schema['const']!r}")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where}: {value!r} is none of {schema['enum']}")
    if "minimum" in schema and value < schema["minimum"]:
        found.append(f"{where}: {value} is too small")
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        found.append(f"{where}: {value} is too small")
    if "maximum" in schema and value > schema["maximum"]:
        found.append(f"{where}: {value} is too large")
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            found.append(f"{where}: too few items")
        for i, item in enumerate(value):
            found += problems(item, schema.get("items", {}), f"{where}[{i}]", root)
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        found += [f"{where}: no {key}" for key in schema.get("required", []) if key not in value]
        for key, item in value.items():
            if key in properties:
                found += problems(item, properties[key], f"{where}.{key}", root)
            elif schema.get("additionalProperties") is False:
                found.append(f"{where}: unknown {key}")
    return found
