//go:build e2e

package export

import "testing"

// TestQuery: HAProxy makes the same of a query, and nginx says that it makes nothing of it.
func TestQuery(t *testing.T) {
	up := startRecorder(t, false)
	all := sides(t, up, `
upstreams: {legacy: {url: "http://UPSTREAM"}}
routes:
  openai:
    path_prefix: /
    query:
      set: {api-version: "2024-10-21", note: "a b&c=d/ä%"}
      default: {tenant: none, $top: "10"}
      remove: [trace, $filter]
`, secrets{})
	for _, query := range []string{
		"", "api-version=1", "z=1&API-Version=2&y=2&api-version&trace=1&TENANT=x", "trace=1", "trace=1&trace=2&trace", "a=1&trace=1&&b",
		"$filter=a&a=1&$filter=b&$TOP=3", "traces=1&tenants=2&apixversion=3", "tenant&a=%zz", "subscription-key=abc&trace=1", "subscription-key=abc",
	} {
		want := ""
		for _, s := range all {
			o := s.ask(t, up, head("/a", query))
			switch {
			case o.seen == nil:
				t.Fatalf("%s: %q is answered %d", s.name, query, o.status)
			case s.doc == nil:
				want = o.seen.RequestURI
			case s.name == "nginx":
				if !s.doc.lists("routes.openai.query.set") || !s.doc.lists("routes.openai.query.default") || !s.doc.lists("routes.openai.query.remove") {
					t.Error("nginx does not say that it leaves queries as they are")
				}
			case o.seen.RequestURI != want:
				t.Errorf("%s: %q becomes %s, want %s", s.name, query, o.seen.RequestURI, want)
			}
		}
	}
}
