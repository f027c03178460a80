package load

import (
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
}

func (l *Leg) path() string { return "/" + l.Name + "/openai/deployments/gpt-4o/chat/completions" }

// target is the request target without a key in it.
func (l *Leg) target() string { return l.path() + "?" + query }

// Settings is the configuration file of the edge, which changes while it runs.
type Settings struct {
	File     string
	Listen   string                // address; empty: any
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
	listen := s.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	fmt.Fprintf(&text, "listen:\n  address: %q\n", listen)
	if s.Secure != nil {
		fmt.Fprintf(&text, "  tls: {cert_file: %q, key_file: %q}\n", s.Secure.CertFile, s.Secure.KeyFile)
	}
	text.WriteString("admin: {address: \"127.0.0.1:0\", pprof: true}\nlog: {format: json}\nupstreams:\n")
	names := map[*Upstream]string{}
	for _, leg := range s.Legs {
		if names[leg.Upstream] != "" {
			continue // another leg has it
		}
		names[leg.Upstream] = leg.Name
		more := s.Upstream
		if id := leg.Upstream.ID; id != nil {
			more += fmt.Sprintf(", tls: {ca_file: %q}", id.CertFile)
		}
		// Another number makes another pool; the upstream that is steady keeps its.
		idle := 64
		if !leg.Steady {
			idle = 32 + 16*(s.versions%3)
		}
		fmt.Fprintf(&text, "  %s: {url: %q, max_idle: %d%s}\n", leg.Name, leg.Upstream.URL(), idle, more)
	}
	text.WriteString(s.Upstreams + "routes:\n")
	for _, leg := range s.Legs {
		patience := ""
		if leg.Patient {
			patience = ", timeouts: {response_head: 1h, stream_idle: 1h}"
		}
		fmt.Fprintf(&text, "  %s: {path_prefix: /%s, upstream: %s, cors: {allowed_origins: [%q], max_age: %ds}%s}\n",
			leg.Name, leg.Name, names[leg.Upstream], Origin, 60+s.versions%10, patience)
	}
	fmt.Fprintf(&text, "%stimeouts: {%s}\n%s", s.Routes, s.Timeouts, s.More)
	return s.put(text.String())
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
