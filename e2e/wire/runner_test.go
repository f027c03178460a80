//go:build e2e

package wire

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/peer"
	"github.com/apim-edge/apim-edge/e2e/internal/raw"
)

// standIn does one thing that the edge does, in the simplest way: it moves a
// Bearer key into api-key, for one exchange per connection. The runner is
// judged by what it finds in it.
type standIn struct {
	listener *peer.Listener
	upstream string
	mu       sync.Mutex
	log      strings.Builder
}

func startStandIn(_, config string) (edgeUnderTest, error) {
	s := &standIn{upstream: regexp.MustCompile(`127\.0\.0\.1:[1-9][0-9]*`).FindString(config)}
	var err error
	s.listener, err = peer.Listen("127.0.0.1:0", nil, s.exchange)
	return s, err
}

func (s *standIn) Address() string { return s.listener.Address }

func (s *standIn) Stop() (string, error) {
	s.listener.Close()
	return s.log.String(), nil
}

func (s *standIn) exchange(conn *raw.Conn) {
	var in []byte
	request := readWhile(conn, &in, func() (*Message, error) { return parseRequest(in) })
	up, err := raw.Dial(s.upstream, raw.Dialer{})
	if err != nil || request == nil {
		return
	}
	defer up.Close()
	_, _ = up.Write(bytes.Replace(in, []byte("Authorization: Bearer "), []byte("api-key: "), 1))
	var out []byte
	response := readWhile(up, &out, func() (*Message, error) { return parseResponse(out, request.Method(), raw.Open) })
	_, _ = conn.Write(out)
	if response == nil {
		conn.Leave(raw.ByReset) // a cut is visible
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(&s.log, "{\"message\":\"exchange\",\"reason\":\"bearer_key\",\"cause\":\"complete\",\"status\":%.3s}\n", out[min(9, len(out)):])
}

const goodStory = `A key moves.
-- client.send --
POST /v1/chat HTTP/1.1
Host: edge
Authorization: Bearer k3y-alice
Content-Length: 2

{}
-- upstream.want --
POST /v1/chat
api-key: k3y-alice
!authorization
body "{}"
-- upstream.send --
HTTP/1.1 200 OK
Content-Type: text/plain
Transfer-Encoding: chunked

<chunk "one\n">
<last-chunk>
-- client.want --
status 200
content-type: text/plain
framing chunked
body "one\n"
closed
-- log.want --
reason=bearer_key status=200
`

// between returns the part of text from one mark up to another.
func between(text, from, to string) string {
	start := strings.Index(text, from)
	return text[start : start+strings.Index(text[start:], to)]
}

// TestRunner plays a story that is right, and ones that are not: each must
// fail, and say what was wanted and what came.
func TestRunner(t *testing.T) {
	for _, tc := range []struct {
		name, from, to string // what is wrong
		want           string // in the faults; empty: none
	}{
		{"a good story passes", "", "", ""},
		{"another status", "status 200", "status 201", "status: want 201, got 200"},
		{"a field that is missing", "content-type: text/plain\nf", "x-there: yes\nf", `field x-there: want ["yes"], got []`},
		{"a field that must not be there", "!authorization", "!host", `field host: want [], got ["edge"]`},
		{"another body", `body "one\n"`, `body "two\n"`, `body: want "two\n", got "one\n"`},
		{"another request line", "POST /v1/chat\n", "POST /v2/chat\n", `request line: want "POST /v2/chat HTTP/1.1", got "POST /v1/chat HTTP/1.1"`},
		{"an answer that is cut", "<last-chunk>", "<close>", "want the response complete, got it without its end"},
		{"a cut that does not come", "closed", "incomplete", "want the response without its end, got it complete"},
		{"another end of the connection", "closed", "reset", `end of the connection: want "reset", got "closed"`},
		{"a response too few", "closed", "then\nstatus 200", "want 2 responses, got 1"},
		{"a response too many", "<last-chunk>", "<last-chunk>\n\"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n\"", "want 1 responses, got 2"},
		{"bytes behind the response", "<last-chunk>", "<last-chunk>\n\"HTTP\"", "bytes that belong to no wanted response"},
		{"an upstream that must not be asked", between(goodStory, "POST /v1/chat\napi", "-- client.want"), "never\n", "never, but the edge opened 1 connections"},
		{"a request too few", "POST /v1/chat\n", "POST /v1/chat\ncount 2\n", "want 2 requests, got 1"},
		{"an error that is the upstream's", "status 200", "error upstream_aborted", `x-apim-edge-error: want "upstream_aborted", got ""`},
		{"another reason", "reason=bearer_key", "reason=token", `reason: want "token", got "bearer_key"`},
		{"a log line too few", "reason=bearer_key status=200\n", "reason=bearer_key\nreason=bearer_key\n", "want 2 access lines, got 1"},
		{"a chunk size that is none", `<chunk "one\n">`, "zz", "breaks HTTP/1.1"},
		{"a line that nobody knows", "status 200", "statuses 200", `"statuses 200" is no expectation`},
		{"a directive that nobody knows", "<last-chunk>", "<lasst-chunk>", "no such directive"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(goodStory, tc.from, tc.to, 1)
			if tc.from != "" && text == goodStory {
				t.Fatalf("%q is not in the story", tc.from)
			}
			end := tellToStandIn(t, text)
			got := strings.Join(end.faults, "\n")
			if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
				t.Errorf("faults: got\n%s\nwant %q\n\n%s", got, tc.want, end.transcript)
			}
		})
	}
}

// TestOutline refuses files that could pass without saying anything.
func TestOutline(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"no promise", "-- client.send --\n", "promise"},
		{"nothing wanted", "P.\n-- client.send --\nx\n", "client.want"},
		{"nothing said about the upstream", "P.\n-- client.send --\nx\n-- client.want --\nstatus 200\n", "upstream"},
		{"an answer of an upstream that is never asked", "P.\n-- client.send --\nx\n-- client.want --\nstatus 200\n-- upstream.want --\nnever\n-- upstream.send --\nx\n", "never"},
		{"a misspelt section", "P.\n-- client.sent --\nx\n", "unknown section"},
		{"a section twice", "P.\n-- client.send --\nx\n-- client.send --\nx\n", "twice"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := parseSections([]byte(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("parseSections(%q): got %v, want %q in it", tc.text, err, tc.want)
			}
		})
	}
}
