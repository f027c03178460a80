"use strict";

const $ = (id) => document.getElementById(id);
let config;
let running; // AbortController of the exchange under way
let shown; // of the edge's log

async function begin() {
  config = await (await fetch("config.json")).json();
  $("origin").textContent = location.origin;
  $("slow").textContent = `slow-reasoning: first word after ${config.firstWord}`;
  $("metrics").href = config.admin + "/metrics";
  $("configuration").href = config.admin + "/config";
  showWay();
  $("direct").addEventListener("change", showWay);
  $("stop").addEventListener("click", () => running?.abort());
  $("wrong-key").addEventListener("click", () => send("0000" + config.key.slice(4)));
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    send(config.key);
  });
  await showEdge();
  setInterval(() => document.hidden || showEdge(), 1000); // others may ask as well
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
  const view = openView();
  try {
    await exchange(view, prompt, key, running.signal);
  } catch (error) {
    showFailure(view, error);
  } finally {
    running = undefined;
    view.close();
  }
  await showWhatUpstreamSaw(view);
  $("result").scrollIntoView({ block: "nearest" });
  await showEdge();
}

async function exchange(view, prompt, key, signal) {
  const messages = [{ role: "user", content: prompt }];
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
  const complete = await readEvents(response.body, view);
  if (!complete) {
    view.finish("cut", "The stream ended without [DONE].");
    return;
  }
  view.finish("complete", "The answer is complete.");
}

// readEvents hands each event of a stream to view; true means that it said [DONE].
async function readEvents(body, view) {
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
      if (data) view.count();
      if (data === "[DONE]") done = true;
      else if (data) view.add(JSON.parse(data));
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

// openView prepares the places where an exchange shows. Buttons that can do nothing
// say so, but are not disabled: that would take the focus from whoever uses keys.
function openView() {
  const answer = $("answer");
  answer.textContent = "";
  answer.className = "running";
  answer.ariaBusy = "true"; // read out once it is whole, not at each word
  for (const id of ["status", "first", "events", "seen"]) $(id).textContent = "–";
  $("send").ariaDisabled = $("wrong-key").ariaDisabled = "true";
  $("stop").ariaDisabled = "false";
  const started = performance.now();
  const view = {
    direct: $("direct").checked, text: "", events: 0, id: null,
    add(event) {
      const word = event.choices?.[0]?.delta?.content ?? "";
      if (word && !view.text) $("first").textContent = `${Math.round(performance.now() - started)} ms`;
      view.say(view.text + word);
    },
    count() {
      $("events").textContent = ++view.events;
    },
    say(text) {
      answer.textContent = view.text = text;
    },
    finish(outcome, text) {
      view.outcome = outcome;
      setOutcome(outcome, text);
      answer.classList.toggle("failed", outcome !== "complete" && outcome !== "stopped");
    },
    close() {
      answer.classList.remove("running");
      answer.ariaBusy = "false";
      $("send").ariaDisabled = $("wrong-key").ariaDisabled = "false";
      $("stop").ariaDisabled = "true";
    },
  };
  setOutcome("running", view.direct ? "Asking API Management itself." : "Asking through the edge.");
  $("chat").scrollIntoView({ block: "nearest" });
  return view;
}

function setOutcome(outcome, text) {
  $("outcome").dataset.outcome = outcome;
  $("outcome").textContent = text;
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

// showEdge shows the edge's log and counters as the demo hands them on.
async function showEdge() {
  try {
    const response = await fetch("edge.json");
    if (!response.ok) throw new Error(await response.text());
    const { lines, counters } = await response.json();
    showLines(lines);
    $("counters").replaceChildren(...counters.map(row));
    $("lost").textContent = "";
  } catch {
    $("lost").textContent = "The demo does not answer; what stands here is old.";
  }
}

// showLines keeps to the end of the log, unless somebody has gone back in it.
function showLines(lines) {
  const log = $("log");
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 8;
  const text = lines.join("\n");
  if (text === shown) return; // whoever selects a line keeps it
  shown = text;
  $("lines").replaceChildren(...lines.map((line) => element("li", line)));
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function row({ name, label, means, value }) {
  const head = element("th", "");
  head.scope = "row";
  head.append(element("code", label ? `${name}{${label}}` : name), means);
  const tr = element("tr", "");
  tr.append(head, element("td", String(value)));
  return tr;
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

begin();
