package testcert

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestHandshake holds that a client trusts the certificate it was made for, under
// each of its names, and no other.
func TestHandshake(t *testing.T) {
	ours, other := newCertificate(t), newCertificate(t)
	loaded, err := tls.LoadX509KeyPair(ours.CertFile, ours.KeyFile)
	testkit.Must(t, err)
	fromFiles := &tls.Config{Certificates: []tls.Certificate{loaded}}
	for _, tc := range []struct {
		name       string
		serverName string
		server     *tls.Config
		trusted    bool
	}{
		{"under its name", "edge.test", ours.Server(), true},
		{"under localhost", "localhost", ours.Server(), true},
		{"under its address", "127.0.0.1", ours.Server(), true},
		{"as its files have it", "edge.test", fromFiles, true},
		{"under a name that is not its own", "other.test", ours.Server(), false},
		{"a server with another certificate of the same name", "edge.test", other.Server(), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conf := ours.Client()
			conf.ServerName = tc.serverName
			err := handshake(t, tc.server, conf)
			var refused *tls.CertificateVerificationError
			if tc.trusted && err != nil || !tc.trusted && !errors.As(err, &refused) {
				t.Errorf("handshake: %v, want trusted: %v", err, tc.trusted)
			}
		})
	}
	if got := ours.Client().ServerName; got != "edge.test" {
		t.Errorf("the client asks for %q, want edge.test", got)
	}
}

// TestItIsItsOwnAuthority holds that the file of the certificate is enough for a
// peer that trusts the authorities of a file.
func TestItIsItsOwnAuthority(t *testing.T) {
	c := newCertificate(t)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(c.CertPEM) {
		t.Fatal("no authority in the file")
	}
	if err := handshake(t, c.Server(), &tls.Config{RootCAs: roots, ServerName: "edge.test"}); err != nil {
		t.Error(err)
	}
}

func newCertificate(t *testing.T) *Certificate {
	t.Helper()
	c, err := New(t.TempDir(), "edge.test")
	testkit.Must(t, err)
	return c
}

// handshake returns what the client says of it. A pipe without room would hold
// both sides up when each has something to say.
func handshake(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	testkit.Must(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if conn, err := l.Accept(); err == nil {
			_ = conn.(*tls.Conn).Handshake()
			_ = conn.Close()
		}
	}()
	conn, err := tls.Dial("tcp", l.Addr().String(), client)
	if err == nil {
		_ = conn.Close()
	}
	_ = l.Close()
	<-ended
	return err
}
