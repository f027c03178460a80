package load

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/testcert"
)

// The bounds of the edge in a soak, short so that each is met many times.
const (
	ClientHead       = 3 * time.Second
	ResponseHead     = 3 * time.Second
	StreamIdle       = 4 * time.Second
	ClientWriteStall = 4 * time.Second
	ClientKeepAlive  = 8 * time.Second
	UpstreamIdle     = 6 * time.Second
	Drain            = 10 * time.Second
)

// Bounds are these bounds as the configuration has them.
var Bounds = fmt.Sprintf("client_head: %s, request_body_idle: %s, response_head: %s, stream_idle: %s, client_write_stall: %s, client_keep_alive: %s, upstream_keep_alive: %s, drain: %s",
	ClientHead, StreamIdle, ResponseHead, StreamIdle, ClientWriteStall, ClientKeepAlive, UpstreamIdle, Drain)

// Origin is the page that may call.
const Origin = "https://chat.example.com"

// Leg is a route with the upstream behind it.
type Leg struct {
	Name     string
	Upstream *Upstream
	Patient  bool // the edge waits for upstream for ever
	Steady   bool // its pool survives each reload
	// Others are further upstreams of the route.
	Others []*Upstream
	// Bridged says that clients speak v1, and Upstream legacy; Others speak v1.
	Bridged bool
}

func (l *Leg) path() string { return "/" + l.Name + "/openai/deployments/gpt-4o/chat/completions" }

// target is the request target without a key in it.
func (l *Leg) target() string {
	if l.Bridged {
		return "/" + l.Name + "/openai/v1/chat/completions?v=1"
	}
	return l.path() + "?" + query
}

// targetAt is the target that arrives at one of its upstreams.
func (l *Leg) targetAt(u *Upstream) string {
	if l.Bridged && u == l.Upstream {
		return l.path() + "?v=1&" + query
	}
	return l.target()
}

// Settings is the configuration file of the edge, which changes while it runs.
type Settings struct {
	File     string
	Listen   string                // address; empty: any
	Admin    string                // address of the operator's listener; empty: any
	Secure   *testcert.Certificate // nil: clients speak in plain
	Legs     []*Leg
	Timeouts string
	Upstream string // more about each upstream
	More     string // more lines
	// Upstreams and Routes are more lines among those, for what the load does not ask.
	Upstreams, Routes string

	versions int
}

// Write puts the next version of the file in place, all at once.
func (s *Settings) Write() error {
	s.versions++
	var text strings.Builder
	listen, admin := cmp.Or(s.Listen, "127.0.0.1:0"), cmp.Or(s.Admin, "127.0.0.1:0")
	fmt.Fprintf(&text, "listen:\n  address: %q\n", listen)
	if s.Secure != nil {
		fmt.Fprintf(&text, "  tls: {cert_file: %q, key_file: %q}\n", s.Secure.CertFile, s.Secure.KeyFile)
	}
	fmt.Fprintf(&text, "admin: {address: %q, pprof: true}\nlog: {format: json}\nupstreams:\n", admin)
	names := map[*Upstream]string{}
	for _, leg := range s.Legs {
		for _, u := range leg.all() {
			if names[u] != "" {
				continue // another leg has it
			}
			names[u] = leg.NameOf(u)
			line, err := s.upstream(leg, u)
			if err != nil {
				return err
			}
			text.WriteString(line)
		}
	}
	text.WriteString(s.Upstreams + "routes:\n")
	for _, leg := range s.Legs {
		way := leg.route()
		if way == "" {
			way = "upstream: " + names[leg.Upstream]
		}
		patience := ""
		if leg.Patient {
			patience = ", timeouts: {response_head: 1h, stream_idle: 1h}"
		}
		fmt.Fprintf(&text, "  %s: {path_prefix: /%s, %s, cors: {allowed_origins: [%q], max_age: %ds}%s}\n",
			leg.Name, leg.Name, way, Origin, 60+s.versions%10, patience)
	}
	fmt.Fprintf(&text, "%stimeouts: {%s}\n%s", s.Routes, s.Timeouts, s.More)
	return s.put(text.String())
}

// upstream is an upstream in the file.
func (s *Settings) upstream(leg *Leg, u *Upstream) (string, error) {
	more := s.Upstream
	if u.ID != nil {
		more += fmt.Sprintf(", tls: {ca_file: %q}", u.ID.CertFile)
	}
	if u.Key != "" {
		file := filepath.Join(filepath.Dir(s.File), leg.NameOf(u)+".key")
		if err := os.WriteFile(file, []byte(u.Key), 0o600); err != nil {
			return "", err
		}
		more += fmt.Sprintf(", auth: {header: api-key, value: %q}", "file:"+file)
	}
	// Another number makes another pool; the upstream that is steady keeps its.
	idle := 64
	if !leg.Steady {
		idle = 32 + 16*(s.versions%3)
	}
	return fmt.Sprintf("  %s: {url: %q, max_idle: %d%s}\n", leg.NameOf(u), u.URL(), idle, more), nil
}

// Spoil puts a file in place that the edge must refuse.
func (s *Settings) Spoil() error {
	s.versions++
	return s.put([]string{"routes: [", "timeouts: {response_head: 30}\n", "nonsense: true\n"}[s.versions%3])
}

// put replaces the file in one step, as editors and ConfigMaps do.
func (s *Settings) put(text string) error {
	next := s.File + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(next, filepath.Clean(s.File))
}
