"""Makes a .NET runtime with the OpenAI SDKs out of a program that brings both along.

    unpack.py PROGRAM FOLDER

PROGRAM is the folder of a self-contained .NET program. FOLDER gets what hosts of .NET
look for: host/fxr, shared/Microsoft.NETCore.App, and beside them sdk/ with the SDKs,
as they are. Nothing is compiled or changed.
"""

import json
import shutil
import sys
from pathlib import Path

FRAMEWORK = "Microsoft.NETCore.App"
SDKS = ("OpenAI", "Azure.AI.OpenAI")
# What they need and the program has from a framework that is not unpacked.
OF_ANOTHER_FRAMEWORK = ("Microsoft.Extensions.Logging.Abstractions.dll", "Microsoft.Extensions.DependencyInjection.Abstractions.dll")


def copy(program, names, to):
    to.mkdir(parents=True)
    for name in names:
        shutil.copy(program / name, to)


def unpack(program, folder):
    runs_on = json.loads(next(program.glob("*.runtimeconfig.json")).read_text())["runtimeOptions"]
    version = next(f["version"] for f in runs_on["includedFrameworks"] if f["name"] == FRAMEWORK)
    parts = json.loads(next(program.glob("*.deps.json")).read_text())
    target = parts["runtimeTarget"]["name"]
    parts = parts["targets"][target]
    runtime = next(p for name, p in parts.items() if name.startswith(f"runtimepack.{FRAMEWORK}."))

    shared = folder / "shared" / FRAMEWORK / version
    copy(program, [*runtime["runtime"], *runtime["native"]], shared)
    copy(program, ["libhostfxr.so"], folder / "host" / "fxr" / version)
    name = f"{FRAMEWORK}.Runtime/{version}"
    (shared / f"{FRAMEWORK}.deps.json").write_text(json.dumps({
        "runtimeTarget": {"name": target},
        "targets": {target: {name: runtime}},
        "libraries": {name: {"type": "package", "serviceable": True, "sha512": ""}},
    }))

    needed, wanted = set(), list(SDKS)
    by_name = {full.split("/")[0]: part for full, part in parts.items()}
    while wanted:
        part = by_name[wanted.pop()]
        files = {Path(f).name for f in part.get("runtime", {})}
        if not files <= needed:
            needed |= files
            wanted += part.get("dependencies", {})
    copy(program, [*sorted(needed), *OF_ANOTHER_FRAMEWORK], folder / "sdk")
    (folder / "runtimeconfig.json").write_text(json.dumps({"runtimeOptions": {
        "tfm": runs_on["tfm"], "framework": {"name": FRAMEWORK, "version": version},
        "configProperties": {"System.Globalization.Invariant": True},  # ICU is not there everywhere
    }}))


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
