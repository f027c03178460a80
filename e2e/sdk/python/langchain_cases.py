"""LangChain's OpenAI client for Python."""

from langchain_openai import AzureChatOpenAI, AzureOpenAIEmbeddings, ChatOpenAI, OpenAIEmbeddings

from case_line import (API_VERSION, FIELD, KEY, KEY_BASE, TIMEOUT, TOKEN, TOKEN_BASE, check_stream, check_text,
                       check_vector, main, prompt, register)

MODEL = "gpt-4o"
EMBEDDING = "text-embedding-3-small"
OPENAI = {"base_url": KEY_BASE + "/openai/v1", "api_key": KEY}


def azure(base, **credential):
    return {"azure_endpoint": base, "api_version": API_VERSION, **credential}


# kind -> (chat class, embeddings class, settings)
KINDS = {
    "openai_key": (ChatOpenAI, OpenAIEmbeddings, OPENAI),
    "azure_key": (AzureChatOpenAI, AzureOpenAIEmbeddings, azure(KEY_BASE, api_key=KEY)),
    "azure_ad_token": (AzureChatOpenAI, AzureOpenAIEmbeddings, azure(TOKEN_BASE, azure_ad_token=TOKEN)),
    "azure_token_as_key": (AzureChatOpenAI, AzureOpenAIEmbeddings, azure(TOKEN_BASE, api_key=TOKEN)),
}


def settings(name, **given):
    return {"timeout": TIMEOUT, "max_retries": 0, "default_headers": {FIELD: name}, **given}


def chat_model(chat_class, given, name):
    if chat_class is AzureChatOpenAI:
        given = {**given, "azure_deployment": MODEL}
    return chat_class(model=MODEL, **settings(name, **given))


def chat(model, name):
    check_text(name, model.invoke(prompt(name)).content)


def chat_stream(model, name):
    check_stream(name, [chunk.content for chunk in model.stream(prompt(name))])


async def chat_async(model, name):
    check_text(name, (await model.ainvoke(prompt(name))).content)


async def chat_stream_async(model, name):
    check_stream(name, [chunk.content async for chunk in model.astream(prompt(name))])


def chat_case(kind, operation):
    chat_class, _, given = KINDS[kind]
    return lambda name: operation(chat_model(chat_class, given, name), name)


def embeddings_case(kind):
    _, embeddings_class, given = KINDS[kind]

    def run(name):
        # check_embedding_ctx_length would load a tokenizer from the network.
        model = embeddings_class(model=EMBEDDING, check_embedding_ctx_length=False, **settings(name, **given))
        check_vector(model.embed_query(name))

    return run


for kind in KINDS:
    for op in (chat, chat_stream, chat_async, chat_stream_async):
        register(f"{kind}/{op.__name__}", chat_case(kind, op))
    register(f"{kind}/embeddings", embeddings_case(kind))

main()
