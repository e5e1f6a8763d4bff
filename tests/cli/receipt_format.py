"""An independent reader of the receipts that docs/receipts.md describes."""

import hashlib
import struct

PARAMS = [("temperature", "f"), ("top_k", "i"), ("top_p", "f"), ("min_p", "f"),
          ("repetition_penalty", "f"), ("presence_penalty", "f"), ("frequency_penalty", "f"),
          ("logit_bias", "biases"), ("seed", "Q"), ("max_tokens", "i"), ("min_tokens", "i"),
          ("ignore_eos", "B"), ("stop", "texts"), ("stop_token_ids", "ids"),
          ("include_stop_str_in_output", "B"), ("skip_special_tokens", "B"), ("logprobs", "i?"),
          ("prompt_logprobs", "i?"), ("echo", "B"), ("max_model_len", "q")]


def sha(data):
    return hashlib.sha256(data).digest()


def text(string):
    data = string.encode()
    return struct.pack("<I", len(data)) + data


def ids(values):
    return b"".join(struct.pack("<i", value) for value in values)


def param(value, kind):
    if kind == "biases":
        return b"".join(struct.pack("<if", token, bias + 0.0) for token, bias in value)
    if kind == "texts":
        return b"".join(text(string) for string in value)
    if kind == "ids":
        return ids(value)
    if kind == "i?":
        return b"" if value is None else struct.pack("<i", value)
    if kind == "Q":
        value = int(value)
    if kind == "f":
        value += 0.0
    return struct.pack("<" + kind, value)


def identity(value):
    return b"s" + value.encode() if isinstance(value, str) else b"i" + struct.pack("<q", value)


def items_before_tokens(receipt):
    yield "id", identity(receipt["id"])
    for name in ("row", "num_rows"):
        yield name, struct.pack("<q", receipt[name])
    yield "model", bytes.fromhex(receipt["model"])
    yield "tokenizer", bytes.fromhex(receipt["tokenizer"] or "")
    yield "numerics", receipt["numerics"].encode()
    for name, kind in PARAMS:
        yield name, param(receipt["params"][name], kind)
    yield "prompt_ids", ids(receipt["prompt_ids"])


def items_after(receipt):
    for token, logit, row in zip(receipt["token_ids"], receipt["logits"], receipt["row_digests"]):
        yield "token", struct.pack("<iI", token, int(logit, 16)) + bytes.fromhex(row)
    yield "finish_reason", receipt["finish_reason"].encode()
    yield "stop_reason", receipt["stop_reason"].encode()
    yield "text", bytes.fromhex(receipt["text"])


def seal(receipt):
    """(marks, head) of everything else in the receipt."""
    link, marks = sha(b"ernie receipt 1"), ""

    def following(before, name, payload):
        return sha(before + text(name) + struct.pack("<Q", len(payload)) + payload)

    for name, payload in items_before_tokens(receipt):
        link = following(link, name, payload)
        marks += link[:4].hex()
    for name, payload in items_after(receipt):
        link = following(link, name, payload)
    return marks, link.hex()


def tensor_digest(name, dtype, shape, values):
    head = text("ernie tensor 1") + text(name) + text(dtype) + struct.pack("<I", len(shape))
    return sha(head + b"".join(struct.pack("<q", dim) for dim in shape) + values).hex()


def model_digest(manifest):
    tensors = sorted(manifest["tensors"], key=lambda tensor: tensor["name"].encode())
    return sha(text("ernie model 1") + text(manifest["config"]) +
               b"".join(bytes.fromhex(tensor["sha256"]) for tensor in tensors)).hex()
