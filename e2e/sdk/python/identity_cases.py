"""Clients of openai-python with one credential each, through a route that asks for it.

Arguments are KIND=CREDENTIAL: provider (AzureOpenAI with a token provider), azure and
openai (with a key). For each one JSON line tells the answer, or what the SDK shows of
the refusal.
"""

import json
import os
import sys

from openai import APIStatusError, AzureOpenAI, OpenAI

EDGE = os.environ["E2E_EDGE"]


def connect(kind, credential):
    azure = {"azure_endpoint": EDGE, "api_version": "2024-10-21", "timeout": 20}
    if kind == "provider":
        return AzureOpenAI(azure_ad_token_provider=lambda: credential, **azure)
    if kind == "azure":
        return AzureOpenAI(api_key=credential, **azure)
    return OpenAI(api_key=credential, base_url=EDGE + "/openai/v1", timeout=20)


for argument in sys.argv[1:]:
    client = connect(*argument.split("=", 1))
    try:
        answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hello"}])
        print(json.dumps({"status": 200, "text": answer.choices[0].message.content}))
    except APIStatusError as error:
        print(json.dumps({"status": error.status_code, "text": error.message}))
