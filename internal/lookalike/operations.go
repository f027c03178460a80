package lookalike

import (
	"net/http"
	"net/url"
	"strings"
)

// operation is what a request asks for, read from its method and path.
type operation struct {
	serve func(*exchange) answer
	// api is the path of the API in APIM, with its slash; it stands in the
	// realm of a 401.
	api string
	// deployment is the name in /deployments/{name}/; empty in the v1 shape.
	deployment string
	// v1 tells that the path has /v1/ in front of the operation.
	v1 bool
	// argument is the segment that a * matched, decoded.
	argument string
}

// operations are matched at the end of the path, the first that fits wins.
// What stands in front of them is left to the client: SDKs differ in it, and a
// demo that answers 404 to a base_url without /openai helps nobody.
var operations = []struct {
	method string
	tail   []string
	serve  func(*exchange) answer
}{
	{http.MethodPost, []string{"chat", "completions"}, (*exchange).chatCompletions},
	{http.MethodPost, []string{"completions"}, (*exchange).completions},
	{http.MethodPost, []string{"responses"}, (*exchange).responses},
	{http.MethodPost, []string{"embeddings"}, (*exchange).embeddings},
	{http.MethodGet, []string{"models"}, (*exchange).listModels},
	{http.MethodGet, []string{"models", "*"}, (*exchange).retrieveModel},
	{http.MethodPost, []string{"files"}, (*exchange).uploadFile},
	{http.MethodGet, []string{"files"}, (*exchange).listFiles},
	{http.MethodGet, []string{"files", "*"}, (*exchange).retrieveFile},
	{http.MethodDelete, []string{"files", "*"}, (*exchange).deleteFile},
}

func match(r *http.Request) (operation, bool) {
	segments := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	for _, candidate := range operations {
		front := len(segments) - len(candidate.tail)
		if candidate.method != r.Method || front < 0 {
			continue
		}
		argument, ok := matchTail(segments[front:], candidate.tail)
		if !ok {
			continue
		}
		op := operation{serve: candidate.serve, argument: argument}
		op.api, op.deployment, op.v1 = readFront(segments[:front])
		return op, true
	}
	return operation{}, false
}

func matchTail(segments, tail []string) (argument string, ok bool) {
	for i, want := range tail {
		if want == "*" {
			argument = decoded(segments[i])
			continue
		}
		if segments[i] != want {
			return "", false
		}
	}
	return argument, true
}

// readFront takes the path before the operation apart: the API's own path, an
// optional v1, an optional deployments/{name}.
func readFront(segments []string) (api, deployment string, v1 bool) {
	if n := len(segments); n >= 2 && segments[n-2] == "deployments" {
		deployment = decoded(segments[n-1])
		segments = segments[:n-2]
	}
	if n := len(segments); n > 0 && segments[n-1] == "v1" {
		segments, v1 = segments[:n-1], true
	}
	return "/" + strings.Join(segments, "/"), deployment, v1
}

func decoded(segment string) string {
	if plain, err := url.PathUnescape(segment); err == nil {
		return plain
	}
	return segment
}

// Shape is which operations an import has.
type Shape uint8

const (
	// AnyShape has both, under any path.
	AnyShape Shape = iota
	// LegacyShape has none with /v1/: an import of the legacy specification.
	LegacyShape
	// V1Shape has none without.
	V1Shape
)

func (s Shape) has(op operation) bool { return s == AnyShape || op.v1 == (s == V1Shape) }
