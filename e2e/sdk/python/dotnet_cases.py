"""The OpenAI SDKs of .NET, on .NET. Python only says what is to be called: requests are made
and answers read by OpenAI.dll, Azure.AI.OpenAI.dll and System.Net.Http.

There is no C# compiler where the suite runs, and pythonnet needs none."""

import os
import sys

from clr_loader import get_coreclr
from pythonnet import set_runtime

DOTNET = os.environ["E2E_DOTNET"]
set_runtime(get_coreclr(runtime_config=DOTNET + "/runtimeconfig.json", dotnet_root=DOTNET))

import clr  # noqa: E402: the runtime has to be chosen first

sys.path.append(DOTNET + "/sdk")
for assembly in ("System.Net.Http", "System.ClientModel", "Azure.Core", "OpenAI", "Azure.AI.OpenAI"):
    clr.AddReference(assembly)

from Azure.AI.OpenAI import AzureOpenAIClient, AzureOpenAIClientOptions  # noqa: E402
from Azure.Core import AccessToken, DelegatedTokenCredential, TokenRequestContext  # noqa: E402
from OpenAI import OpenAIClient, OpenAIClientOptions  # noqa: E402
from OpenAI.Chat import ChatMessage  # noqa: E402
from OpenAI.Files import FileUploadPurpose  # noqa: E402
from System import Array, BinaryData, Byte, DateTimeOffset, Func, TimeSpan, Uri  # noqa: E402
from System.ClientModel import ApiKeyCredential, ClientResultException  # noqa: E402
from System.ClientModel.Primitives import ClientRetryPolicy, HttpClientPipelineTransport  # noqa: E402
from System.Net.Http import HttpClient  # noqa: E402
from System.Threading import CancellationToken  # noqa: E402

from case_line import (FIELD, KEY, KEY_BASE, OTHER, TIMEOUT, TOKEN, TOKEN_BASE, UPLOAD, case, check_stream,  # noqa: E402
                       check_text, check_vector, main, prompt, register)

MODEL = "gpt-4o"


class Refused(Exception):
    """A ClientResultException, as case_line reads errors."""

    def __init__(self, error):
        super().__init__(str(error.Message))
        self.status_code = error.Status


def entra(token):
    give = Func[TokenRequestContext, CancellationToken, AccessToken](
        lambda _, __: AccessToken(token, DateTimeOffset.UtcNow.AddHours(1)))
    return DelegatedTokenCredential.Create(give)


def settings(options, name, retries=0, **fields):
    """Everything that is not about credentials. Fields are set where an application sets them."""
    http = HttpClient()
    for field, value in {FIELD: name, **fields}.items():
        http.DefaultRequestHeaders.Add(field.replace("_", "-"), value)
    options.Transport = HttpClientPipelineTransport(http)
    options.RetryPolicy = ClientRetryPolicy(retries)
    options.NetworkTimeout = TimeSpan.FromSeconds(TIMEOUT)
    return options


def openai(name, base, key, **more):
    options = settings(OpenAIClientOptions(), name, **more)
    options.Endpoint = Uri(base + "/openai/v1")
    return OpenAIClient(ApiKeyCredential(key), options)


def azure(name, base, credential):
    return AzureOpenAIClient(Uri(base), credential, settings(AzureOpenAIClientOptions(), name))


# kind -> a client for a case
KINDS = {
    "openai_key": lambda name: openai(name, KEY_BASE, KEY),
    "openai_token": lambda name: openai(name, TOKEN_BASE, TOKEN),
    "azure_key": lambda name: azure(name, KEY_BASE, ApiKeyCredential(KEY)),
    "azure_ad_token": lambda name: azure(name, TOKEN_BASE, entra(TOKEN)),
    "azure_token_as_key": lambda name: azure(name, TOKEN_BASE, ApiKeyCredential(TOKEN)),
}


def messages(name):
    return Array[ChatMessage]([ChatMessage.CreateUserMessage(prompt(name))])


def chat(client, name):
    check_text(name, client.GetChatClient(MODEL).CompleteChat(messages(name)).Value.Content[0].Text)


def chat_async(client, name):
    task = client.GetChatClient(MODEL).CompleteChatAsync(messages(name))
    check_text(name, task.GetAwaiter().GetResult().Value.Content[0].Text)


def pieces(client, name):
    for event in client.GetChatClient(MODEL).CompleteChatStreaming(messages(name)):
        for part in event.ContentUpdate:
            yield part.Text


def chat_stream(client, name):
    check_stream(name, list(pieces(client, name)))


def embeddings(client, name):
    vector = client.GetEmbeddingClient("text-embedding-3-small").GenerateEmbedding(name).Value
    check_vector(list(vector.ToFloats().ToArray()))


def upload(client, name):
    data = BinaryData.FromBytes(Array[Byte](UPLOAD))
    file = client.GetOpenAIFileClient().UploadFile(data, "lines.jsonl", FileUploadPurpose.FineTune).Value
    if file.Filename != "lines.jsonl" or file.SizeInBytes != len(UPLOAD):
        raise AssertionError(f"got {file.Filename}, {file.SizeInBytes} bytes")


def told(function):
    """Has the SDK's error told as case_line tells it."""

    def run(name):
        try:
            return function(name)
        except ClientResultException as error:
            raise Refused(error) from error

    return run


for kind, make in KINDS.items():
    operations = [chat, chat_async, chat_stream, embeddings]
    if kind.startswith("openai"):
        operations.append(upload)  # the Azure class of this release has no files
    for op in operations:
        register(f"{kind}/{op.__name__}", told(lambda name, make=make, op=op: op(make(name), name)))


@case("errors/wrong_key_is_sent_once")
@told
def _(name):
    chat(openai(name, KEY_BASE, OTHER, retries=2), name)


@case("errors/too_many_is_sent_again")
@told
def _(name):
    chat(openai(name, KEY_BASE, KEY, retries=1, x_lookalike_fault="429"), name)


@case("errors/cut_stream_raises")
def _(name):
    heard = []
    try:
        heard.extend(pieces(openai(name, KEY_BASE, KEY, x_lookalike_fault="cut-chunked"), name))
    except Exception as error:
        return type(error).__name__
    raise AssertionError(f"a cut stream passed for a complete one of {len(heard)} events")


@case("leaving/stream_is_closed_after_the_first_event")
def _(name):
    # 30 s of stream; the recorder sees how soon upstream was cancelled.
    stream = openai(name, KEY_BASE, KEY, x_lookalike_interval="1s").GetChatClient(MODEL).CompleteChatStreaming(messages(name))
    events = stream.GetEnumerator()
    events.MoveNext()
    events.Dispose()


main()
