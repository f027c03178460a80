// Command storm makes TLS handshakes with a server on this machine, so many at a
// time, each on a connection of its own, until it is told to end. It is a process
// of its own, so that the bench's clock never waits for its arithmetic.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"log"
	"net"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// counts is what storm prints when it ends.
type counts struct {
	Handshakes int64   `json:"handshakes"`
	Errors     int64   `json:"errors"`
	FirstError string  `json:"first_error,omitempty"`
	Seconds    float64 `json:"seconds"`
}

func main() {
	address := flag.String("address", "", "address of the server; on loopback")
	authority := flag.String("ca", "", "PEM file with the authority that the server's certificate is of")
	connections := flag.Int("connections", 1000, "handshakes at a time")
	flag.Parse()
	host, _, err := net.SplitHostPort(*address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		log.Fatalf("storm: %q is no address on loopback", *address)
	}
	pem, err := os.ReadFile(*authority)
	if err != nil {
		log.Fatalf("storm: authority: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()
	dialing, enough := context.WithCancel(context.Background())
	defer enough()
	s := &storm{dialer: tls.Dialer{Config: &tls.Config{
		RootCAs: roots,
		// The same for all servers, and the cheapest for this side.
		MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519},
	}}}
	began := time.Now()
	for range *connections {
		go s.blow(dialing, *address)
	}
	<-ctx.Done()
	for end := time.Now().Add(firstWithin); s.handshakes.Load() == 0 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	c := counts{Handshakes: s.handshakes.Load(), Errors: s.errors.Load(), Seconds: time.Since(began).Seconds()}
	if first := s.first.Load(); first != nil {
		c.FirstError = (*first).Error()
	}
	_ = json.NewEncoder(os.Stdout).Encode(c)
}

// firstWithin is how long, once it is told to end, the storm waits for its first handshake:
// a rate can be told only with one.
const firstWithin = 20 * time.Second

type storm struct {
	dialer             tls.Dialer
	handshakes, errors atomic.Int64
	first              atomic.Pointer[error]
}

func (s *storm) blow(ctx context.Context, address string) {
	for {
		c, err := s.dialer.DialContext(ctx, "tcp", address)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.errors.Add(1)
			s.first.CompareAndSwap(nil, &err)
			time.Sleep(20 * time.Millisecond)
			continue
		}
		s.handshakes.Add(1)
		_ = c.Close()
	}
}
