package wire

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
)

// TestCryptoTLSStillTakesFINForAnEnd calls the library alone: where it fails, the
// library has changed, and tlsSource need not note FIN. docs/workarounds.md lists
// it.
func TestCryptoTLSStillTakesFINForAnEnd(t *testing.T) {
	near, far := net.Pipe()
	server := tls.Server(near, serverConfig())
	wrote := make(chan error, 1)
	go func() {
		_, err := io.WriteString(server, "hello")
		wrote <- errors.Join(err, near.Close()) // without close_notify
	}()
	client := tls.Client(far, clientConfig())
	defer client.Close() //nolint:errcheck // the other end is gone
	text, err := io.ReadAll(client)
	if werr := <-wrote; werr != nil {
		t.Fatal(werr)
	}
	if string(text) != "hello" || err != nil {
		t.Errorf("crypto/tls now tells a bare FIN at a record boundary from close_notify (%q, %v): the workaround in proxy/wire/tls.go (tlsSource.fin) can go, and its line in docs/workarounds.md", text, err)
	}
}
