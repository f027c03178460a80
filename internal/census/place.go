package census

import (
	"bytes"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/rewrite"
)

// place is what the path of a request shows.
type place struct{ shape, operation, version, model string }

// The shapes.
const (
	V1     = "v1"
	Legacy = "legacy"
	Other  = "other"
)

// words are those that operations are made of. What stands between them is an id of
// something, and becomes {id}: only what is listed here is ever told of a path.
var words = []string{
	"chat", "completions", "embeddings", "responses", "models", "files", "content", "batches", "cancel", "images", "generations",
	"edits", "variations", "audio", "speech", "transcriptions", "translations", "realtime", "sessions", "client_secrets", "assistants",
	"threads", "messages", "runs", "steps", "submit_tool_outputs", "vector_stores", "file_batches", "search", "uploads", "parts",
	"complete", "fine_tuning", "jobs", "events", "checkpoints", "evals", "output_items", "containers", "moderations", "input_items",
	"conversations", "items", "videos", "deployments", "engines", "ingestion", "extensions", "calls", "input_tokens", "compact",
}

// roots are the words that an operation begins with.
var roots = []string{
	"chat", "completions", "embeddings", "responses", "models", "files", "batches", "images", "audio", "realtime", "assistants", "threads",
	"vector_stores", "uploads", "fine_tuning", "evals", "containers", "moderations", "conversations", "videos", "extensions",
}

// maxSegments bounds how much of a path is an operation.
const maxSegments = 6

// placeOf reads a path with its query, as the log shows them. Prefixes of routes and
// upstreams may stand in front.
func placeOf(path []byte) place {
	path, query, _ := bytes.Cut(path, []byte("?"))
	segments := strings.Split(strings.Trim(string(path), "/"), "/")
	p := place{shape: Other, operation: Other, version: versionOf(query)}
	if at := slices.Index(segments, "deployments"); at >= 0 && at+2 < len(segments) && slices.Contains(roots, segments[at+2]) {
		p.shape, p.model, p.operation = Legacy, modelOf(segments[at+1]), operationOf(segments[at+2:])
		return p
	}
	start := max(slices.Index(segments, "openai"), slices.Index(segments, "v1"), 0) // what is in front is a prefix
	at := slices.IndexFunc(segments[start:], func(s string) bool { return slices.Contains(roots, s) })
	if at < 0 {
		return p
	}
	at += start
	p.operation = operationOf(segments[at:])
	switch {
	case at > 0 && segments[at-1] == "v1":
		p.shape = V1
	case p.version != "":
		p.shape = Legacy
	}
	if segments[at] == "models" && at+1 < len(segments) && !slices.Contains(words, segments[at+1]) {
		p.model = modelOf(segments[at+1])
	}
	return p
}

func operationOf(segments []string) string {
	segments = slices.Clone(segments[:min(len(segments), maxSegments)])
	for i, s := range segments {
		if i > 0 && !slices.Contains(words, s) {
			segments[i] = "{id}"
		}
	}
	return strings.Join(segments, "/")
}

var (
	version   = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2}(-preview)?|preview|latest|v1)$`)
	modelName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$`)
	// likeKey is the form of generated keys: names of models have words.
	likeKey = regexp.MustCompile(`^[0-9A-Za-z]{20,}$|^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$|^sk-`)
)

func versionOf(query []byte) string {
	value := string(rewrite.SoleParameter(query, "api-version"))
	if value != "" && !version.MatchString(value) {
		return Other
	}
	return value
}

// modelOf returns the name of a model or deployment as it may be told. What a client has
// put there by mistake may be its key.
func modelOf(segment string) string {
	name, err := url.PathUnescape(segment)
	if err != nil || !modelName.MatchString(name) || likeKey.MatchString(name) || rewrite.HoldsSecret([]byte(name)) {
		return Other
	}
	return name
}
