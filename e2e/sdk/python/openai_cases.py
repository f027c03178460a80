"""What openai-python does, for each kind of client, operation and credential.

The same file runs under every pinned version of the package.
"""

import os

from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI

from case_line import (API_VERSION, FIELD, KEY, KEY_BASE, OTHER, TIMEOUT, TOKEN, TOKEN_BASE, UPLOAD, case,
                       check_stream, check_text, check_upload, check_vector, main, prompt, register)

MODEL = "gpt-4o"
EMBEDDING = "text-embedding-3-small"


def settings(name, **more):
    fields = {FIELD: name, **more.pop("default_headers", {})}
    return {"timeout": TIMEOUT, "max_retries": 0, "default_headers": fields, **more}


def v1(base):
    return base + "/openai/v1"


# kind -> (sync class, async class, settings)
KINDS = {
    "openai_key": (OpenAI, AsyncOpenAI, {"base_url": v1(KEY_BASE), "api_key": KEY}),
    "openai_token": (OpenAI, AsyncOpenAI, {"base_url": v1(TOKEN_BASE), "api_key": TOKEN}),
    "azure_key": (AzureOpenAI, AsyncAzureOpenAI,
                  {"azure_endpoint": KEY_BASE, "api_version": API_VERSION, "api_key": KEY}),
    "azure_ad_token": (AzureOpenAI, AsyncAzureOpenAI,
                       {"azure_endpoint": TOKEN_BASE, "api_version": API_VERSION, "azure_ad_token": TOKEN}),
    "azure_token_as_key": (AzureOpenAI, AsyncAzureOpenAI,
                           {"azure_endpoint": TOKEN_BASE, "api_version": API_VERSION, "api_key": TOKEN}),
}


def messages(name):
    return [{"role": "user", "content": prompt(name)}]


def chat(client, name):
    answer = client.chat.completions.create(model=MODEL, messages=messages(name))
    check_text(name, answer.choices[0].message.content)


def chat_stream(client, name):
    stream = client.chat.completions.create(model=MODEL, messages=messages(name), stream=True)
    check_stream(name, [c.choices[0].delta.content for c in stream if c.choices])


def responses(client, name):
    check_text(name, client.responses.create(model=MODEL, input=prompt(name)).output_text)


def responses_stream(client, name):
    stream = client.responses.create(model=MODEL, input=prompt(name), stream=True)
    check_stream(name, [e.delta for e in stream if e.type == "response.output_text.delta"])


def embeddings(client, name):
    check_vector(client.embeddings.create(model=EMBEDDING, input=name).data[0].embedding)


def upload(client, name):
    check_upload(client.files.create(file=("lines.jsonl", UPLOAD), purpose="fine-tune"))


def models(client, name):
    if MODEL not in [m.id for m in client.models.list()]:
        raise AssertionError("the list of models lacks " + MODEL)


async def chat_async(client, name):
    answer = await client.chat.completions.create(model=MODEL, messages=messages(name))
    check_text(name, answer.choices[0].message.content)


async def chat_stream_async(client, name):
    stream = await client.chat.completions.create(model=MODEL, messages=messages(name), stream=True)
    check_stream(name, [c.choices[0].delta.content async for c in stream if c.choices])


async def responses_async(client, name):
    check_text(name, (await client.responses.create(model=MODEL, input=prompt(name))).output_text)


async def responses_stream_async(client, name):
    stream = await client.responses.create(model=MODEL, input=prompt(name), stream=True)
    check_stream(name, [e.delta async for e in stream if e.type == "response.output_text.delta"])


async def embeddings_async(client, name):
    check_vector((await client.embeddings.create(model=EMBEDDING, input=name)).data[0].embedding)


async def upload_async(client, name):
    check_upload(await client.files.create(file=("lines.jsonl", UPLOAD), purpose="fine-tune"))


async def models_async(client, name):
    if MODEL not in [m.id async for m in client.models.list()]:
        raise AssertionError("the list of models lacks " + MODEL)


def sync_case(client_class, given, operation):
    def run(name):
        with client_class(**settings(name, **given)) as client:
            operation(client, name)

    return run


def async_case(client_class, given, operation):
    async def run(name):
        async with client_class(**settings(name, **given)) as client:
            await operation(client, name)

    return run


for kind, (sync_class, async_class, given) in KINDS.items():
    for op in (chat, chat_stream, responses, responses_stream, embeddings, upload, models):
        register(f"{kind}/{op.__name__}", sync_case(sync_class, given, op))
    for op in (chat_async, chat_stream_async, responses_async, responses_stream_async,
               embeddings_async, upload_async, models_async):
        register(f"{kind}/{op.__name__}", async_case(async_class, given, op))


def openai_chat(name, base=KEY_BASE, **given):
    with OpenAI(**settings(name, base_url=v1(base), **given)) as client:
        chat(client, name)


@case("default_headers/key_beside_placeholder")
def _(name):
    openai_chat(name, api_key="dummy", default_headers={"api-key": KEY})


@case("default_headers/key_beside_platform_key")
def _(name):
    openai_chat(name, api_key=OTHER, default_headers={"api-key": KEY})


@case("default_headers/ocp_key_beside_placeholder")
def _(name):
    openai_chat(name, api_key="EMPTY", default_headers={"Ocp-Apim-Subscription-Key": KEY})


@case("default_headers/ocp_key_beside_same_key")
def _(name):
    openai_chat(name, api_key=KEY, default_headers={"Ocp-Apim-Subscription-Key": KEY})


@case("default_headers/key_beside_token")
def _(name):
    openai_chat(name, base=TOKEN_BASE, api_key=TOKEN, default_headers={"api-key": KEY})


@case("default_headers/two_authorizations")
def _(name):
    openai_chat(name, api_key=KEY, default_headers={"authorization": "Bearer " + OTHER})


@case("default_headers/two_api_keys")
def _(name):
    with AzureOpenAI(**settings(name, azure_endpoint=KEY_BASE, api_version=API_VERSION, api_key=KEY,
                                default_headers={"Api-Key": OTHER})) as client:
        chat(client, name)


@case("environment/key_beside_token_provider")
def _(name):
    os.environ["AZURE_OPENAI_API_KEY"] = KEY
    try:
        client = AzureOpenAI(**settings(name, azure_endpoint=TOKEN_BASE, api_version=API_VERSION,
                                        azure_ad_token_provider=lambda: TOKEN))
    finally:
        del os.environ["AZURE_OPENAI_API_KEY"]
    with client:
        chat(client, name)


@case("errors/wrong_key_is_sent_once")
def _(name):
    openai_chat(name, api_key=OTHER, max_retries=2)


@case("errors/too_many_is_sent_again")
def _(name):
    openai_chat(name, api_key=KEY, max_retries=1, default_headers={"x-lookalike-fault": "429"})


@case("errors/cut_stream_raises")
def _(name):
    with OpenAI(**settings(name, base_url=v1(KEY_BASE), api_key=KEY,
                           default_headers={"x-lookalike-fault": "cut-chunked"})) as client:
        pieces = []
        try:
            for chunk in client.chat.completions.create(model=MODEL, messages=messages(name), stream=True):
                pieces.append(chunk.choices[0].delta.content)
        except Exception as error:
            if len(pieces) < 10:
                raise AssertionError(f"only {len(pieces)} events came before the cut") from error
            return type(error).__name__
        raise AssertionError("a cut stream passed for a complete one")


@case("leaving/stream_is_closed_after_the_first_event")
def _(name):
    # 30 s of stream; the recorder sees how soon upstream was cancelled.
    with OpenAI(**settings(name, base_url=v1(KEY_BASE), api_key=KEY,
                           default_headers={"x-lookalike-interval": "1s"})) as client:
        with client.chat.completions.create(model=MODEL, messages=messages(name), stream=True) as stream:
            next(iter(stream))


main()
