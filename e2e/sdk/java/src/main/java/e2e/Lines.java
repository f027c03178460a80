package e2e;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.openai.errors.OpenAIServiceException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The protocol between a script and the Go test that started it: one JSON line
 * per case, {case, ok, status, detail}. See ../../../../../python/case_line.py.
 */
final class Lines {
  /** One case; it gets its own name and fails by throwing. */
  interface Case {
    void run(String name) throws Exception;
  }

  private static final ObjectMapper JSON = new ObjectMapper();
  private final Map<String, Case> cases = new LinkedHashMap<>();

  void register(String name, Case run) {
    if (cases.put(name, run) != null) {
      throw new IllegalStateException("case " + name + " is there twice");
    }
  }

  void run(List<String> names) throws Exception {
    for (String name : names.isEmpty() ? List.copyOf(cases.keySet()) : names) {
      Map<String, Object> line = new LinkedHashMap<>();
      line.put("case", name);
      try {
        cases.get(name).run(name);
        line.putAll(Map.of("ok", true, "status", 0, "detail", ""));
      } catch (Exception error) {
        line.putAll(Map.of("ok", false, "status", status(error), "detail", error.toString()));
      }
      System.out.println(JSON.writeValueAsString(line));
    }
  }

  private static int status(Throwable error) {
    for (Throwable e = error; e != null; e = e.getCause()) {
      if (e instanceof OpenAIServiceException answered) {
        return answered.statusCode();
      }
    }
    return 0;
  }
}
