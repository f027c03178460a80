"""What LangChain's OpenAI client for Python does through a bridge: each class speaks its
own shape of the API to an upstream that speaks the other.
"""

from langchain_openai import AzureChatOpenAI, AzureOpenAIEmbeddings, ChatOpenAI, OpenAIEmbeddings

from case_line import API_VERSION, FIELD, KEY, KEY_BASE, TIMEOUT, main, register

LONG = "x" * 200_000


def settings(name):
    return {"api_key": KEY, "timeout": TIMEOUT, "max_retries": 0, "default_headers": {FIELD: name}}


def v1(name):
    return {"base_url": KEY_BASE + "/openai/v1", "model": "gpt-5", **settings(name)}


def legacy(name):  # writes "model": null
    return {"azure_endpoint": KEY_BASE + "/legacy", "azure_deployment": "five", "api_version": API_VERSION, **settings(name)}


# kind -> (chat class, embeddings class, settings)
KINDS = {"v1": (ChatOpenAI, OpenAIEmbeddings, v1), "legacy": (AzureChatOpenAI, AzureOpenAIEmbeddings, legacy)}


def chat(chat_class, _, given):
    return chat_class(**given).invoke(LONG).content


def chat_stream(chat_class, _, given):
    return "".join(chunk.content for chunk in chat_class(**given).stream(LONG))


def responses(chat_class, _, given):
    return chat_class(use_responses_api=True, **given).invoke(LONG).text


def embeddings(_, embeddings_class, given):
    # check_embedding_ctx_length would load a tokenizer from the network.
    return embeddings_class(check_embedding_ctx_length=False, **given).embed_query(LONG)[0]


for kind, (chat_class, embeddings_class, given) in KINDS.items():
    for run in (chat, chat_stream, responses, embeddings):
        register(f"{kind}/{run.__name__}", lambda name, run=run, chat=chat_class, embed=embeddings_class, given=given:
                 run(chat, embed, given(name)))

main()
