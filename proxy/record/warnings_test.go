package record

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// log collects lines.
type log []string

func (l *log) Write(line []byte) (int, error) {
	*l = append(*l, strings.TrimSpace(string(line)))
	return len(line), nil
}

func TestRefusedPagesAreToldWithTheLineToAdd(t *testing.T) {
	route := newMetrics().Route("openai", "legacy")
	const page = "https://chat.example.com"
	for _, tc := range []struct{ name, refused, origin, asked, want string }{
		{"an origin", corsOrigin, page, "",
			`"origin":"https://chat.example.com","to_allow_it":"add the origin to routes.openai.cors.allowed_origins","message":"a page of an origin that is not allowed was refused"}`},
		{"what is no origin", corsOrigin, "https://a:b@chat.example.com", "",
			`"origin":"(not an origin)","to_allow_it":"add the origin to routes.openai.cors.allowed_origins","message":"a page of an origin that is not allowed was refused"}`},
		{"a method", corsMethod, page, "PURGE",
			`"origin":"https://chat.example.com","asked":"PURGE","to_allow_it":"add the method to routes.openai.cors.allowed_methods","message":"a page asked for a method that is not allowed"}`},
		{"fields", corsHeader, page, "x-b3-traceid,x-team",
			`"origin":"https://chat.example.com","asked":"x-b3-traceid,x-team","to_allow_it":"add the names to routes.openai.cors.allowed_headers","message":"a page asked for a request field that is not allowed"}`},
		{"a key where a name belongs", corsHeader, page, "x-team,0123456789abcdef0123456789abcdef",
			`"origin":"https://chat.example.com","asked":"x-team,***","to_allow_it":"add the names to routes.openai.cors.allowed_headers","message":"a page asked for a request field that is not allowed"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out log
			NewRefusedPages(zerolog.New(&out)).Observe(&Record{Route: route, CORSRefused: tc.refused, Origin: []byte(tc.origin), CORSAsked: []byte(tc.asked)})
			if want := `{"level":"warn","route":"openai",` + tc.want; len(out) != 1 || out[0] != want {
				t.Errorf("got\n%s\nwant\n%s", out, want)
			}
		})
	}
}

// TestARefusalHidesNoOther holds that there are few lines of each kind.
func TestARefusalHidesNoOther(t *testing.T) {
	var out log
	pages := NewRefusedPages(zerolog.New(&out))
	route := newMetrics().Route("openai", "legacy")
	for _, refused := range []string{corsOrigin, corsMethod, corsHeader, ""} {
		for range 100 {
			pages.Observe(&Record{Route: route, CORSRefused: refused})
		}
	}
	if len(out) != 15 {
		t.Errorf("%d lines for 100 refusals of each kind, want 5 of each", len(out))
	}
}

// TestUnreachableUpstreamsAreWarnedOf holds for which errors, and how often.
func TestUnreachableUpstreamsAreWarnedOf(t *testing.T) {
	var out log
	u := NewUnreachable(zerolog.New(&out))
	const want = `{"level":"warn","upstream":"legacy","cause":"upstream_connect_failed","error":"dial: refused","to_do":` +
		`"check that the upstream runs and that the network lets the edge through","message":"an upstream cannot be reached"}`
	for _, upstream := range []string{"legacy", "other"} {
		for range 100 {
			u.Observe(&Record{Upstream: upstream, Code: edgeerr.UpstreamConnectFailed, Err: edgeerr.Wrap(edgeerr.UpstreamConnectFailed, errors.New("dial: refused"))})
		}
	}
	if len(out) != 10 || out[0] != want {
		t.Errorf("%d lines, the first\n%s\nwant 10 and\n%s", len(out), out[0], want)
	}
	var warned []string
	for _, code := range edgeerr.Codes() {
		out = nil
		if NewUnreachable(zerolog.New(&out)).Observe(&Record{Upstream: "legacy", Code: code}); len(out) > 0 {
			warned = append(warned, code.String())
		}
	}
	if want := []string{"upstream_unresolved", "upstream_connect_failed", "upstream_tls_failed", "upstream_connect_timeout"}; !slices.Equal(warned, want) {
		t.Errorf("warned of %s, want %s", fmt.Sprint(warned), want)
	}
}

// TestOldAnswersAreWarnedOf holds what the operator reads, and how often.
func TestOldAnswersAreWarnedOf(t *testing.T) {
	var out log
	o := NewOldAnswers(zerolog.New(&out))
	why := &net.DNSError{Err: "server misbehaving", Name: "legacy.test", Server: "10.0.0.53:53", IsTemporary: true}
	const want = `{"level":"warn","upstream":"legacy","age_s":90,"error":"lookup legacy.test on 10.0.0.53:53: server misbehaving",` +
		`"to_do":"check DNS as it is seen from here; after a day the old answer is not used any more",` +
		`"message":"the name of an upstream cannot be looked up; it is dialed where it was"}`
	for _, upstream := range []string{"legacy", "other"} {
		for range 100 {
			o.Tell(upstream, 90*time.Second, why)
		}
	}
	if len(out) != 10 || out[0] != want {
		t.Errorf("%d lines, the first\n%s\nwant 10 and\n%s", len(out), out[0], want)
	}
}
