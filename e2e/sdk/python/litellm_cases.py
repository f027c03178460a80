"""LiteLLM as a client: the library, not its proxy."""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no price list from the network

import litellm

from case_line import (API_VERSION, FIELD, KEY, KEY_BASE, TIMEOUT, TOKEN, TOKEN_BASE, check_stream, check_text,
                       check_vector, main, prompt, register)

litellm.telemetry = False
litellm.suppress_debug_info = True


def azure(base, **credential):
    return {"api_base": base, "api_version": API_VERSION, **credential}


# kind -> (provider, settings)
KINDS = {
    "openai_key": ("openai", {"api_base": KEY_BASE + "/openai/v1", "api_key": KEY}),
    "azure_key": ("azure", azure(KEY_BASE, api_key=KEY)),
    "azure_ad_token": ("azure", azure(TOKEN_BASE, azure_ad_token=TOKEN)),
    "azure_token_as_key": ("azure", azure(TOKEN_BASE, api_key=TOKEN)),
}


def settings(kind, model, name):
    provider, given = KINDS[kind]
    return {"model": f"{provider}/{model}", "timeout": TIMEOUT, "max_retries": 0,
            "extra_headers": {FIELD: name}, **given}


def chat_settings(kind, name, **more):
    return {**settings(kind, "gpt-4o", name), "messages": [{"role": "user", "content": prompt(name)}], **more}


def chat(kind, name):
    check_text(name, litellm.completion(**chat_settings(kind, name)).choices[0].message.content)


def chat_stream(kind, name):
    stream = litellm.completion(**chat_settings(kind, name, stream=True))
    check_stream(name, [chunk.choices[0].delta.content for chunk in stream])


async def chat_async(kind, name):
    check_text(name, (await litellm.acompletion(**chat_settings(kind, name))).choices[0].message.content)


async def chat_stream_async(kind, name):
    stream = await litellm.acompletion(**chat_settings(kind, name, stream=True))
    check_stream(name, [chunk.choices[0].delta.content async for chunk in stream])


def embeddings(kind, name):
    answer = litellm.embedding(input=[name], **settings(kind, "text-embedding-3-small", name))
    check_vector(answer.data[0]["embedding"])


def kind_case(kind, operation):
    return lambda name: operation(kind, name)


for kind in KINDS:
    for op in (chat, chat_stream, chat_async, chat_stream_async, embeddings):
        register(f"{kind}/{op.__name__}", kind_case(kind, op))

main()
