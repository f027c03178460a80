package doctor

import (
	"fmt"
	"strings"
)

// configure writes the configuration to use, or says why none is needed.
func (v *verdict) configure() {
	switch v.way {
	case Open:
		v.none("none is needed: the API asks for no credential")
	case Front:
		v.none("none is needed: keys that come as Authorization: Bearer get through already")
	case Tokens:
		v.none("none is needed for tokens that come as Authorization: Bearer; for those that SDKs put into api-key any configuration will do")
	case Unclear:
		v.none("what the API wants is not clear")
	case ByClients, Renamed:
		if v.target.ownField != "" {
			v.none("the upstream is shown a credential of the edge's own: what is said above about its field counts")
			return
		}
		v.configuration = v.lines()
	}
}

// lines is the configuration: of a route that has a name, what to change in it.
func (v *verdict) lines() string {
	header, value := v.keyField, ""
	if v.way == Renamed {
		header, value = "Authorization", "Bearer {key}"
	}
	var credential []string
	credential = append(credential, "header: "+quoted(header))
	if value != "" {
		credential = append(credential, fmt.Sprintf("value: %q", value))
	}
	if v.bothWanted() {
		credential = append(credential, "keep_authorization: true")
	}
	var out strings.Builder
	if v.target.Name != "" {
		fmt.Fprintf(&out, "routes:\n  %s:\n    credential:\n", v.target.Name)
		for _, line := range credential {
			fmt.Fprintf(&out, "      %s\n", line)
		}
		return out.String()
	}
	fmt.Fprintf(&out, "# Written by apim-edge doctor for %s.\n", v.target.shown(v.target.URL))
	if v.way == Renamed {
		out.WriteString("# Keys that come as Bearer need no edge here. This lets clients in that still send api-key.\n")
	}
	fmt.Fprintf(&out, "upstreams:\n  legacy:\n    url: %s\nroutes:\n  openai:\n    path_prefix: /\n    upstream: legacy\n    credential:\n", quoted(v.upstreamURL()))
	for _, line := range credential {
		fmt.Fprintf(&out, "      %s\n", line)
	}
	out.WriteString("    # Pages of browsers that may call:\n    # cors: {allowed_origins: [\"https://chat.example.com\"]}\n" + census)
	return out.String()
}

// census is on in what is written: who starts here wants to know when the edge can go. In
// memory it works everywhere; file and key need places that only the operator knows.
const census = `# Who uses the edge and what for, for apim-edge report. A restart forgets it, unless there
# are a file and a key, which is any text that nobody can guess.
census:
  enabled: true
  # file: /var/lib/apim-edge/census.jsonl
  # key: file:/etc/apim-edge/census.key
`

// upstreamURL is the URL of the upstream such that clients' paths, which begin with
// /openai, are found behind it.
func (v *verdict) upstreamURL() string {
	return v.target.direct(v.target.base())
}

// quoted is a text as YAML takes it: plain where it can be nothing else.
func quoted(text string) string {
	for _, c := range text {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._:/%", c) {
			return fmt.Sprintf("%q", text)
		}
	}
	return text
}
