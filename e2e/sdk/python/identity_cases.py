"""AzureOpenAI with a token provider, through a route that asks for a token.

Tokens come as arguments; for each one JSON line tells the answer, or what the SDK
shows of the refusal.
"""

import json
import os
import sys

from openai import APIStatusError, AzureOpenAI

for token in sys.argv[1:]:
    client = AzureOpenAI(azure_endpoint=os.environ["E2E_EDGE"], api_version="2024-10-21",
                         azure_ad_token_provider=lambda: token, timeout=20)
    try:
        answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hello"}])
        print(json.dumps({"status": 200, "text": answer.choices[0].message.content}))
    except APIStatusError as error:
        print(json.dumps({"status": error.status_code, "text": error.message}))
