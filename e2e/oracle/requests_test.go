//go:build e2e

package oracle

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/raw"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// heard is what Node's parser has read of one request, or why it has refused it.
type heard struct {
	Refused  string
	Method   string
	URL      string
	Version  string
	Fields   [][2]string
	Length   int
	Sum      string
	Trailers [][2]string
	Complete bool
}

func (h heard) values(name string) (values []string) {
	for _, f := range h.Fields {
		if strings.EqualFold(f[0], name) {
			values = append(values, f[1])
		}
	}
	return values
}

// without returns the fields but those that gone names, in lower case.
func without(fields [][2]string, gone func(name string) bool) [][2]string {
	return slices.DeleteFunc(slices.Clone(fields), func(f [2]string) bool { return gone(strings.ToLower(f[0])) })
}

// requestDifference is one in which a request that has passed the edge is meant to
// differ from the one that was sent. apply does to the latter what the edge does
// and tells whether there was something to do; or takes off both what only the
// edge's own tests can judge.
type requestDifference struct {
	why   string
	apply func(direct, edge *heard) bool
}

func takeOff(names ...string) func(direct, edge *heard) bool {
	return func(direct, edge *heard) bool {
		before := len(direct.Fields)
		direct.Fields = without(direct.Fields, func(name string) bool { return slices.Contains(names, name) })
		return len(direct.Fields) < before
	}
}

func takeOffBoth(names ...string) func(direct, edge *heard) bool {
	return func(direct, edge *heard) bool {
		before := len(edge.Fields)
		edge.Fields = without(edge.Fields, func(name string) bool { return slices.Contains(names, name) })
		return takeOff(names...)(direct, edge) || len(edge.Fields) < before
	}
}

var requestDifferences = []requestDifference{
	{"fields that Connection names are of that connection (RFC 9110 section 7.6.1), but nobody can name away what has a meaning to the edge", func(direct, _ *heard) bool {
		kept := []string{"host", "content-length", "transfer-encoding", "expect", "trailer", "user-agent", "x-request-id", "content-type", "origin"}
		var named []string
		for _, list := range direct.values("Connection") {
			for member := range strings.SplitSeq(strings.ToLower(list), ",") {
				named = append(named, strings.TrimSpace(member))
			}
		}
		before := len(direct.Fields)
		direct.Fields = without(direct.Fields, func(name string) bool { return slices.Contains(named, name) && !slices.Contains(kept, name) })
		return len(direct.Fields) < before
	}},
	{"hop-by-hop fields end at the edge", takeOff("connection", "keep-alive", "proxy-connection", "te", "upgrade", "proxy-authorization", "proxy-authenticate", "http2-settings")},
	{"an upgrade to WebSocket is the edge's own hop", takeOffBoth("connection", "upgrade")},
	{"who asks, and for which host, is said by the edge", takeOffBoth("host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded")},
	{"the edge says that it is on the way, and which version it was asked in (RFC 9110 section 7.6.3)", func(direct, edge *heard) bool {
		n := len(edge.Fields)
		own := n > 0 && edge.Fields[n-1][0] == "Via" && strings.HasPrefix(edge.Fields[n-1][1], direct.Version+" apim-edge-")
		if own {
			edge.Fields = edge.Fields[:n-1]
		}
		return own
	}},
	{"the edge makes an id where the client has none", func(direct, edge *heard) bool {
		return len(direct.values("x-request-id")) == 0 && takeOffBoth("x-request-id")(direct, edge)
	}},
	{"only the edge says X-Apim-Edge-*", func(direct, _ *heard) bool {
		before := len(direct.Fields)
		direct.Fields = without(direct.Fields, func(name string) bool { return strings.HasPrefix(name, "x-apim-edge-") })
		return len(direct.Fields) < before
	}},
	{"credentials are the business of package rewrite, whose tests compare them", takeOffBoth("authorization", "api-key", "ocp-apim-subscription-key")},
	{"a key in the query moves into a field", func(direct, _ *heard) bool {
		path, query, _ := strings.Cut(direct.URL, "?")
		parameters := strings.Split(query, "&")
		kept := slices.DeleteFunc(slices.Clone(parameters), keyInQuery.MatchString)
		if len(kept) == len(parameters) {
			return false
		}
		direct.URL = path
		if len(kept) > 0 {
			direct.URL += "?" + strings.Join(kept, "&")
		}
		return true
	}},
	{"upstream is asked in origin-form, of whatever host it is (RFC 9112 section 3.2.1)", func(direct, _ *heard) bool {
		match := absolute.FindStringSubmatch(direct.URL)
		if match == nil {
			return false
		}
		direct.URL = "/" + strings.TrimPrefix(match[1], "/")
		return true
	}},
	{"the edge speaks HTTP/1.1 whatever the client speaks", func(direct, _ *heard) bool {
		older := direct.Version == "1.0"
		direct.Version = "1.1"
		return older
	}},
	{"nobody waits for 100 Continue without a body, or in HTTP/1.0", func(direct, edge *heard) bool {
		return len(edge.values("expect")) == 0 && takeOff("expect")(direct, edge)
	}},
	{"an id that is none, or that may be a secret, is made anew", func(direct, edge *heard) bool {
		ids := direct.values("x-request-id")
		return len(ids) > 0 && (len(ids) > 1 || !plainID.MatchString(ids[0]) || strings.HasPrefix(ids[0], "eyJ")) && takeOffBoth("x-request-id")(direct, edge)
	}},
	{"what proxies say of who asks passes from those that are trusted", takeOffBoth(saidByProxies...)},
	{"names that some servers read as those of the edge pass from nobody", func(direct, _ *heard) bool {
		before := len(direct.Fields)
		direct.Fields = without(direct.Fields, func(name string) bool {
			return isNeighbour(name, append([]string{"x-request-id", "api-key"}, append(edgesOwn, saidByProxies...)...))
		})
		return len(direct.Fields) < before
	}},
	{"a key in a subprotocol moves into a field, or ends here", func(direct, edge *heard) bool {
		return strings.Contains(strings.Join(direct.values("sec-websocket-protocol"), ","), "openai-insecure-api-key") &&
			takeOffBoth("sec-websocket-protocol")(direct, edge)
	}},
	{"trailers cannot carry what belongs into a head", func(direct, _ *heard) bool {
		before := len(direct.Trailers)
		inHead := append([]string{"api-key", "x-request-id", "ocp-apim-subscription-key"}, append(edgesOwn, saidByProxies...)...)
		direct.Trailers = without(direct.Trailers, func(name string) bool {
			return isNeighbour(name, inHead) || slices.Contains(inHead, name) || slices.Contains([]string{"authorization", "api-key", "content-length", "transfer-encoding", "host", "connection", "x-forwarded-for", "x-apim-edge-decision", "ocp-apim-subscription-key", "content-type", "cookie"}, name) ||
				strings.HasPrefix(name, "x-apim-edge-")
		})
		return len(direct.Trailers) < before
	}},
}

// saidByProxies are the fields with which proxies say who asks, and for what.
var saidByProxies = []string{
	"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-forwarded-prefix", "x-forwarded-server",
	"x-forwarded-scheme", "x-forwarded-ssl", "x-forwarded-by", "x-forwarded-user", "x-real-ip", "true-client-ip", "x-client-ip",
	"x-cluster-client-ip", "x-original-url", "x-original-uri", "x-original-host", "x-original-for", "x-original-proto", "x-rewrite-url",
}

// edgesOwn are names of the connection and of its framing, and the edge's own.
var edgesOwn = []string{
	"content-length", "transfer-encoding", "keep-alive", "proxy-authorization", "sec-websocket-protocol",
	"x-apim-edge-decision", "x-apim-edge-error",
}

var notInNames = regexp.MustCompile(`[^a-z0-9-]`)

// isNeighbour reports whether a server that reads any mark in a name as another
// one takes it for one of names.
func isNeighbour(name string, names []string) bool {
	return notInNames.MatchString(name) && slices.Contains(names, notInNames.ReplaceAllString(name, "-"))
}

var (
	plainID    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$`)
	keyInQuery = regexp.MustCompile(`(?i)^(s|%73)ubscription(-|%2d)key(=|$)`)
	absolute   = regexp.MustCompile(`(?i)^https?://[^/?]*(.*)$`)
)

// stricter are the errors with which the edge may refuse what Node accepts.
var stricter = map[string]string{
	"request_malformed":     "Node leaves to the application what two parsers could read differently: targets, hosts, paths, white space behind a chunk size",
	"ambiguous_credential":  "Node knows nothing of credentials",
	"malformed_credential":  "Node knows nothing of credentials",
	"method_not_allowed":    "CONNECT and TRACE are no business of an edge",
	"expectation_failed":    "Node's server lets the application decide",
	"coding_not_supported":  "Node takes any coding whose last one is chunked",
	"head_too_large":        "Node was given a larger limit",
	"uri_too_long":          "Node was given a larger limit",
	"version_not_supported": "a version that is not HTTP/1.1 or 1.0 is not forwarded as if it were",
}

// milder are the stories of which the edge forwards what Node refuses.
var milder = map[string]string{
	"trailers/request-trailer-with-framing": "the edge takes the trailer off for which Node refuses the whole",
}

const (
	http10   = "a connection of HTTP/1.0 ends with its first answer, asked for or not"
	upgraded = "behind a request for an upgrade Node reads no other one, whether it upgrades or not; the edge drops what is no WebSocket handshake"
)

const sentinel = "GET /~next HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n"

// TestNodeReadsTheSameRequests sends what the clients of all stories send to
// Node's parser, once directly and once through the edge, each with one more
// request behind it, so that a body whose end is not where it should be is seen.
func TestNodeReadsTheSameRequests(t *testing.T) {
	_, out := startNode(t, "upstream.mjs")
	direct := firstLine(t, out)
	_, out = startNode(t, "upstream.mjs")
	behind := firstLine(t, out)
	edge := startEdge(t, behind)
	occurred := map[string]bool{}
	samples := stories(t, "client.send")
	compared := 0
	for _, s := range samples {
		if s.ending != "" {
			continue
		}
		n, problem := try(t, s, direct, edge, behind, silence, occurred)
		if problem != "" { // on a busy machine Node may not have heard the end when it is asked
			n, problem = try(t, s, direct, edge, behind, patience, occurred)
		}
		if compared += n; problem != "" {
			t.Errorf("%s: %s", s.name, problem)
		}
	}
	if compared < len(samples)/2 {
		t.Errorf("only %d requests of %d stories have reached the upstream", compared, len(samples))
	}
	listed := append(slices.Collect(maps.Keys(milder)), slices.Collect(maps.Keys(stricter))...)
	for _, d := range requestDifferences {
		listed = append(listed, d.why)
	}
	for _, why := range append(listed, http10, upgraded) {
		if !occurred[why] {
			t.Errorf("this difference no longer occurs: %s", why)
		}
	}
	t.Logf("%d requests compared", compared)
}

// try tells one story on both ways at once.
func try(t *testing.T, s sample, direct, edge, behind string, patience time.Duration, occurred map[string]bool) (n int, problem string) {
	t.Helper()
	type outcome struct {
		answer string
		err    error
	}
	ways := make(chan outcome, 1)
	go func() {
		answer, err := say(direct, s, patience)
		ways <- outcome{answer, err}
	}()
	answer, err := say(edge, s, patience)
	other := <-ways
	if err := errors.Join(err, other.err); err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	want, got := hear(t, direct), hear(t, behind)
	codes := refusal.FindAllStringSubmatch(answer, -1)
	for _, code := range codes {
		if stricter[code[1]] == "" {
			problem = "the edge answers " + code[1] + ", for which no reason is listed"
		}
		occurred[code[1]] = true
	}
	if problem == "" {
		problem = match(s, want, got, len(codes) > 0, occurred)
	}
	return len(got), problem
}

var refusal = regexp.MustCompile(`x-apim-edge-error: (\w+)`)

// match holds that got, what came through the edge, is what was sent to Node's
// face, in order; where the edge has refused something, less of it.
func match(s sample, want, got []heard, refused bool, occurred map[string]bool) (problem string) {
	older, upgrades := false, false
	for _, g := range got {
		if g.Refused != "" {
			return "the edge has forwarded what Node refuses as " + g.Refused
		}
		difference := "Node has not heard it directly"
		for len(want) > 0 && difference != "" {
			w := want[0]
			if want = want[1:]; w.Refused != "" {
				difference = "Node refuses it directly as " + w.Refused
				break
			}
			older, upgrades = older || w.Version == "1.0", upgrades || len(w.values("Upgrade")) > 0
			if difference = compare(w, g, occurred); !refused {
				break
			}
		}
		switch {
		case difference == "", refused && !g.Complete: // it was refused in its body
		case milder[s.name] != "":
			occurred[s.name] = true
			return ""
		case upgrades && len(want) == 0:
			occurred[upgraded] = true
			return ""
		default:
			return fmt.Sprintf("%s %s came through the edge, but %s", g.Method, g.URL, difference)
		}
	}
	switch {
	case len(want) == 0, refused, want[0].Refused != "":
	case older:
		occurred[http10] = true
	default:
		return fmt.Sprintf("%s %s has not come through the edge, which has refused nothing", want[0].Method, want[0].URL)
	}
	return ""
}

func compare(w, g heard, occurred map[string]bool) string {
	for _, d := range requestDifferences {
		if d.apply(&w, &g) {
			occurred[d.why] = true
		}
	}
	if !w.Complete && !g.Complete {
		return "" // cut, wherever that was
	}
	if want, got := fmt.Sprintf("%+v", w), fmt.Sprintf("%+v", g); want != got {
		return fmt.Sprintf("it differs:\ndirect %.1000s\nedge   %.1000s", want, got)
	}
	return ""
}

// say sends what a client says and the sentinel, and returns what is answered
// until the connection ends, or until nothing more comes: a story may leave a
// request incomplete.
func say(address string, s sample, patience time.Duration) (answer string, err error) {
	all, _, err := raw.Fetch(address, append(slices.Clone(s.bytes), sentinel...), patience, nil)
	return string(all), err
}

// hear returns what an upstream has heard since it was last asked.
func hear(t *testing.T, address string) (all []heard) {
	t.Helper()
	testkit.JSON(t, testkit.Get(t, "http://"+address+"/~heard").Text, &all)
	return all
}
