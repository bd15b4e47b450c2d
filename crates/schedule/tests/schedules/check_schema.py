"""Reads a list from standard input, each entry the path of a JSON Schema, whether the text is a part of a file, and YAML text; prints for each
a list of what is wrong with it by the schema.

YAML is read as YAML 1.2 has it: `22:00` is a text and `on` too.
"""

import json
import re
import sys

import yaml
from jsonschema import Draft202012Validator


class Loader(yaml.BaseLoader):
    pass


for tag, words, first in [
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
]:
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{words})$"), first)
for tag, make in [
    ("null", lambda _: None), ("bool", lambda text: text.lower() == "true"), ("int", int), ("float", float), ("str", str),
]:
    Loader.add_constructor(f"tag:yaml.org,2002:{tag}", lambda loader, node, make=make: make(loader.construct_scalar(node)))
Loader.add_constructor("tag:yaml.org,2002:seq", lambda loader, node: loader.construct_sequence(node, deep=True))
Loader.add_constructor("tag:yaml.org,2002:map", lambda loader, node: loader.construct_mapping(node, deep=True))

# `${VAR}` is Aqueduct's, and YAML takes its braces for its own.
SHIELDED = str.maketrans("{}:#,[]", "\ue000\ue001\ue002\ue003\ue004\ue005\ue006")
BACK = str.maketrans("\ue000\ue001\ue002\ue003\ue004\ue005\ue006", "{}:#,[]")


def plain(value):
    if isinstance(value, dict):
        return {key: plain(of) for key, of in value.items()}
    if isinstance(value, list):
        return [plain(of) for of in value]
    return value.translate(BACK) if isinstance(value, str) else value


validators = {}


def validator(path, partial):
    if (path, partial) not in validators:
        with open(path, encoding="utf-8") as file:
            schema = json.load(file)
        Draft202012Validator.check_schema(schema)
        if partial:
            schema.pop("required", None)
        validators[path, partial] = Draft202012Validator(schema)
    return validators[path, partial]


def leaves(error):
    """What was wrong with each of several forms, where a value may have one of several."""
    for inner in error.context or []:
        yield from leaves(inner)
    if not error.context:
        yield error


answers = []
for path, partial, text in json.load(sys.stdin):
    text = re.sub(r"\$\{[^}\n]*\}", lambda found: found[0].translate(SHIELDED), text)
    wrong = []
    for document in yaml.load_all(text, Loader):
        errors = validator(path, partial).iter_errors(plain(document))
        wrong += [f"{leaf.json_path}: {leaf.message[:300]}" for error in errors for leaf in leaves(error)]
    answers.append(wrong)
print(json.dumps(answers))
