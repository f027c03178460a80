package wire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain holds that no test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startWatch returns a watch with the shortest tick.
func startWatch(t testing.TB) *Watch {
	t.Helper()
	w, err := NewWatch(40 * time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	return w
}

// tcpPair returns both ends of a connection.
func tcpPair(t testing.TB) (near, far *net.TCPConn) {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // a test's end
	far, err = net.DialTCP("tcp", nil, l.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	if near, err = l.AcceptTCP(); err != nil {
		t.Fatal(err)
	}
	_ = far.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { _ = far.Close() })
	return near, far
}

// pair returns a connection and the far end of it.
func pair(t testing.TB, w *Watch, stall time.Duration) (*Conn, *net.TCPConn) {
	t.Helper()
	near, far := tcpPair(t)
	c, err := New(near, w, stall)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, far
}

// securePair is pair with TLS.
func securePair(t testing.TB, w *Watch) (*Conn, *tls.Conn) {
	t.Helper()
	c, tcp := pair(t, w, 0)
	far := tls.Client(tcp, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is ours
	shaken := make(chan error, 1)
	go func() { shaken <- far.Handshake() }()
	if err := c.StartTLS(tls.Server, serverConfig(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	return c, far
}

var serverConfig = sync.OnceValue(func() *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
})

// eventually waits until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// fill fills in a goroutine and returns where its outcome will be.
func fill(c *Conn, timeout time.Duration) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		b, err := c.Fill(nil, timeout)
		done <- outcome{string(b.Bytes()), err}
		b.Release()
	}()
	return done
}

type outcome struct {
	text string
	err  error
}
