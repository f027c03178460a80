package proxy

import (
	"fmt"
	"strings"
	"testing"
)

// TestTargetsAreShownAsTheyAre holds that a target which a loop remembers is shown as one
// that it sees for the first time, under the rules of each route, and without its secrets.
func TestTargetsAreShownAsTheyAre(t *testing.T) {
	const secret = "c4n4ryc4n4ryc4n4ry"
	e, s := compiled(t)
	x := exchangeOf(e, s)
	targets := []string{
		"/", "/?", "/v1/chat/completions", "/v1/chat/completions?api-version=2024-10-21", "/a?subscription-key=" + secret,
		"/api-key/" + secret + "/x", "/a?b=%22%5c&c=" + strings.Repeat("d", 40), "/" + strings.Repeat("long/", 100), "/" + strings.Repeat("%5C", 1000),
	}
	for i := range 200 {
		targets = append(targets, fmt.Sprintf("/models/%d?key=%s", i%80, secret))
	}
	for range 3 {
		for _, routed := range []bool{true, false} {
			if x.route = nil; routed {
				x.route = s.Routes[0]
			}
			for _, target := range targets {
				x.req.Clear()
				if err := x.req.Parse(crlf("GET " + target + " HTTP/1.1\nHost: e\n\n")); err != nil {
					t.Fatal(err)
				}
				x.kept = kept{}
				want := string(x.kept.of(x.keepShown(x.req.Path, x.req.Query)))
				x.kept = kept{array: []byte("before")}
				got := x.kept.of(x.keepTarget(x.req))
				if string(got) != want || string(x.kept.array) != "before"+want || cap(got) != len(got) {
					t.Errorf("%.60q is shown as %.60q, want %.60q", target, got, want)
				}
				if strings.Contains(string(got), secret) {
					t.Errorf("%q shows a secret", got)
				}
			}
		}
	}
	for _, target := range targets {
		if shown, _ := x.client.store.shown.At([]byte(target)); cap(shown.text) > 2*rememberedBytes {
			t.Errorf("%d bytes are kept of one target", cap(shown.text))
		}
	}
}
