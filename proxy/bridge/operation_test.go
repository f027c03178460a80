package bridge

import (
	"errors"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// kinds is what is known of each operation that clients call (the table): its path,
// and how it crosses, from v1 to legacy and back. It is written down here once more so that
// nobody changes a promise by a row.
var kinds = []struct {
	method, path string // of v1; D/ is where a legacy client has its deployment
	legacy, v1   string
}{
	{"POST", "D/chat/completions", "exact", "exact"},
	{"POST", "D/completions", "exact", "lossy"},
	{"POST", "D/embeddings", "exact", "lossy"},
	{"POST", "/responses", "exact", "exact"},
	{"GET", "/responses/resp_1", "exact", "exact"},
	{"DELETE", "/responses/resp_1", "exact", "exact"},
	{"GET", "/responses/resp_1/input_items", "exact", "exact"},
	{"POST", "/responses/resp_1/cancel", "impossible", "exact"},
	{"POST", "/responses/compact", "impossible", "exact"},
	{"POST", "/responses/input_tokens", "impossible", "exact"},
	{"GET", "/responses", "impossible", "impossible"}, // with Upgrade
	{"POST", "D/audio/transcriptions", "exact", "exact"},
	{"POST", "D/audio/translations", "exact", "exact"},
	{"POST", "D/audio/speech", "exact", "exact"},
	{"POST", "D/images/generations", "exact", "exact"},
	{"POST", "/images/generations:submit", "impossible", "impossible"},
	{"POST", "D/images/edits", "exact", "exact"},
	{"GET", "/files", "exact", "exact"},
	{"POST", "/files", "exact", "exact"},
	{"GET", "/files/file-1/content", "exact", "exact"},
	{"DELETE", "/files/file-1", "exact", "exact"},
	{"POST", "/uploads", "exact", "lossy"},
	{"POST", "/uploads/upload_1/parts", "exact", "lossy"},
	{"POST", "/batches", "lossy", "lossy"},
	{"GET", "/batches", "exact", "exact"},
	{"GET", "/batches/batch_1", "exact", "exact"},
	{"POST", "/batches/batch_1/cancel", "exact", "exact"},
	{"GET", "/models", "exact", "exact"},
	{"GET", "/models/gpt-4o", "exact", "exact"},
	{"POST", "/fine_tuning/jobs", "exact", "exact"},
	{"POST", "/fine_tuning/jobs/ft_1/pause", "exact", "exact"},
	{"POST", "/fine_tuning/alpha/graders/run", "exact", "exact"},
	{"POST", "/vector_stores", "exact", "exact"},
	{"GET", "/vector_stores/vs_1/files", "exact", "exact"},
	{"POST", "/assistants", "impossible", "impossible"},
	{"POST", "/threads", "impossible", "impossible"},
	{"POST", "/threads/t_1/runs", "impossible", "impossible"},
	{"POST", "/evals", "lossy", "exact"},
	{"POST", "/containers", "impossible", "exact"},
	{"GET", "/realtime", "impossible", "impossible"},
	{"POST", "/realtime/client_secrets", "impossible", "impossible"},
	{"POST", "/realtime/calls", "impossible", "impossible"},
	{"POST", "/realtimeapi/sessions", "impossible", "impossible"},
	{"POST", "/video/generations/jobs", "impossible", "impossible"},
	{"POST", "/videos", "impossible", "impossible"},
	{"POST", "/conversations", "impossible", "impossible"},
	{"POST", "/moderations", "impossible", "impossible"},
	{"POST", "/images/variations", "impossible", "impossible"},
	// Azure AI Model Inference
	{"POST", "/models/chat/completions", "exact", "exact"},
	{"POST", "/models/embeddings", "exact", "lossy"},
	{"POST", "/models/images/embeddings", "impossible", "impossible"},
}

func TestEachOperationCrossesAsItIsKnownTo(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range kinds {
		v1 := strings.Replace(k.path, "D/", "/", 1)
		legacy := strings.Replace(k.path, "D/", "/deployments/gpt-5/", 1)
		for _, way := range []struct{ to, path, want string }{
			{Legacy, "/openai/v1" + v1, k.legacy}, {V1, "/openai" + legacy, k.v1},
		} {
			kind, operation, note := kindOf(t, way.to, k.method, way.path)
			if kind != way.want {
				t.Errorf("to %s, %s %s is %s, want %s", way.to, k.method, way.path, kind, way.want)
			}
			if (note != "") != (kind != "exact") {
				t.Errorf("to %s, %s %s is %s with the note %q", way.to, k.method, way.path, kind, note)
			}
			seen[operation] = true
		}
	}
	for _, o := range operations {
		if !seen[o.name] {
			t.Errorf("nothing is said of %s", o.name)
		}
	}
}

// kindOf has a request cross as far as that is known without its body.
func kindOf(t *testing.T, to, method, path string) (kind, operation, note string) {
	t.Helper()
	var c Crossing
	table := newTable(t, Options{To: to, Models: map[string]Model{"gpt-4o": {APIVersion: "2025-04-01-preview"}, "gpt-5": {APIVersion: "2025-04-01-preview"}}})
	err := table.Begin(&c, &Request{Method: []byte(method), Path: []byte(path), Query: []byte("api-version=2025-04-01-preview"), ContentType: []byte(jsonType), HasBody: method == "POST"})
	var e *edgeerr.Error
	switch {
	case err == nil:
		way, note := c.Way()
		return way.String(), c.Operation(), note
	case errors.As(err, &e) && e.Code == edgeerr.BridgeImpossible && c.operation != nil:
		return Impossible.String(), c.operation.name, e.Message
	}
	return err.Error(), "", ""
}
