"""What openai-python does through a bridge: each class speaks its own shape of the API
to an upstream that speaks the other.
"""

from openai import AzureOpenAI, OpenAI

from case_line import API_VERSION, FIELD, KEY, KEY_BASE, TIMEOUT, case, main

LONG = "x" * 200_000  # releases before 3.24 write model behind it
AUDIO = b"\0" * 5_000_000


def settings(name):
    return {"api_key": KEY, "timeout": TIMEOUT, "max_retries": 0, "default_headers": {FIELD: name}}


def v1(name):
    return OpenAI(base_url=KEY_BASE + "/openai/v1", **settings(name))


def legacy(name):
    return AzureOpenAI(azure_endpoint=KEY_BASE + "/legacy", api_version=API_VERSION, **settings(name))


def azure_on_v1(name):
    return AzureOpenAI(base_url=KEY_BASE + "/openai/v1", api_version=API_VERSION, **settings(name))


MESSAGES = [{"role": "user", "content": LONG}]

# the class and its name for the model -> what is done with it
CLIENTS = {"v1": (v1, "gpt-5"), "legacy": (legacy, "five")}


def chat(client, model):
    return client.chat.completions.create(model=model, messages=MESSAGES).choices[0].message.content


def chat_stream(client, model):
    stream = client.chat.completions.create(model=model, messages=MESSAGES, stream=True)
    return "".join(c.choices[0].delta.content for c in stream)


def responses(client, model):
    return client.responses.create(model=model, input=LONG).id


def embeddings(client, model):
    return client.embeddings.create(model=model, input=LONG, encoding_format="float").data[0].embedding[0]


def transcription(client, model):
    return client.audio.transcriptions.create(model=model, file=("a.mp3", AUDIO)).text


OPERATIONS = {"chat": chat, "chat_stream": chat_stream, "responses": responses,
              "embeddings": embeddings, "transcription": transcription}

for kind, (make, model) in CLIENTS.items():
    for operation, run in OPERATIONS.items():
        case(f"{kind}/{operation}")(lambda name, make=make, model=model, run=run: run(make(name), model))


@case("v1/models")
def models(name):
    return ",".join(m.id for m in v1(name).models.list())


@case("v1/unknown_model")
def unknown(name):
    return chat(v1(name), "gpt-3")


@case("v1/moderations")
def moderations(name):
    return v1(name).moderations.create(input="x")


@case("azure_on_v1/chat")
def stray(name):
    return chat(azure_on_v1(name), "gpt-5")


main()
