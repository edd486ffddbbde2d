#!/usr/bin/env python3
"""Checks the licence of every dependency against the list in .deny.toml, without cargo-deny and without a network.

    licences.py .deny.toml

Prints each package that has no licence from the list, and fails if there is one. An expression is true if a choice of its
alternatives is in the list: `MIT OR GPL-3.0` is fine where MIT is.
"""

import json
import re
import subprocess
import sys
import tomllib

TARGETS = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]


def metadata(target):
    command = ["cargo", "metadata", "--locked", "--format-version=1", f"--filter-platform={target}"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def packages(target):
    """The packages that the product is built from or with; what only its tests use is not shipped."""
    data = metadata(target)
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    by_id = {package["id"]: package for package in data["packages"]}
    todo, seen = [data["resolve"]["root"]], set()
    while todo:
        node = todo.pop()
        if node in seen:
            continue
        seen.add(node)
        for dependency in nodes[node]["deps"]:
            if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]):
                todo.append(dependency["pkg"])
    return {(p["name"], p["version"]): p.get("license") or "" for p in (by_id[node] for node in seen)}


def fine(expression, allowed):
    tokens = re.findall(r"\(|\)|[A-Za-z0-9.+-]+", expression.replace("/", " OR "))
    # SPDX names become truth values; what remains is an expression of `and`, `or` and brackets.
    words, index = [], 0
    while index < len(tokens):
        token = tokens[index]
        if token in ("(", ")"):
            words.append(token)
        elif token in ("AND", "OR"):
            words.append(token.lower())
        else:
            if tokens[index + 1 : index + 2] == ["WITH"]:
                token = f"{token} WITH {tokens[index + 2]}"
                index += 2
            words.append(str(token in allowed))
        index += 1
    return bool(words) and eval(" ".join(words), {"__builtins__": {}})  # only brackets, and, or, True, False


def main():
    with open(sys.argv[1], "rb") as file:
        allowed = set(tomllib.load(file)["licenses"]["allow"])
    found = {}
    for target in TARGETS:
        found.update(packages(target))
    wrong = {package: licence for package, licence in found.items() if not fine(licence, allowed)}
    for (name, version), licence in sorted(wrong.items()):
        print(f"{name} {version}: {licence or 'no licence'} is not in {sys.argv[1]}", file=sys.stderr)
    print(f"{len(found)} packages, {len(wrong)} with a licence that is not allowed")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
