"""The protocol between a script and the Go test that started it.

A script registers its cases, runs those named on the command line (all of
them where none is named), and prints one JSON line per case:
{"case": ..., "ok": ..., "status": ..., "detail": ...}. status is the HTTP
status of an error that the SDK raised, 0 where it has none.
"""

import asyncio
import hashlib
import inspect
import json
import os
import random
import sys

KEY_BASE = os.environ["E2E_KEY_BASE"]  # asks for a subscription key
TOKEN_BASE = os.environ["E2E_TOKEN_BASE"]  # asks for a token
KEY = os.environ["E2E_KEY"]
TOKEN = os.environ["E2E_TOKEN"]
OTHER = os.environ["E2E_OTHER_KEY"]  # a secret that belongs to somebody else

API_VERSION = "2024-10-21"
TIMEOUT = 20
FIELD = "x-e2e-case"  # by this field the recorder tells the cases apart

_cases = {}


def case(name):
    """Registers the decorated function as a case; it gets its own name."""

    def register(function):
        if name in _cases:
            raise ValueError(f"case {name} is there twice")
        _cases[name] = function
        return function

    return register


def register(name, function):
    case(name)(function)


def prompt(name):
    return f"say {name}"


def check_text(name, text):
    """The look-alike repeats the prompt and explains itself, always alike."""
    start, end = f"You said: {prompt(name)}\n", "holds them back."
    if not text.startswith(start) or not text.endswith(end):
        raise AssertionError(f"not the whole answer: {text!r}")


def check_stream(name, pieces):
    pieces = [p for p in pieces if p]
    if len(pieces) < 20:
        raise AssertionError(f"{len(pieces)} pieces: the answer did not come word by word")
    check_text(name, "".join(pieces))


def check_vector(vector):
    if len(vector) != 1536 or abs(sum(v * v for v in vector) - 1) > 1e-3:
        raise AssertionError(f"not a unit vector of 1536 numbers: {len(vector)} of them")


UPLOAD = random.Random(7).randbytes(300_000)


def check_upload(file):
    found = file.model_dump()
    want = {"filename": "lines.jsonl", "bytes": len(UPLOAD), "purpose": "fine-tune",
            "sha256": hashlib.sha256(UPLOAD).hexdigest()}
    for name, value in want.items():
        if found.get(name) != value:
            raise AssertionError(f"{name}: got {found.get(name)!r}, want {value!r}")


def _status(error):
    status = getattr(error, "status_code", 0)
    return status if isinstance(status, int) else 0


async def _run(name, function):
    try:
        detail = function(name)
        if inspect.isawaitable(detail):
            detail = await detail
        line = {"case": name, "ok": True, "status": 0, "detail": str(detail or "")}
    except Exception as error:  # every failure of a case becomes its line
        text = f"{type(error).__name__}: {error}"
        line = {"case": name, "ok": False, "status": _status(error), "detail": text[:2000]}
    print(json.dumps(line), flush=True)


async def _main(names):
    for name in names:
        await _run(name, _cases[name])


def main():
    asyncio.run(_main(sys.argv[1:] or list(_cases)))
