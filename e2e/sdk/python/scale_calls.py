"""Calls by openai-python, some at a time, for as long as it is told to.

Of its standard input, "go" begins and "rest" ends: then every call comes to its
end, and {"rested": true} is printed. Each call prints {"id", "how", "detail"}:
how is ok, failed where the SDK raised, or short where a whole answer is not whole.
The SDK is not to repeat anything, so that nothing is hidden.
"""

import itertools
import json
import random
import sys
import threading
import time

from openai import OpenAI

from case_line import FIELD, KEY, KEY_BASE, TIMEOUT, check_stream, check_text, prompt

WORKERS = 6

client = OpenAI(base_url=KEY_BASE + "/openai/v1", api_key=KEY, max_retries=0, timeout=TIMEOUT)
numbers = itertools.count()
printing = threading.Lock()


def say(line):
    with printing:
        print(json.dumps(line), flush=True)


def call(name):
    given = {"model": "gpt-4o", "messages": [{"role": "user", "content": prompt(name)}], "extra_headers": {FIELD: name}}
    if random.random() < 0.5:
        stream = client.chat.completions.create(stream=True, **given)
        check_stream(name, [c.choices[0].delta.content for c in stream if c.choices])
    else:
        check_text(name, client.chat.completions.create(**given).choices[0].message.content)


def work(resting):
    while not resting.is_set():
        name = f"python-{next(numbers)}"
        try:
            call(name)
            say({"id": name, "how": "ok", "detail": ""})
        except AssertionError as error:
            say({"id": name, "how": "short", "detail": str(error)[:300]})
        except Exception as error:  # whatever the SDK raises is what its user sees
            causes = []
            while error is not None:
                causes.append(f"{type(error).__name__}: {error}")
                error = error.__cause__
            say({"id": name, "how": "failed", "detail": " < ".join(causes)[:300]})
        time.sleep(random.random() * 0.15)


def main():
    resting, workers = threading.Event(), []
    for line in sys.stdin:
        if line.strip() == "go":
            resting = threading.Event()
            workers = [threading.Thread(target=work, args=(resting,)) for _ in range(WORKERS)]
            for worker in workers:
                worker.start()
        else:
            resting.set()
            for worker in workers:
                worker.join()
            say({"rested": True})
    resting.set()


main()
