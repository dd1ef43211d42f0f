#!/usr/bin/env python3
"""Compare two JSON reports of the WAGI conformance suite: `compare.py ONE.json OTHER.json`.

Exits with 1 if a case has another verdict, or another observed behaviour, in the one than in the other.
"""
import json
import sys


def read(path):
    """What a report says of each case: verdict, behaviours and reason."""
    with open(path, encoding="utf-8") as file:
        return {case["id"]: (case["verdict"], case["observed"], case["reason"]) for case in json.load(file)["cases"]}


def compare(one_path, other_path):
    """How many verdicts and behaviours two reports have, and each difference, a text, by its case."""
    one, other = read(one_path), read(other_path)
    differences = {}
    for name in list(one) + [name for name in other if name not in one]:
        a, b = one.get(name, ("missing", [], None)), other.get(name, ("missing", [], None))
        if a[:2] != b[:2]:
            said = [f"  {verdict} {observed} {reason or ''}" for verdict, observed, reason in (a, b)]
            differences[name] = "\n".join([name, *said])
    return len(one.keys() | other.keys()), sum(len(case[1]) for case in one.values()), differences


def main():
    """Print each difference, then how much was compared."""
    verdicts, behaviours, differences = compare(*sys.argv[1:])
    print(*differences.values(), sep="\n", end="\n" if differences else "")
    print(f"{verdicts} verdicts and {behaviours} behaviours compared, {len(differences)} differences")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
