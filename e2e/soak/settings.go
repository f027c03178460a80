package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/testcert"
)

// The bounds of the edge under test, short so that each is met many times.
const (
	clientHead       = 3 * time.Second
	responseHead     = 3 * time.Second
	streamIdle       = 4 * time.Second
	clientWriteStall = 4 * time.Second
	clientKeepAlive  = 8 * time.Second
	upstreamIdle     = 6 * time.Second
	drain            = 10 * time.Second
)

// origin is the page that may call.
const origin = "https://chat.example.com"

// settings is the configuration file of the edge, which changes while it runs.
type settings struct {
	file      string
	secure    *testcert.Certificate
	clientTLS bool
	upstreams map[string]*upstream
	versions  int
}

// write puts the next version of the file in place, all at once.
func (s *settings) write() error {
	s.versions++
	var text strings.Builder
	text.WriteString("listen:\n  address: 127.0.0.1:0\n")
	if s.clientTLS {
		fmt.Fprintf(&text, "  tls: {cert_file: %q, key_file: %q}\n", s.secure.CertFile, s.secure.KeyFile)
	}
	text.WriteString("admin: {address: \"127.0.0.1:0\"}\nupstreams:\n")
	for _, leg := range legs {
		scheme, more := "http", ""
		if s.upstreams[leg].tls != nil {
			scheme, more = "https", fmt.Sprintf(", tls: {ca_file: %q, server_name: localhost}", s.secure.CertFile)
		}
		// Another number makes another pool; the upstream that is steady keeps its.
		idle := 64
		if leg != "steady" {
			idle = 32 + 16*(s.versions%3)
		}
		fmt.Fprintf(&text, "  %s: {url: %q, max_idle: %d%s}\n", leg, scheme+"://"+s.upstreams[leg].address, idle, more)
	}
	text.WriteString("routes:\n")
	for _, leg := range legs {
		fmt.Fprintf(&text, "  %s: {path_prefix: /%s, upstream: %s, cors: {allowed_origins: [%q], max_age: %ds}}\n", leg, leg, leg, origin, 60+s.versions%10)
	}
	fmt.Fprintf(&text, "timeouts: {client_head: %s, request_body_idle: %s, response_head: %s, stream_idle: %s, client_write_stall: %s, client_keep_alive: %s, upstream_keep_alive: %s, drain: %s}\n",
		clientHead, streamIdle, responseHead, streamIdle, clientWriteStall, clientKeepAlive, upstreamIdle, drain)
	text.WriteString("log: {format: json}\n")
	return s.put(text.String())
}

// spoil puts a file in place that the edge must refuse.
func (s *settings) spoil() error {
	s.versions++
	return s.put([]string{"routes: [", "timeouts: {response_head: 30}\n", "nonsense: true\n"}[s.versions%3])
}

func (s *settings) put(text string) error {
	next := s.file + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(next, filepath.Clean(s.file))
}
