"""Reads message bodies as Python's json module does: with the last of two equal keys, with the first, and with keys compared
without case, as some languages do. One question a line on stdin, one answer a line on stdout; see ParserOracleTests."""
import base64
import json
import sys


def refuse(constant):
    raise ValueError(constant)


def first(pairs):
    made = {}
    for name, value in pairs:
        made.setdefault(name, value)
    return made


def load(text, hook=None):
    return json.loads(text, object_pairs_hook=hook, parse_constant=refuse)


def get(members, name, fold):
    if not isinstance(members, dict):
        return None
    if not fold:
        return members.get(name)
    found = None
    for each, value in members.items():
        if each.casefold() == name:
            found = value
    return found


def normal(value):
    return json.dumps(value, sort_keys=True)


def read(body, question, hook=None, fold=False):
    try:
        message = load(body, hook)
    except (ValueError, RecursionError) as fault:
        return {"error": str(fault)}
    params = get(message, "params", fold)
    name = get(params, "name", fold)
    canonical = question["canonical"]
    expected = None if canonical is None else load(base64.b64decode(canonical).decode(), hook)
    return {
        "method": get(message, "method", fold),
        "tool": name if isinstance(name, str) else None,
        "sameId": normal(get(message, "id", fold)) == normal(load(question["id"])),
        "sameArguments": normal(get(params, "arguments", fold)) == normal(expected),
    }


for line in sys.stdin:
    question = json.loads(line)
    raw = base64.b64decode(question["body"])
    try:
        body = raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        print(json.dumps({"python": {"error": str(fault)}}), flush=True)
        continue
    print(json.dumps({
        "python, last key": read(body, question),
        "python, first key": read(body, question, hook=first),
        "python, keys without case": read(body, question, fold=True),
    }), flush=True)
