package e2e;

import com.openai.azure.AzureOpenAIServiceVersion;
import com.openai.azure.AzureUrlPathMode;
import com.openai.azure.credential.AzureApiKeyCredential;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.http.StreamResponse;
import com.openai.credential.BearerTokenCredential;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.embeddings.EmbeddingCreateParams;
import com.openai.models.files.FileCreateParams;
import com.openai.models.files.FileObject;
import com.openai.models.files.FilePurpose;
import com.openai.models.responses.ResponseCreateParams;
import com.openai.models.responses.ResponseStreamEvent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/** What openai-java does, for each kind of client and operation. */
public final class Cases {
  private static final String KEY_BASE = System.getenv("E2E_KEY_BASE"); // asks for a subscription key
  private static final String TOKEN_BASE = System.getenv("E2E_TOKEN_BASE"); // asks for a token
  private static final String KEY = System.getenv("E2E_KEY");
  private static final String TOKEN = System.getenv("E2E_TOKEN");
  private static final String OTHER = System.getenv("E2E_OTHER_KEY"); // a secret of somebody else
  private static final String MODEL = "gpt-4o";

  private interface Operation {
    void run(OpenAIClient client, String name) throws Exception;
  }

  public static void main(String[] names) throws Exception {
    Lines lines = new Lines();
    kinds().forEach((kind, connect) -> operations().forEach((operation, run) ->
        lines.register(kind + "/" + operation, name -> {
          OpenAIClient client = connect.apply(name);
          try {
            run.run(client, name);
          } finally {
            client.close();
          }
        })));
    lines.register("errors/wrong_key_is_sent_once", name ->
        chat(builder(name, KEY_BASE + "/openai/v1").apiKey(OTHER).maxRetries(2).build(), name));
    lines.register("errors/cut_stream_raises", Cases::cutStreamRaises);
    lines.register("leaving/stream_is_closed_after_the_first_event", Cases::leave);
    lines.run(List.of(names));
    System.exit(0); // threads of the HTTP client would hold the process
  }

  private static OpenAIOkHttpClient.Builder builder(String name, String base) {
    return OpenAIOkHttpClient.builder().baseUrl(base).timeout(Duration.ofSeconds(20)).maxRetries(0)
        .putHeader("x-e2e-case", name);
  }

  private static OpenAIOkHttpClient.Builder azure(String name, String base) {
    return builder(name, base).azureUrlPathMode(AzureUrlPathMode.LEGACY)
        .azureServiceVersion(AzureOpenAIServiceVersion.getV2024_10_21());
  }

  private static Map<String, Function<String, OpenAIClient>> kinds() {
    Map<String, Function<String, OpenAIClient>> kinds = new LinkedHashMap<>();
    kinds.put("openai_key", name -> builder(name, KEY_BASE + "/openai/v1").apiKey(KEY).build());
    kinds.put("openai_token", name -> builder(name, TOKEN_BASE + "/openai/v1").apiKey(TOKEN).build());
    kinds.put("azure_key", name -> azure(name, KEY_BASE).credential(AzureApiKeyCredential.create(KEY)).build());
    kinds.put("azure_ad_token", name ->
        azure(name, TOKEN_BASE).credential(BearerTokenCredential.create(() -> TOKEN)).build());
    kinds.put("azure_token_as_key", name ->
        azure(name, TOKEN_BASE).credential(AzureApiKeyCredential.create(TOKEN)).build());
    return kinds;
  }

  private static Map<String, Operation> operations() {
    Map<String, Operation> operations = new LinkedHashMap<>();
    operations.put("chat", Cases::chat);
    operations.put("chat_async", Cases::chatAsync);
    operations.put("chat_stream", Cases::chatStream);
    operations.put("responses", Cases::responses);
    operations.put("responses_stream", Cases::responsesStream);
    operations.put("embeddings", Cases::embeddings);
    operations.put("upload", Cases::upload);
    operations.put("models", Cases::models);
    return operations;
  }

  private static String prompt(String name) {
    return "say " + name;
  }

  /** The look-alike repeats the prompt and explains itself, always alike. */
  private static void checkText(String name, String text) {
    if (!text.startsWith("You said: " + prompt(name) + "\n") || !text.endsWith("holds them back.")) {
      throw new AssertionFailure("not the whole answer: " + text);
    }
  }

  private static void checkStream(String name, List<String> pieces) {
    if (pieces.size() < 20) {
      throw new AssertionFailure(pieces.size() + " pieces: the answer did not come word by word");
    }
    checkText(name, String.join("", pieces));
  }

  private static ChatCompletionCreateParams chatParams(String name) {
    return ChatCompletionCreateParams.builder().model(MODEL).addUserMessage(prompt(name)).build();
  }

  private static void checkChat(String name, ChatCompletion answer) {
    checkText(name, answer.choices().get(0).message().content().orElseThrow());
  }

  private static void chat(OpenAIClient client, String name) {
    checkChat(name, client.chat().completions().create(chatParams(name)));
  }

  private static void chatAsync(OpenAIClient client, String name) throws Exception {
    checkChat(name, client.async().chat().completions().create(chatParams(name)).get());
  }

  private static void chatStream(OpenAIClient client, String name) {
    try (StreamResponse<ChatCompletionChunk> stream = client.chat().completions().createStreaming(chatParams(name))) {
      checkStream(name, stream.stream().flatMap(chunk -> chunk.choices().stream())
          .flatMap(choice -> choice.delta().content().stream()).filter(piece -> !piece.isEmpty())
          .collect(Collectors.toList()));
    }
  }

  private static ResponseCreateParams responseParams(String name) {
    return ResponseCreateParams.builder().model(MODEL).input(prompt(name)).build();
  }

  private static void responses(OpenAIClient client, String name) {
    checkText(name, client.responses().create(responseParams(name)).output().stream()
        .flatMap(item -> item.message().stream()).flatMap(message -> message.content().stream())
        .flatMap(content -> content.outputText().stream()).map(text -> text.text())
        .collect(Collectors.joining()));
  }

  private static void responsesStream(OpenAIClient client, String name) {
    try (StreamResponse<ResponseStreamEvent> stream = client.responses().createStreaming(responseParams(name))) {
      checkStream(name, stream.stream().flatMap(event -> event.outputTextDelta().stream())
          .map(delta -> delta.delta()).collect(Collectors.toList()));
    }
  }

  private static void embeddings(OpenAIClient client, String name) {
    List<Float> vector = client.embeddings()
        .create(EmbeddingCreateParams.builder().model("text-embedding-3-small").input(name).build())
        .data().get(0).embedding();
    double square = vector.stream().mapToDouble(v -> v * v).sum();
    if (vector.size() != 1536 || Math.abs(square - 1) > 1e-3) {
      throw new AssertionFailure("not a unit vector of 1536 numbers: " + vector.size() + " of them");
    }
  }

  private static void upload(OpenAIClient client, String name) throws Exception {
    byte[] content = "sixteen letters ".repeat(20_000).getBytes();
    Path folder = Files.createTempDirectory("e2e-");
    Path path = Files.write(folder.resolve("lines.jsonl"), content);
    FileObject file = client.files()
        .create(FileCreateParams.builder().file(path).purpose(FilePurpose.FINE_TUNE).build());
    Files.delete(path);
    Files.delete(folder);
    String want = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    String got = file._additionalProperties().get("sha256").convert(String.class);
    if (file.bytes() != content.length || !file.filename().equals("lines.jsonl") || !want.equals(got)) {
      throw new AssertionFailure("got " + file + ", want " + content.length + " bytes with the digest " + want);
    }
  }

  private static void models(OpenAIClient client, String name) {
    if (client.models().list().items().stream().noneMatch(found -> found.id().equals(MODEL))) {
      throw new AssertionFailure("the list of models lacks " + MODEL);
    }
  }

  private static void cutStreamRaises(String name) {
    OpenAIClient client = builder(name, KEY_BASE + "/openai/v1").apiKey(KEY)
        .putHeader("x-lookalike-fault", "cut-chunked").build();
    int[] events = {0};
    try (StreamResponse<ChatCompletionChunk> stream = client.chat().completions().createStreaming(chatParams(name))) {
      stream.stream().forEach(chunk -> events[0]++);
    } catch (RuntimeException cut) {
      if (events[0] < 10) {
        throw new AssertionFailure("only " + events[0] + " events came before the cut: " + cut);
      }
      return;
    }
    throw new AssertionFailure("a cut stream passed for a complete one");
  }

  private static void leave(String name) {
    OpenAIClient client = builder(name, KEY_BASE + "/openai/v1").apiKey(KEY)
        .putHeader("x-lookalike-interval", "1s").build();
    try (StreamResponse<ChatCompletionChunk> stream = client.chat().completions().createStreaming(chatParams(name))) {
      stream.stream().findFirst().orElseThrow();
    }
  }

  /** A wrong answer: the case failed. */
  private static final class AssertionFailure extends RuntimeException {
    AssertionFailure(String message) {
      super(message);
    }
  }
}
