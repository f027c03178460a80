package bridge

import (
	"bytes"
	"strings"
)

// Fidelity says how well an operation crosses the bridge in one direction.
type Fidelity uint8

// An operation crosses as it is, with a note of what is lost, or not at all.
const (
	Exact Fidelity = iota
	Lossy
	Impossible
)

// String returns exact, lossy or impossible.
func (f Fidelity) String() string { return [...]string{"exact", "lossy", "impossible"}[f] }

// way is one direction of an operation. The note of a lossy one says what is lost, that
// of an impossible one why, and what to do.
type way struct {
	Fidelity
	note string
}

// below says whether the legacy API has an operation below a deployment.
type below uint8

const (
	atRoot     below = iota // of the API, as in v1
	deployment              // /deployments/{deployment}/...
	stray                   // at the root, but some clients put it below a deployment
)

// operation is one row of the table. Its path is the same in both shapes, save for
// what stands in front of it. {id} is one segment, * what stands below, if anything.
type operation struct {
	name    string
	methods string // separated by spaces; empty: all
	path    string
	below   below
	model   bool   // the body names the model in v1; in legacy it does unless the path does
	listed  bool   // answered from the table on the way to legacy
	since   string // first api-version that has it; empty: all that are served
	legacy  way    // from v1 to legacy
	v1      way    // from legacy to v1
}

// Words that several rows share.
const (
	responsesSince = "2025-03-01-preview"
	noteBatches    = "the endpoint of a batch and the lines of its file stay as they are: endpoint is /chat/completions for a legacy API and /v1/chat/completions for v1, " +
		"and the model in each line has to be a name that the upstream knows"
	noLegacy  = "the legacy API has no such operation; it needs an upstream that speaks v1"
	onlyV1    = "legacy clients have no such operation; call it by its v1 path"
	retired   = "Azure retired assistants and threads on 2026-08-26; use responses"
	inference = "only Azure AI Model Inference (/models/images/embeddings) has this operation; it needs an upstream of that API"
	notAzure  = "Azure OpenAI does not offer this operation"
	events    = "the events of the Realtime API have other names in v1 than in the legacy API; connect to an upstream of the client's own shape"
)

// operations has every operation that clients of either shape are known to call. Where
// two paths fit, the first counts. What an API Management in front has imported of them
// is another matter: it answers 404 by itself for what it does not know.
var operations = []operation{
	{name: "chat completions", methods: "POST", path: "/chat/completions", below: deployment, model: true},
	{name: "responses", methods: "POST", path: "/responses", below: stray, model: true, since: responsesSince},
	{name: "embeddings", methods: "POST", path: "/embeddings", below: deployment, model: true,
		v1: way{Lossy, "input_type exists in the legacy API only"}},
	{name: "models", methods: "GET HEAD", path: "/models", listed: true},
	{name: "model", methods: "GET HEAD", path: "/models/*", listed: true},
	{name: "completions", methods: "POST", path: "/completions", below: deployment, model: true,
		v1: way{Lossy, "v1 has it as a preview only: the upstream may answer 404"}},
	{name: "audio transcriptions", methods: "POST", path: "/audio/transcriptions", below: deployment, model: true},
	{name: "audio translations", methods: "POST", path: "/audio/translations", below: deployment, model: true},
	{name: "audio speech", methods: "POST", path: "/audio/speech", below: deployment, model: true, since: "2024-02-15-preview"},
	{name: "images generations", methods: "POST", path: "/images/generations", below: deployment, model: true},
	{name: "images edits", methods: "POST", path: "/images/edits", below: deployment, model: true, since: "2025-04-01-preview"},

	{name: "response compact", path: "/responses/compact", model: true, legacy: way{Impossible, noLegacy}},
	{name: "response input tokens", path: "/responses/input_tokens", model: true, legacy: way{Impossible, noLegacy}},
	{name: "response", methods: "GET DELETE", path: "/responses/{id}", since: responsesSince},
	{name: "response input items", methods: "GET", path: "/responses/{id}/input_items", since: responsesSince},
	{name: "response cancel", methods: "POST", path: "/responses/{id}/cancel", legacy: way{Impossible, noLegacy}},
	{name: "responses over WebSocket", methods: "GET", path: "/responses", legacy: way{Impossible, noLegacy}, v1: way{Impossible, onlyV1}},

	{name: "files", path: "/files/*"},
	{name: "uploads", path: "/uploads/*", since: "2024-08-01-preview",
		v1: way{Lossy, "the published v1 API does not list it: the upstream may answer 404"}},
	{name: "batches", methods: "POST", path: "/batches", below: stray, since: "2024-07-01-preview",
		legacy: way{Lossy, noteBatches}, v1: way{Lossy, noteBatches}},
	{name: "batch", path: "/batches/*", since: "2024-07-01-preview"},
	{name: "fine-tuning", path: "/fine_tuning/*"}, // its model is a base model and no deployment
	{name: "vector stores", path: "/vector_stores/*", since: "2024-05-01-preview"},
	{name: "evals", path: "/evals/*", since: "2025-04-01-preview",
		legacy: way{Lossy, "names of models inside an eval stay as they are"}},
	{name: "containers", path: "/containers/*", legacy: way{Impossible, noLegacy}},

	{name: "realtime", methods: "GET", path: "/realtime", legacy: way{Impossible, events}, v1: way{Impossible, events}},
	{name: "realtime keys and calls", path: "/realtime/*", legacy: way{Impossible, events}, v1: way{Impossible, events}},
	{name: "realtime sessions", path: "/realtimeapi/*", legacy: way{Impossible, events}, v1: way{Impossible, events}},
	{name: "video generations", path: "/video/*", legacy: way{Impossible, noLegacy}, v1: way{Impossible, onlyV1}},
	{name: "videos", path: "/videos/*", legacy: way{Impossible, noLegacy}, v1: way{Impossible, onlyV1}},
	{name: "assistants", path: "/assistants/*", legacy: way{Impossible, retired}, v1: way{Impossible, retired}},
	{name: "threads", path: "/threads/*", legacy: way{Impossible, retired}, v1: way{Impossible, retired}},
	{name: "images submit", path: "/images/generations:submit",
		legacy: way{Impossible, notAzure}, v1: way{Impossible, "images are no longer made behind a submit; call images/generations"}},
	{name: "conversations", path: "/conversations/*", legacy: way{Impossible, notAzure}, v1: way{Impossible, notAzure}},
	{name: "moderations", path: "/moderations", legacy: way{Impossible, notAzure}, v1: way{Impossible, notAzure}},
	{name: "image embeddings", path: "/images/embeddings", legacy: way{Impossible, inference}, v1: way{Impossible, inference}},
	{name: "image variations", path: "/images/variations", legacy: way{Impossible, notAzure}, v1: way{Impossible, notAzure}},
}

// at returns the operation of a method at a path, or nil.
func at(method, path []byte) *operation {
	for i := range operations {
		if o := &operations[i]; o.allows(method) && fits(o.path, path) {
			return o
		}
	}
	return nil
}

// belowDeployment splits what stands below /deployments into the name, as it is
// written, and an operation. A name may have slashes: openai-node 6 writes it as it is.
func belowDeployment(method, rest []byte) (name []byte, o *operation) {
	for i := range operations {
		o := &operations[i]
		if name, found := bytes.CutSuffix(rest, []byte(o.path)); found && o.below != atRoot && o.allows(method) && len(name) > 0 {
			return name, o
		}
	}
	return nil, nil
}

func (o *operation) allows(method []byte) bool {
	if o.methods == "" {
		return true
	}
	for allowed := range strings.SplitSeq(o.methods, " ") {
		if string(method) == allowed {
			return true
		}
	}
	return false
}

// fits reports whether a path is that of a row.
func fits(pattern string, path []byte) bool {
	if head, all := strings.CutSuffix(pattern, "/*"); all {
		rest, found := bytes.CutPrefix(path, []byte(head))
		return found && (len(rest) == 0 || rest[0] == '/')
	}
	head, tail, hasID := strings.Cut(pattern, "{id}")
	if !hasID {
		return string(path) == pattern
	}
	rest, found := bytes.CutPrefix(path, []byte(head))
	if !found {
		return false
	}
	id, found := bytes.CutSuffix(rest, []byte(tail))
	return found && len(id) > 0 && bytes.IndexByte(id, '/') < 0
}
