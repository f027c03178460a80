//go:build e2e

package wire

import (
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestRewrite holds that a story with a wrong want becomes the right one, line by
// line, and that it holds then.
func TestRewrite(t *testing.T) {
	for _, tc := range []struct {
		name, from, to string // what is wrong
		want           string // instead of to; "": from, as it was
	}{
		{"nothing is wrong", "", "", ""},
		{"a comment stays", "status 200", "# why\n\nstatus 201", "# why\n\nstatus 200"},
		{"a status", "status 200", "status 201", ""},
		{"an error that is none", "status 200", "error upstream_aborted", ""},
		{"a value", "text/plain\nf", "text/html\nf", ""},
		{"a field that is missing", "framing chunked", "x-there: yes\nframing chunked", "!x-there\nframing chunked"},
		{"a field that must not be there", "!authorization", "!host", "host: edge"},
		{"two lines of a field that is there once", "api-key: k3y-alice\n", "api-key: a\napi-key: b\n", ""},
		{"a field whose values hold stays as it is spelled", "content-type: text/plain", "CONTENT-type: ~^text/", "CONTENT-type: ~^text/"},
		{"a trailer", "framing chunked", "trailer x-sum: 1\nframing chunked", "!trailer x-sum\nframing chunked"},
		{"a framing", "framing chunked", "framing length", ""},
		{"a body", `body "one\n"`, `body "two\n"`, ""},
		{"a part of a body", `body "one\n"`, `body contains "two"`, ""},
		{"an order", "framing chunked", "order content-type date\nframing chunked", "order Content-Type\nframing chunked"},
		{"an interim response that does not come", "framing chunked", "interim 103\nframing chunked", "framing chunked"},
		{"an end of the connection", "closed", "reset", ""},
		{"a cut that does not come", "closed", "incomplete\nclosed", "closed"},
		{"a response too few", "closed\n", "closed\nthen\nstatus 200\n", ""},
		{"no response", between(goodStory, "status 200\n", "-- log"), "nothing\n", "status 200\nframing chunked\nbody \"one\\n\"\n"},
		{"a request line", "POST /v1/chat\napi", "POST /v2/chat\napi", ""},
		{"another connection", "POST /v1/chat\napi", "POST /v1/chat\nconnection 2\napi", "POST /v1/chat\nconnection 1\napi"},
		{"a reason", "reason=bearer_key", "reason=token", ""},
		{"a key that must not be there", "reason=bearer_key", "!reason", ""},
		{"a key that is not there", "reason=bearer_key", "reason=bearer_key head=1", "reason=bearer_key !head"},
		{"a log line too many", "status=200\n", "status=200\nstatus=200\n", ""},
		{"a log line too few", "reason=bearer_key status=200\n", "", "status=200 cause=complete\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			text, want := strings.Replace(goodStory, tc.from, tc.to, 1), goodStory
			if tc.want != "" {
				want = strings.Replace(goodStory, tc.from, tc.want, 1)
			}
			end := tellToStandIn(t, text)
			if got := string(end.seen.rewrite([]byte(text))); got != want {
				t.Fatalf("got\n%s\nwant\n%s\n%s", got, want, strings.Join(end.faults, "\n"))
			}
			if again := tellToStandIn(t, want); len(again.faults) > 0 {
				t.Errorf("%s\nis still wrong: %q", want, again.faults)
			}
		})
	}
}

// TestRewriteOfAnUpstreamThatIsAsked: what comes to an upstream that must not be
// asked is described.
func TestRewriteOfAnUpstreamThatIsAsked(t *testing.T) {
	text := strings.Replace(goodStory, between(goodStory, "POST /v1/chat\napi", "-- client.want"), "never\n", 1)
	got := string(tellToStandIn(t, text).seen.rewrite([]byte(text)))
	if want := "-- upstream.want --\nPOST /v1/chat\nframing length\nbody \"{}\"\n-- client.want --\nnothing\n"; !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant in it\n%s", got, want)
	}
}

func tellToStandIn(t *testing.T, text string) *told {
	t.Helper()
	theatre := *theatreUnderTest
	theatre.start, theatre.patience = startStandIn, time.Second
	outline, err := parseSections([]byte(text))
	testkit.Must(t, err)
	return theatre.tell(t.TempDir(), outline)
}
