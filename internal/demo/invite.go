package demo

import "fmt"

// invite prints lines to try; then the demo only serves.
func (d *demo) invite() {
	d.out.headline("Try it")
	d.out.say("Page")
	d.out.command(d.pageURL)
	d.out.say("curl")
	d.out.command(curl(d.edgeURL))
	d.out.say("Python  (pip install openai)")
	d.out.command(python(d.edgeURL))
	d.out.say("Node  (npm install openai)")
	d.out.command(node(d.edgeURL))
	d.out.explain("Other models: slow-reasoning (first word after %v), 429, 500, backend-401, cut-chunked, hang. The name says what the look-alike does.", d.firstWord)
	d.out.write("\n")
	d.out.say("The operator's page, the metrics, and the configuration in use")
	d.out.command(d.adminURL + "/\n" + d.adminURL + "/metrics\n" + d.adminURL + "/config")
	d.logIn()
	d.out.say("Who needs apim-edge, and a tour of all of it in two minutes")
	d.out.command(d.opt.Program + " report " + d.adminURL + "\n" + d.opt.Program + " demo --tour")
	if d.opt.Keys != nil {
		d.sayKeys()
	}
	d.out.say("Serving until Ctrl-C. The log of apim-edge, and what the look-alike saw:")
	d.out.write("\n")
}

func curl(base string) string {
	return fmt.Sprintf(`curl -N %s%s \
  -H "Authorization: Bearer %s" \
  -H "Content-Type: application/json" \
  -d '{"model": "gpt-4o", "stream": true,
       "messages": [{"role": "user", "content": "Hello"}]}'`, base, path, subscriptionKey)
}

func python(base string) string {
	return fmt.Sprintf(`python3 - <<'END'
from openai import OpenAI
client = OpenAI(base_url="%s/openai/v1",
                api_key="%s")
for event in client.chat.completions.create(
        model="gpt-4o", stream=True,
        messages=[{"role": "user", "content": "Hello"}]):
    print(event.choices[0].delta.content or "", end="", flush=True)
END`, base, subscriptionKey)
}

func node(base string) string {
	return fmt.Sprintf(`node --input-type=module - <<'END'
import OpenAI from "openai";
const client = new OpenAI({ baseURL: "%s/openai/v1",
                            apiKey: "%s" });
const stream = await client.chat.completions.create({
  model: "gpt-4o", stream: true,
  messages: [{ role: "user", content: "Hello" }] });
for await (const event of stream)
  process.stdout.write(event.choices[0].delta.content ?? "");
END`, base, subscriptionKey)
}
