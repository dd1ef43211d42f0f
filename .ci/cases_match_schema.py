"""Every case file is valid by the schema that editors are told to use.

Uses the PyPI package jsonschema: the schema's own validator must not be ours.
"""

import json
import pathlib
import sys

import jsonschema

root = pathlib.Path(__file__).resolve().parent.parent
schema = json.loads((root / "spec/case.schema.json").read_text())
validator = jsonschema.validators.validator_for(schema)
validator.check_schema(schema)
files = sorted((root / "cases").glob("*/*.json"))
invalid = 0
for path in files:
    for error in validator(schema).iter_errors(json.loads(path.read_text())):
        print(f"{path.relative_to(root)}: at {error.json_path}: {error.message[:200]}")
        invalid += 1
print(f"{len(files)} case files, {invalid} violations of the schema")
sys.exit(1 if invalid or not files else 0)
