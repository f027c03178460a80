package wire

import (
	"crypto/tls"
	"net"
	"testing"
)

// TestSilent holds which idle connections can carry another exchange.
func TestSilent(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(far *net.TCPConn)
	}{
		{"bytes that nobody asked for", func(far *net.TCPConn) { _, _ = far.Write([]byte("x")) }},
		{"FIN", func(far *net.TCPConn) { _ = far.CloseWrite() }},
		{"bytes and FIN", func(far *net.TCPConn) { _, _ = far.Write([]byte("x")); _ = far.CloseWrite() }},
		{"RST", func(far *net.TCPConn) { _ = far.SetLinger(0); _ = far.Close() }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, far := pair(t, startLoop(t))
			s.wantSilent(true)
			_, _ = far.Write([]byte("an answer"))
			if text, _ := s.read(); text != "an answer" {
				t.Fatalf("read %q", text)
			}
			s.wantSilent(true)
			tc.do(far)
			s.until("it is not silent", func(c *Conn) bool { return !c.Silent() })
			s.wantSilent(false)
		})
	}
	t.Run("a backlog", func(t *testing.T) {
		s, _ := narrowPair(t, startLoop(t), narrow, 0)
		s.fill(512 << 10)
		s.wantSilent(false)
	})
}

func (s *side) wantSilent(want bool) {
	s.t.Helper()
	s.do(func(c *Conn) {
		if got := c.Silent(); got != want {
			s.t.Errorf("Silent = %v, want %v", got, want)
		}
	})
}

// client is a connection as those to an upstream are, with TLS: near is the
// client, and gets session tickets once the loop has it. Tickets come behind the
// handshake for certain only where the server has asked for a certificate: else
// crypto/tls sends them in its first write, and the client may have read them.
func client(t *testing.T) (s *side, far *tls.Conn, through *held) {
	t.Helper()
	near, tcp := tcpPair(t)
	through = &held{Conn: tcp, pass: 1} // the server's part of the handshake
	conf := serverConfig().Clone()
	conf.ClientAuth = tls.RequestClientCert
	far = tls.Server(through, conf)
	s = adopt(t, startLoop(t), near, shake(t, near, tls.Client, far), 0)
	if len(through.kept) == 0 {
		t.Fatal("the server has sent no tickets")
	}
	through.pass = 100
	through.send(len(through.kept))
	return s, far, through
}

// TestTicketsAreNoBytesOfAMessage holds that session tickets, which come when
// nobody reads, do not end an idle connection, and harm no record.
func TestTicketsAreNoBytesOfAMessage(t *testing.T) {
	s, far, _ := client(t)
	s.awake()
	s.wantSilent(true)
	_, _ = far.Write([]byte("hello"))
	if text, err := s.read(); text != "hello" || err != nil {
		t.Errorf("Read = %q, %v, want hello", text, err)
	}
	s.wantSilent(true)
}

// TestSilentUnderTLS holds that what came together with the end of an answer, and
// has left the socket with it, is not overlooked.
func TestSilentUnderTLS(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(far *tls.Conn)
	}{
		{"bytes that nobody asked for", func(far *tls.Conn) { _, _ = far.Write([]byte("x")) }},
		{"close_notify", func(far *tls.Conn) { _ = far.CloseWrite() }},
	} {
		for _, together := range []bool{true, false} {
			name := tc.name
			if together {
				name += " together with an answer"
			}
			t.Run(name, func(t *testing.T) {
				s, far, through := client(t)
				through.pass = 0
				_, _ = far.Write([]byte("an answer"))
				if together {
					tc.do(far)
				}
				through.send(len(through.kept))
				if text, err := s.read(); text != "an answer" || err != nil {
					t.Fatalf("read %q, %v", text, err)
				}
				if together {
					s.wantSilent(false)
					return
				}
				s.wantSilent(true)
				tc.do(far)
				through.send(len(through.kept))
				s.until("it is not silent", func(c *Conn) bool { return !c.Silent() })
			})
		}
	}
}
