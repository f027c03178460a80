package route

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/record"
)

// configLines are what drawn files are made of: with parts that are right, wrong
// at once, and wrong only together.
var configLines = []string{
	"upstreams:\n", "  legacy: {url: http://contoso.azure-api.net}\n", "  legacy: {url: http://contoso.azure-api.net, max_idle: 3}\n", "  other: {url: https://contoso.azure-api.net/openai, preserve_host: true}\n",
	"  third: {url: https://contoso.azure-api.net, tls: {ca_file: /nowhere}}\n", "  bad: {url: contoso}\n",
	"routes:\n", "  a: {path_prefix: /, upstream: legacy}\n", "  b: {path_prefix: /b, upstream: other, host: chat.example.com}\n", "  c: {path_prefix: /b/c, upstream: legacy, strip_prefix: /b}\n",
	"  d: {path_prefix: /d, upstream: third}\n", "  e: {path_prefix: /, upstream: nobody}\n", "  f: {path_prefix: /f, upstream: legacy, cors: {allowed_origins: [\"https://chat.example.com\"]}}\n",
	"  g: {path_prefix: /g, upstream: legacy, cors: {allowed_origins: [\"*\"], allow_credentials: true}}\n", "  h: {path_prefix: /h, upstream: legacy, credential: {header: Authorization, value: \"Bearer {key}\"}}\n",
	"  i: {path_prefix: /i, upstream: legacy, credential: {header: \"a b\"}}\n", "timeouts: {connect: 1s}\n", "timeouts: {connect: 30}\n", "limits: {head: 1KiB, exchanges: 7}\n",
	"trusted_proxies: [10.0.0.0/8]\n", "trusted_proxies: [ten]\n", "typo: 1\n", "\t", "{", "---\n", "upstreams: {legacy: {url: http://contoso.azure-api.net}}\n", "\n", "# ",
	"  j: {path_prefix: /j, upstreams: [{name: legacy}, {name: other, priority: 2}]}\n", "  k: {path_prefix: /k, upstreams: [{name: other}, {name: legacy, weight: 3}], sticky: none}\n",
	"  l: {path_prefix: /l, upstreams: [{name: legacy}]}\n", "  m: {path_prefix: /m, upstreams: [{name: legacy}, {name: nobody}]}\n",
}

// FuzzReload holds for every sequence of files: after each the old configuration
// is in use as it was, or the new one is, and either is whole; what a running
// exchange has started with does not change; and no upstream is left over.
func FuzzReload(f *testing.F) {
	f.Add([]byte{25, 255, 0, 1, 6, 7, 255, 0, 1, 3, 6, 7, 8, 9, 12, 255, 0, 5, 255, 0, 2, 6, 7})
	f.Add([]byte{25, 255, 0, 1, 3, 4, 6, 7, 8, 10, 255, 0, 1, 6, 13, 255, 25, 17, 255, 25, 19, 255, 25, 20, 255, 25, 16, 18})
	f.Add([]byte{25, 255, 255, 21, 255, 22, 255, 23, 255, 25, 6, 11, 255, 25, 6, 15, 255, 25, 6, 14})
	f.Add([]byte{0, 1, 3, 6, 28, 29, 30, 255, 0, 2, 3, 6, 28, 255, 0, 1, 3, 6, 31, 255, 0, 1, 3, 6, 29, 7})
	file := filepath.Join(f.TempDir(), "edge.yaml")
	e := &reloading{Registry: NewRegistry(nil), metrics: record.NewMetrics("test", func() float64 { return 0 })}
	f.Fuzz(func(t *testing.T, draft []byte) {
		if len(draft) > 100 || bytes.Count(draft, []byte{0xff}) > 7 {
			t.Skip() // a load takes a millisecond
		}
		for files := range strings.SplitSeq(string(draft), "\xff") {
			var text strings.Builder
			for _, c := range []byte(files) {
				text.WriteString(configLines[int(c)%len(configLines)])
			}
			testkit.Write(t, file, text.String())
			if err := reloadOnce(e, file); err != nil {
				t.Fatalf("%v after\n%s", err, text.String())
			}
		}
		e.use(nil)
		if n := len(e.All()); n != 0 {
			t.Fatalf("%d upstreams are left at the end", n)
		}
	})
}

// reloading is what an edge has of snapshots.
type reloading struct {
	*Registry
	metrics *record.Metrics
	current *Snapshot
}

func (e *reloading) use(s *Snapshot) {
	old := e.current
	e.current = s
	if old != nil {
		e.Release(old)
	}
}

// reloadOnce does what a reload does, and says what is wrong after it.
func reloadOnce(e *reloading, file string) error {
	old := e.current
	before := fingerprint(old)
	conf, err := config.Load(config.Options{File: file})
	var next *Snapshot
	if err == nil {
		next, err = e.Compile(conf, e.metrics)
	}
	if fingerprint(old) != before {
		return fmt.Errorf("the snapshot in use has changed to %s, from %s", fingerprint(old), before)
	}
	if err != nil {
		if e.current != old {
			return fmt.Errorf("a faulty file is in use")
		}
		return whole(e, old)
	}
	e.use(next)
	if fingerprint(old) != before {
		return fmt.Errorf("the snapshot of running exchanges has changed to %s, from %s", fingerprint(old), before)
	}
	if e.current != next || config.Hash(e.current.Config) != config.Hash(conf) {
		return fmt.Errorf("the new file is not in use")
	}
	return whole(e, next)
}

// whole says what a snapshot in use lacks of what its configuration says.
func whole(e *reloading, s *Snapshot) error {
	if s == nil {
		if n := len(e.All()); n > 0 {
			return fmt.Errorf("%d upstreams and no snapshot", n)
		}
		return nil
	}
	if len(s.Routes) != len(s.Config.Routes) || len(s.used) != len(s.Config.Upstreams) || len(e.All()) != len(s.used) {
		return fmt.Errorf("%d routes and %d upstreams for %d and %d, %d are open", len(s.Routes), len(s.used), len(s.Config.Routes), len(s.Config.Upstreams), len(e.All()))
	}
	if s.Hash != config.Hash(s.Config) || len(s.trusted) != len(s.Config.TrustedProxies) {
		return fmt.Errorf("hash or trusted proxies are those of another configuration")
	}
	for name, c := range s.Config.Routes {
		r := s.first([]byte(c.Host), []byte(c.PathPrefix), 0)
		if r == nil || len(r.prefix) < len(strings.TrimSuffix(c.PathPrefix, "/")) {
			return fmt.Errorf("route %s is not found by its own prefix", name)
		}
		i := slices.IndexFunc(s.Routes, func(r *Route) bool { return r.Name == name })
		if i < 0 {
			return fmt.Errorf("route %s is missing", name)
		}
		r = s.Routes[i]
		if !slices.Contains(e.All(), r.Target.Upstream) || r.Target.Upstream.Name != c.UpstreamNames()[0] || r.Credential == nil || (r.CORS != nil) != (len(c.CORS.AllowedOrigins) > 0) {
			return fmt.Errorf("route %s has %+v", name, r)
		}
		if n := len(c.Upstreams); (r.Group != nil) != (n > 1) || n > 1 && len(r.Group.Members) != n {
			return fmt.Errorf("route %s has %+v of %d upstreams", name, r.Group, n)
		}
		if r.Group == nil {
			continue
		}
		for i, m := range r.Group.Members {
			if !slices.Contains(e.All(), m.Upstream) || m.Name != c.Upstreams[i].Name {
				return fmt.Errorf("route %s goes to %+v", name, m.Options)
			}
		}
	}
	return nil
}

// fingerprint is all that exchanges see of a snapshot.
func fingerprint(s *Snapshot) string {
	if s == nil {
		return ""
	}
	text := fmt.Sprint(s.Hash, config.Hash(s.Config), s.trusted)
	for _, r := range s.Routes {
		text += fmt.Sprintf("; %s %s %s %s %p %s %s %p %p %v %v", r.Name, r.host.text, r.prefix, r.Strip, r.Target.Upstream, r.Target.Host, r.Target.Prefix, r.Credential, r.CORS, r.ResponseHead, r.StreamIdle)
		if r.Group != nil {
			text += fmt.Sprintf(" %v %v %d", r.Group.Sticky, r.Group.OnConnect, r.Group.BodyHead)
			for _, m := range r.Group.Members {
				text += fmt.Sprintf(" %p %d %d", m.Upstream, m.Priority, m.Weight)
			}
		}
	}
	return text
}
