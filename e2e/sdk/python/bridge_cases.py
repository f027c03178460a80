"""What openai-python does through a bridge: each class speaks its own shape of the API
to an upstream that speaks the other.
"""

from openai import AzureOpenAI, OpenAI

from case_line import API_VERSION, FIELD, KEY, KEY_BASE, TIMEOUT, case, main

LONG = "x" * 200_000  # releases before 3.24 write model behind it
AUDIO = b"\0" * 5_000_000
PICTURE = b"\0" * 2_000_000


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


def image_edit(client, model):
    picture = ("a.png", PICTURE, "image/png")
    return client.images.edit(model=model, image=picture, prompt="brighter").data[0].b64_json


def responses_stream(client, model):
    stream = client.responses.create(model=model, input=LONG, stream=True)
    return "".join(e.delta for e in stream if e.type == "response.output_text.delta")


def models(client, _):
    return ",".join(m.id for m in client.models.list())


def file_create(client, _):
    return client.files.create(file=("lines.jsonl", b"{}"), purpose="batch").id


def file_list(client, _):
    return client.files.list().data[0].id


def batch_create(client, _):
    return client.batches.create(input_file_id="file-1", endpoint="/v1/chat/completions", completion_window="24h").id


def batch_list(client, _):
    return client.batches.list().data[0].id


OPERATIONS = (chat, chat_stream, responses, responses_stream, embeddings, transcription, image_edit, models,
              file_create, file_list, batch_create, batch_list)

for kind, (make, model) in CLIENTS.items():
    for run in OPERATIONS:
        case(f"{kind}/{run.__name__}")(lambda name, make=make, model=model, run=run: run(make(name), model))


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
