package wire

import (
	"crypto/tls"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"
)

// TestHowAConnectionEndsIsSeenByItsPeer holds what Close and the two kinds of
// Abort look like from outside.
func TestHowAConnectionEndsIsSeenByItsPeer(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(*Conn)
		want error // of the peer's read
	}{
		{"Close", (*Conn).Close, io.EOF},
		{"Abort without reset", func(c *Conn) { c.Abort(false) }, io.EOF},
		{"Abort with reset", func(c *Conn) { c.Abort(true) }, syscall.ECONNRESET},
		{"CloseWrite", (*Conn).CloseWrite, io.EOF},
		{"Close behind Abort", func(c *Conn) { c.Abort(true); c.Close() }, syscall.ECONNRESET},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, far := pair(t, startWatch(t), 0)
			tc.end(c)
			if n, err := far.Read(make([]byte, 1)); n != 0 || !errors.Is(err, tc.want) {
				t.Errorf("the peer reads %d bytes, %v, want %v", n, err, tc.want)
			}
		})
	}
}

// TestOnlyACompleteMessageEndsWithCloseNotify holds that a client on TLS can tell
// Close from Abort.
func TestOnlyACompleteMessageEndsWithCloseNotify(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(*Conn)
		want byte // the type of the record that comes, 0: none does
	}{
		{"Close", (*Conn).Close, recordAlert},
		{"Abort without reset", func(c *Conn) { c.Abort(false) }, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, far := securePair(t, startWatch(t))
			_, _ = c.Write([]byte("x"))
			if _, err := io.ReadFull(far, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			tc.end(c)
			raw, err := io.ReadAll(far.NetConn())
			if err != nil {
				t.Fatal(err)
			}
			if len(raw) == 0 && tc.want != 0 || len(raw) > 0 && raw[0] != tc.want && raw[0] != recordData {
				t.Errorf("the peer reads % x, want a record of type %d", raw, tc.want)
			}
			if tc.want == 0 && len(raw) != 0 {
				t.Errorf("the peer reads % x, want nothing but FIN", raw)
			}
		})
	}
}

// The types of a TLS record; an alert has the second one's in TLS 1.3.
const (
	recordAlert = 21
	recordData  = 23
)

// TestAnUnvouchedEndIsACut holds that FIN without close_notify is not io.EOF, be
// it at the border of a record or inside one.
func TestAnUnvouchedEndIsACut(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(*tls.Conn)
		want error
	}{
		{"close_notify", func(far *tls.Conn) { _ = far.CloseWrite() }, io.EOF},
		{"close_notify and FIN", func(far *tls.Conn) { _ = far.Close() }, io.EOF},
		{"FIN alone", func(far *tls.Conn) { _ = far.NetConn().Close() }, ErrCut},
		{"FIN inside a record", func(far *tls.Conn) {
			_, _ = far.NetConn().Write([]byte{recordData, 3, 3, 0, 40, 1, 2, 3})
			_ = far.NetConn().Close()
		}, ErrCut},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, far := securePair(t, startWatch(t))
			_, _ = far.Write([]byte("hello"))
			tc.end(far)
			if got := <-fill(c, 0); got.text != "hello" || got.err != nil {
				t.Fatalf("the first Fill = %q, %v, want hello", got.text, got.err)
			}
			if got := <-fill(c, 0); got.text != "" || !errors.Is(got.err, tc.want) {
				t.Errorf("the second Fill = %q, %v, want %v", got.text, got.err, tc.want)
			}
		})
	}
}

// TestTLSSurvivesATimeout holds that a wait that was too long harms no record:
// heartbeats and idle checks end waits all the time.
func TestTLSSurvivesATimeout(t *testing.T) {
	c, far := securePair(t, startWatch(t))
	for range 3 {
		if _, err := c.Fill(nil, 10*time.Millisecond); !errors.Is(err, ErrTimeout) {
			t.Fatalf("Fill of silence = %v", err)
		}
		c.Calm()
		_, _ = far.Write([]byte("hello"))
		if got := <-fill(c, 0); got.text != "hello" {
			t.Fatalf("Fill = %q, %v, want hello", got.text, got.err)
		}
	}
}

// TestOneFillTakesWhatOneRecordHolds holds that an event is not split because its
// first byte was waited for.
func TestOneFillTakesWhatOneRecordHolds(t *testing.T) {
	c, far := securePair(t, startWatch(t))
	event := make([]byte, 8<<10)
	_, _ = far.Write(event[:1])
	<-fill(c, 0)
	_, _ = far.Write(event[:1000])
	if got := <-fill(c, 0); len(got.text) != 1000 {
		t.Errorf("Fill = %d bytes, %v, want 1000", len(got.text), got.err)
	}
}

// TestDead holds which idle connections can carry another exchange.
func TestDead(t *testing.T) {
	t.Run("plain", func(t *testing.T) {
		c, far := pair(t, startWatch(t), 0)
		if c.Dead() {
			t.Error("dead while silent")
		}
		_, _ = far.Write([]byte("x"))
		eventually(t, "dead with bytes that nobody asked for", c.Dead)
	})
	t.Run("plain, closed", func(t *testing.T) {
		c, far := pair(t, startWatch(t), 0)
		_ = far.Close()
		eventually(t, "dead", c.Dead)
	})
	t.Run("TLS, with session tickets that nobody has read", func(t *testing.T) {
		near, far := tcpPair(t) // the near end is the client here: it gets the tickets
		c, err := New(near, startWatch(t), 0)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		server := tls.Server(far, serverConfig())
		shaken := make(chan error, 1)
		go func() { shaken <- server.Handshake() }()
		if err := c.StartTLS(tls.Client, &tls.Config{InsecureSkipVerify: true}, time.Minute); err != nil { //nolint:gosec // it is ours
			t.Fatal(err)
		}
		if err := <-shaken; err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if c.Dead() {
				t.Fatal("dead while silent")
			}
		}
		_ = server.Close()
		eventually(t, "dead after close_notify", c.Dead)
	})
}
