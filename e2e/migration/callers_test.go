//go:build e2e

package migration

import (
	"net/http"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// The keys of the teams, and a token. They are marked, so that a search finds them.
const (
	shopKey    = "0123456789abcdef0123month1shop00"
	searchKey  = "0123456789abcdef0123month1search"
	booksKey   = "0123456789abcdef0123month1books0"
	portalKey  = "0123456789abcdef0123month1portal"
	nightlyKey = "0123456789abcdef0123month1nights"
	archiveKey = "0123456789abcdef0123month1archiv"
	notesToken = "eyJhbGciOiJub25lIn0.eyJhenAiOiJub3RlcyJ9.bW9udGg"
	agentToken = "eyJhbGciOiJub25lIn0.eyJhenAiOiJhZ2VudCJ9.bW9udGg"
)

const (
	v1Chat     = "POST /openai/v1/chat/completions"
	v1Models   = "GET /openai/v1/models"
	legacyChat = "POST /openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
	embeddings = "POST /openai/deployments/ada/embeddings?api-version=2024-10-21"
)

// caller is a program of a team: a client as it is known by its User-Agent, which sends one
// request on each of its days.
type caller struct {
	route, agent, known string // known: what the report calls the client
	asks, field         string // field: where its credential is, as a line of a head
	every               int    // it comes on days that this divides
	// moved is the line, or the lines, that it sends once it has moved; empty: it never has to.
	moved string

	needs    bool // the edge, as long as it asks as it does
	lastNeed int  // the last day on which it came with a need; 0: none
	away     bool // it calls the API itself
}

// callers are those of three APIs. Each route goes another one of the three ways.
func callers() map[string]*caller {
	return map[string]*caller{
		"shop": {route: "openai", agent: "OpenAI/Python 2.33.0", known: "openai-python 2.33.0", asks: v1Chat, every: 1, needs: true,
			field: "Authorization: Bearer " + shopKey, moved: "Authorization: Bearer " + shopKey + "\napi-key: " + shopKey},
		"search": {route: "openai", agent: "OpenAI/JS 6.1.0", known: "openai-node 6.1.0", asks: v1Models, every: 7, needs: true,
			field: "Authorization: Bearer " + searchKey, moved: "api-key: " + searchKey},
		"books": {route: "openai", agent: "curl/8.5.0", known: "curl 8.5.0", asks: legacyChat, every: 15, needs: true,
			field: "Ocp-Apim-Subscription-Key: " + booksKey, moved: "api-key: " + booksKey},
		"portal": {route: "openai", agent: "AzureOpenAI/JS 6.1.0", known: "openai-node 6.1.0", asks: embeddings, every: 2,
			field: "api-key: " + portalKey},
		"notes": {route: "tokens", agent: "AzureOpenAI/Python 2.34.0", known: "openai-python 2.34.0", asks: legacyChat, every: 3, needs: true,
			field: "api-key: " + notesToken, moved: "Authorization: Bearer " + notesToken},
		"agent": {route: "tokens", agent: "OpenAI/Python 3.57.0", known: "openai-python 3.57.0", asks: v1Chat, every: 1,
			field: "Authorization: Bearer " + agentToken},
		"nightly": {route: "batch", agent: "OpenAI/Go 3.1.0", known: "openai-go 3.1.0", asks: v1Chat, every: 1, needs: true,
			field: "Authorization: Bearer " + nightlyKey},
		"archive": {route: "batch", agent: "OpenAI/Java 4.2.0", known: "openai-java 4.2.0", asks: v1Models, every: 1,
			field: "api-key: " + archiveKey, moved: "Authorization: Bearer " + archiveKey},
	}
}

// move has a caller send its credential where the API looks for it.
func (c *caller) move() { c.field, c.needs = c.moved, false }

// ask sends its request to a base URL and returns status and body.
func (c *caller) ask(t *testing.T, base string) (status int, body string) {
	t.Helper()
	method, path, _ := strings.Cut(c.asks, " ")
	sent := ""
	switch {
	case strings.Contains(path, "embeddings"):
		sent = `{"input":"a word"}`
	case method == http.MethodPost:
		sent = `{"model":"gpt-4o","messages":[{"role":"user","content":"Hello"}]}`
	}
	fields := []string{"User-Agent", c.agent, "Content-Type", "application/json"}
	for line := range strings.SplitSeq(c.field, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		fields = append(fields, name, value)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer := testkit.Ask(t, client, method, base+path, sent, fields...)
	return answer.StatusCode, answer.Text
}
