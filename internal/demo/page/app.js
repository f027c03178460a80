"use strict";

const $ = (id) => document.getElementById(id);
const conversation = []; // as the API wants it
let config;
let running; // AbortController of the exchange under way

async function begin() {
  config = await (await fetch("config.json")).json();
  $("origin").textContent = location.origin;
  showWay();
  $("direct").addEventListener("change", showWay);
  $("stop").addEventListener("click", () => running?.abort());
  $("wrong-key").addEventListener("click", () => send("0000" + config.key.slice(4)));
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    send(config.key);
  });
  new ResizeObserver(showEnd).observe($("chat")); // the result below it grows
  document.body.dataset.ready = "true";
}

function showWay() {
  const direct = $("direct").checked;
  $("target").textContent = direct ? config.upstream : config.edge;
  $("way-edge").classList.toggle("skipped", direct);
}

// send asks one question and shows whatever becomes of it.
async function send(key) {
  const prompt = $("prompt").value.trim();
  if (!prompt || running) return;
  running = new AbortController();
  const view = openView(prompt);
  try {
    await exchange(view, prompt, key, running.signal);
  } catch (error) {
    showFailure(view, error);
  } finally {
    running = undefined;
    view.close();
  }
  await showWhatUpstreamSaw(view);
}

async function exchange(view, prompt, key, signal) {
  const messages = [...conversation, { role: "user", content: prompt }];
  const base = view.direct ? config.upstream : config.edge;
  const response = await fetch(base + config.path, {
    method: "POST",
    headers: { "Authorization": "Bearer " + key, "Content-Type": "application/json" },
    body: JSON.stringify({ model: $("model").value, stream: true, messages }),
    signal,
  });
  view.id = response.headers.get("apim-request-id");
  $("status").textContent = response.status;
  if (!response.ok) {
    showRefusal(view, response, await response.text());
    return;
  }
  const complete = await readEvents(response.body, (event) => view.add(event));
  if (!complete) {
    view.finish("cut", "The stream ended without [DONE].");
    return;
  }
  view.finish("complete", "The answer is complete.");
  conversation.push({ role: "user", content: prompt }, { role: "assistant", content: view.text });
}

// readEvents hands on each event of a stream; true means that it said [DONE].
async function readEvents(body, onEvent) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let done = false;
  for (;;) {
    const { value, done: ended } = await reader.read();
    if (ended) return done;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const data = part.split("\n").filter((l) => l.startsWith("data: ")).map((l) => l.slice(6)).join("\n");
      if (data === "[DONE]") done = true;
      else if (data) onEvent(JSON.parse(data));
    }
  }
}

// showRefusal shows an error as what it is. A page sees status and text of an
// error only if the answer carries CORS fields.
function showRefusal(view, response, body) {
  let message = body;
  try {
    const parsed = JSON.parse(body);
    message = parsed.error?.message ?? parsed.message ?? body;
  } catch { /* shown as it came */ }
  view.say(message);
  const retry = response.headers.get("retry-after");
  const wait = retry ? ` Retry-After: ${retry} s.` : "";
  view.finish("refused", `${response.status}, shown to the page as it is.${wait}`);
}

function showFailure(view, error) {
  if (error.name === "AbortError") {
    view.finish("stopped", "Stopped by you.");
    return;
  }
  if (view.text || view.events) {
    view.finish("cut", `The stream broke off: ${error.message}. A page can tell it from an end.`);
    return;
  }
  view.say(`${error.name}: ${error.message}`);
  view.finish("blocked", view.direct
    ? "Blocked by the browser: API Management answers the preflight of an origin that it does not know " +
      "with an empty 200, without CORS fields. The page cannot even learn that the answer would have been 401."
    : "No answer. Does the demo still run?");
}

// openView prepares the places where an exchange shows.
function openView(prompt) {
  $("hint")?.remove();
  $("answer")?.removeAttribute("id");
  message("user", prompt);
  const bubble = message("assistant", "");
  bubble.id = "answer";
  bubble.classList.add("running");
  for (const id of ["status", "first", "events", "seen"]) $(id).textContent = "–";
  $("result").hidden = false;
  $("send").disabled = $("wrong-key").disabled = true;
  $("stop").disabled = false;
  const started = performance.now();
  const view = {
    direct: $("direct").checked, text: "", events: 0, id: null,
    add(event) {
      const word = event.choices?.[0]?.delta?.content ?? "";
      if (word && !view.text) $("first").textContent = `${Math.round(performance.now() - started)} ms`;
      view.say(view.text + word);
      $("events").textContent = ++view.events;
    },
    say(text) {
      bubble.textContent = view.text = text;
      showEnd();
    },
    finish(outcome, text) {
      view.outcome = outcome;
      setOutcome(outcome, text);
      bubble.classList.toggle("failed", outcome !== "complete" && outcome !== "stopped");
    },
    close() {
      bubble.classList.remove("running");
      $("send").disabled = $("wrong-key").disabled = false;
      $("stop").disabled = true;
    },
  };
  setOutcome("running", view.direct ? "Asking API Management itself." : "Asking through the edge.");
  return view;
}

function setOutcome(outcome, text) {
  $("outcome").dataset.outcome = outcome;
  $("outcome").textContent = text;
}

function showEnd() {
  $("chat").scrollTop = $("chat").scrollHeight;
}

function message(role, text) {
  const p = document.createElement("p");
  p.className = `message ${role}`;
  p.textContent = text;
  $("chat").append(p);
  showEnd();
  return p;
}

// showWhatUpstreamSaw asks the demo, not the edge, how the exchange ended.
async function showWhatUpstreamSaw(view) {
  if (!view.id) {
    $("seen").textContent = {
      refused: "API Management refused it; Azure OpenAI was not asked",
      blocked: view.direct ? "the preflight, not the question" : "nothing",
    }[view.outcome] ?? "–";
    return;
  }
  for (let tries = 0; tries < 40; tries++) {
    const end = await (await fetch("exchanges/" + encodeURIComponent(view.id))).json();
    if (end.ended) {
      const credential = end.credential === "key-field" ? "the key in api-key" : end.credential;
      $("seen").textContent = end.left
        ? `${credential}; saw the client leave after ${end.events} events`
        : credential;
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  $("seen").textContent = "nothing of an end yet";
}

begin();
