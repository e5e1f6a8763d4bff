"""Names, types, labels and buckets of two pages of metrics, but no values."""

import re
import urllib.request

SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
# Labels whose values depend on the requests that came before.
VOLATILE = {"handler", "method", "status", "model_name"}


def families_of(page):
    """{name: (type, {label: values}, buckets)} of a page in Prometheus' text format."""
    types, families = {}, {}
    for line in page.split("\n"):
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ", 3)
            types[name] = kind
        sample = SAMPLE.match(line)
        if not sample or line.startswith("#"):
            continue
        name = sample[1]
        for suffix in ("_bucket", "_sum", "_count"):
            if name.endswith(suffix) and types.get(name.removesuffix(suffix)) == "histogram":
                name = name.removesuffix(suffix)
        _, labels, buckets = families.setdefault(name, (types.get(name, "untyped"), {}, set()))
        for label, value in LABEL.findall(sample[2] or ""):
            if label == "le":
                buckets.add(float(value))
            else:
                labels.setdefault(label, set()).add(value)
    return families


def page_of(url):
    with urllib.request.urlopen(url + "/metrics", timeout=60) as reply:
        return reply.read().decode()


def compare_metrics(url, other_url):
    """The signatures of the differences."""
    ours, other = families_of(page_of(url)), families_of(page_of(other_url))
    for name in sorted(set(ours) | set(other)):
        if name not in ours or name not in other:
            yield f"metric {name}: {'here' if name in ours else 'there'} alone"
            continue
        for what, mine, theirs in (("type", ours[name][0], other[name][0]), ("labels", sorted(ours[name][1]), sorted(other[name][1])),
                                   ("buckets", sorted(ours[name][2]), sorted(other[name][2]))):
            if mine != theirs:
                yield f"metric {name}: {what} {mine} here, {theirs} there"
        for label in sorted(set(ours[name][1]) & set(other[name][1]) - VOLATILE):
            if name != "vllm:cache_config_info" and ours[name][1][label] != other[name][1][label]:
                yield f"metric {name}: values of {label} {sorted(ours[name][1][label])} here, {sorted(other[name][1][label])} there"
