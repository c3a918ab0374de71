#!/usr/bin/env python3
"""Makes src/messages.txt, the field tables of Kafka's messages, from the schemas in a kafka-clients jar.

    python3 tests/fuzz/schemas.py target/compat/libs/kafka-clients-4.3.0.jar > tests/fuzz/src/messages.txt

A line `request KEY NAME FIRST-LAST FLEXIBLE_FROM` (or `response`), then its fields, as many dots as they are deep:
`. NAME TYPE VERSIONS [null=VERSIONS] [tag=NUMBER@VERSIONS] [entity=KIND] [default=VALUE]`. A structure's type is `{}`.
"""

import json
import re
import sys
import zipfile


def schema(text):
    return json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.M))


def fields(depth, found, structures):
    for field in found:
        name, kind = field["name"], field["type"]
        inner = field.get("fields") or structures.get(kind.removeprefix("[]"))
        if inner:
            kind = "[]{}" if kind.startswith("[]") else "{}"
        line = ["." * depth, name, kind, field["versions"]]
        if "nullableVersions" in field:
            line.append("null=" + field["nullableVersions"])
        if "tag" in field:
            line.append(f"tag={field['tag']}@{field['taggedVersions']}")
        if "entityType" in field:
            line.append("entity=" + field["entityType"])
        default = str(field.get("default", ""))
        if re.fullmatch(r"-?[0-9a-zA-Z.]+", default):
            line.append("default=" + default)
        print(*line)
        if inner:
            fields(depth + 1, inner, structures)


def main():
    jar = zipfile.ZipFile(sys.argv[1])
    names = [name for name in jar.namelist() if re.fullmatch(r"common/message/.*(Request|Response)\.json", name)]
    messages = [schema(jar.read(name).decode()) for name in names]
    served = {m["apiKey"] for m in messages if m["type"] == "request" and "broker" in m.get("listeners", [])}
    kept = [m for m in messages if m.get("apiKey") in served and m["validVersions"] != "none"]
    for message in sorted(kept, key=lambda m: (m["apiKey"], m["type"])):
        name = message["name"].removesuffix("Request").removesuffix("Response")
        versions = message["validVersions"]
        versions = versions if "-" in versions else f"{versions}-{versions}"
        flexible = message["flexibleVersions"].removesuffix("+")
        print(message["type"], message["apiKey"], name, versions, flexible.split("-")[0])
        structures = {s["name"]: s["fields"] for s in message.get("commonStructs", [])}
        fields(1, message["fields"], structures)


main()
