//go:build e2e

package oracle

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/peer"
	"github.com/apim-edge/apim-edge/e2e/internal/raw"
	"github.com/apim-edge/apim-edge/e2e/wire"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// told is what Node's parser has read of one answer, or the error that its user
// gets.
type told struct {
	Interim []struct {
		Status int
		Fields [][2]string
	}
	Status   int
	Message  string
	Version  string
	Fields   [][2]string
	Length   int
	Sum      string
	Trailers [][2]string
	Complete bool
	Error    string
}

func (a told) values(name string) (values []string) {
	for _, f := range a.Fields {
		if strings.EqualFold(f[0], name) {
			values = append(values, f[1])
		}
	}
	return values
}

// answerDifference is to answers what requestDifference is to requests.
type answerDifference struct {
	why   string
	apply func(direct, edge *told) bool
}

func endHere(fields *[][2]string, gone func(name string) bool) bool {
	before := len(*fields)
	*fields = without(*fields, gone)
	return len(*fields) < before
}

// silence is how long nothing may come before an answer counts as incomplete;
// where that makes a difference, it is asked again with more patience.
const (
	silence = time.Second
	waits   = "WAITS"
)

var connectionFields = []string{"connection", "keep-alive", "proxy-connection", "te", "upgrade", "proxy-authenticate", "proxy-authorization", "http2-settings"}

var answerDifferences = []answerDifference{
	{"fields that Connection names are of that connection, but for framing", func(direct, _ *told) bool {
		var named []string
		for _, list := range direct.values("Connection") {
			for member := range strings.SplitSeq(strings.ToLower(list), ",") {
				named = append(named, strings.TrimSpace(member))
			}
		}
		kept := []string{"content-length", "transfer-encoding", "content-type", "connection"}
		return endHere(&direct.Fields, func(name string) bool { return slices.Contains(named, name) && !slices.Contains(kept, name) })
	}},
	{"hop-by-hop fields end at the edge, which has its own Connection", func(direct, edge *told) bool {
		edge.Fields = without(edge.Fields, func(name string) bool { return name == "connection" })
		for i := range direct.Interim {
			direct.Interim[i].Fields = without(direct.Interim[i].Fields, func(name string) bool { return slices.Contains(connectionFields, name) })
		}
		return endHere(&direct.Fields, func(name string) bool { return slices.Contains(connectionFields, name) })
	}},
	{"only the edge says X-Apim-Edge-*", func(direct, _ *told) bool {
		return endHere(&direct.Fields, func(name string) bool { return strings.HasPrefix(name, "x-apim-edge-") })
	}},
	{"names that some readers take for those of the edge end here", func(direct, _ *told) bool {
		gone := func(name string) bool { return isNeighbour(name, edgesOwn) }
		inHead := endHere(&direct.Fields, gone)
		return endHere(&direct.Trailers, gone) || inHead
	}},
	{"no length stands in an answer that has no body by its status (RFC 9110 section 8.6)", func(direct, _ *told) bool {
		return direct.Status == 204 && endHere(&direct.Fields, func(name string) bool { return name == "content-length" })
	}},
	{"the edge adds the Date that is missing (RFC 9110 section 6.6.1)", func(direct, edge *told) bool {
		return len(direct.values("date")) == 0 && endHere(&edge.Fields, func(name string) bool { return name == "date" })
	}},
	{"the edge speaks HTTP/1.1 whatever the upstream speaks", func(direct, _ *told) bool {
		older := direct.Version == "1.0"
		direct.Version = "1.1"
		return older
	}},
	{"100 Continue is for those who have asked for it", func(direct, edge *told) bool {
		n := len(direct.Interim)
		direct.Interim = slices.DeleteFunc(direct.Interim, func(i struct {
			Status int
			Fields [][2]string
		}) bool {
			return i.Status == 100
		})
		return len(direct.Interim) < n
	}},
}

// strictAnswers are the stories whose answer the edge does not pass on though Node
// takes it, and why; mildAnswers those that Node refuses.
var (
	strictAnswers = map[string]string{
		"limits/upstream-head-too-large":   "the edge takes heads of at most 256 KiB, Node was given more",
		"http10/upstream-chunked-is-a-lie": "Transfer-Encoding needs HTTP/1.1 (RFC 9112 section 6.1)",
		"upstream-lies/coding-gzip":        "the edge knows one coding, chunked; Node reads the chunks and leaves the rest to the application",
		"upstream-lies/coding-twice":       "Transfer-Encoding stands there once, or two parsers may take off one coding each",
		"upstream-lies/nul-in-reason":      "no control character passes",
		"upstream-lies/status-099":         "a status is 100 at least (RFC 9110 section 15)",
		"upstream-lies/version-0-9":        "there is no HTTP/0.9 with a head",
	}
	mildAnswers = map[string]string{
		"no-body/head-with-a-body":               "the body that an answer to HEAD must not have is left out",
		"trailers/response-trailer-with-framing": "the edge takes the trailers off for which Node refuses the whole",
		"interim/hop-by-hop-in-103":              "Connection in an interim answer ends at the edge; Node takes it for the end of the connection",
	}
)

// TestNodeReadsTheSameAnswers has upstreams say what those of all stories say, to
// a client with Node's parser, once directly and once through the edge.
func TestNodeReadsTheSameAnswers(t *testing.T) {
	up := newSpeaker(t)
	edge := startEdge(t, up.address)
	ask := newAsker(t)
	occurred := map[string]bool{}
	compared, complete := 0, 0
	for _, s := range stories(t, "upstream.send") {
		up.set(s)
		direct, behind := ask(up.address, s.method, silence), ask(edge, s.method, silence)
		if direct.Error != behind.Error && (direct.Error == waits || behind.Error == waits) {
			direct, behind = ask(up.address, s.method, patience), ask(edge, s.method, patience)
		}
		compared++
		if direct.Complete && behind.Complete {
			complete++
		}
		if problem := judge(s, direct, behind, occurred); problem != "" {
			t.Errorf("%s: %s\n%.300q", s.name, problem, s.bytes)
		}
	}
	if complete < 80 { // the others are cut, or lies
		t.Errorf("only %d of %d answers were complete", complete, compared)
	}
	for _, d := range answerDifferences {
		if !occurred[d.why] {
			t.Errorf("this difference no longer occurs: %s", d.why)
		}
	}
	for _, table := range []map[string]string{strictAnswers, mildAnswers} {
		for name := range table {
			if !occurred[name] {
				t.Errorf("this difference no longer occurs: %s: %s", name, table[name])
			}
		}
	}
	t.Logf("%d answers compared, %d of them complete", compared, complete)
}

// judge says how what came through the edge differs from what was said to Node's
// face, beyond what is meant.
func judge(s sample, direct, edge told, occurred map[string]bool) string {
	whole := direct.Complete && direct.Error == ""
	refused := len(edge.values("x-apim-edge-error")) > 0
	switch {
	case whole && (refused || !edge.Complete):
		occurred[s.name] = true
		if strictAnswers[s.name] == "" {
			return fmt.Sprintf("Node takes it directly, but not behind the edge, which says %q, %s", edge.values("x-apim-edge-error"), edge.Error)
		}
		return ""
	case !whole && edge.Complete && edge.Error == "" && !refused:
		occurred[s.name] = true
		if mildAnswers[s.name] == "" {
			return fmt.Sprintf("Node does not take it directly (%s), but behind the edge", direct.Error)
		}
		return ""
	case !whole:
		return "" // cut or refused on both ways
	case s.ending == "reset" && edge.Error == "ECONNRESET":
		return "" // Node may read a reset with the last bytes and not tell; of the edge's it tells
	}
	for _, d := range answerDifferences {
		if d.apply(&direct, &edge) {
			occurred[d.why] = true
		}
	}
	if want, got := fmt.Sprintf("%+v", direct), fmt.Sprintf("%+v", edge); want != got {
		return fmt.Sprintf("the answers differ\ndirect %.1500s\nedge   %.1500s", want, got)
	}
	return ""
}

// newAsker starts Node's client.
func newAsker(t *testing.T) func(address, method string, patience time.Duration) told {
	in, out := startNode(t, "client.mjs")
	return func(address, method string, patience time.Duration) (one told) {
		t.Helper()
		testkit.Must(t, json.NewEncoder(in).Encode(map[string]any{"address": address, "method": method, "patience": patience.Milliseconds()}))
		testkit.JSON(t, firstLine(t, out), &one)
		return one
	}
}

// speaker is an upstream that answers every request with the bytes of a story.
type speaker struct {
	address string
	mu      sync.Mutex
	says    sample
}

func newSpeaker(t *testing.T) *speaker {
	t.Helper()
	u := &speaker{}
	l, err := peer.Listen("127.0.0.1:0", nil, u.serve)
	testkit.Must(t, err)
	t.Cleanup(l.Close)
	u.address = l.Address
	return u
}

func (u *speaker) set(s sample) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.says = s
}

// serve answers requests as long as the story leaves the connection open, and
// longer than any client waits: an end of its own would make an answer complete.
func (u *speaker) serve(c *raw.Conn) {
	_ = c.SetDeadline(time.Now().Add(2 * patience))
	wire.Serve(c, func(net.Conn, *wire.Message) (more bool) {
		u.mu.Lock()
		s := u.says
		u.mu.Unlock()
		_, _ = c.Write(s.bytes)
		if s.ending == "reset" {
			c.Leave(raw.ByReset)
		}
		return s.ending == ""
	})
}
