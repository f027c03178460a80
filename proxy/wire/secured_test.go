package wire

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"
)

// held passes some writes on and keeps what is written then, for the test to send
// as it likes.
type held struct {
	net.Conn
	pass int
	kept []byte
}

func (c *held) Write(p []byte) (int, error) {
	if c.pass > 0 {
		c.pass--
		return c.Conn.Write(p)
	}
	c.kept = append(c.kept, p...)
	return len(p), nil
}

// SetWriteDeadline does nothing: CloseWrite of crypto/tls leaves a deadline that
// has passed, and what is kept is sent later.
func (c *held) SetWriteDeadline(time.Time) error { return nil }

// send sends n bytes of what was kept.
func (c *held) send(n int) {
	_, _ = c.Conn.Write(c.kept[:n])
	c.kept = c.kept[n:]
}

// TestWhatCameWithTheHandshakeIsReadable holds that a request which came in one
// piece with the end of the handshake is read although no event tells of it.
func TestWhatCameWithTheHandshakeIsReadable(t *testing.T) {
	near, tcp := tcpPair(t)
	through := &held{Conn: tcp, pass: 1} // the client's first message
	far := tls.Client(through, clientConfig())
	go func() {
		_ = far.Handshake()
		_, _ = far.Write([]byte("hello"))
		through.send(len(through.kept))
	}()
	secured, err := Handshake(near, tls.Server, serverConfig(), patience)
	if err != nil {
		t.Fatal(err)
	}
	s := adopt(t, startLoop(t), near, secured, 0)
	s.do(func(c *Conn) {
		b, err := c.Read(nil)
		if string(b.Bytes()) != "hello" || err != nil || s.wakes.Load() != 0 {
			t.Errorf("Read = %q, %v after %d wakes, want hello after none", b.Bytes(), err, s.wakes.Load())
		}
		b.Release()
	})
}

// TestAHandshakeEndsInTime holds timeouts.tls_handshake.
func TestAHandshakeEndsInTime(t *testing.T) {
	near, _ := tcpPair(t)
	defer near.Close() //nolint:errcheck // a test's end
	if _, err := Handshake(near, tls.Server, serverConfig(), 30*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the handshake with a silent peer ends with %v, want %v", err, os.ErrDeadlineExceeded)
	}
}

// bounded notes the bound that it is given.
type bounded struct {
	net.Conn
	bounds []time.Time
}

func (c *bounded) SetDeadline(t time.Time) error {
	c.bounds = append(c.bounds, t)
	return c.Conn.SetDeadline(t)
}

// TestTheBoundOfAHandshakeIsGoneWithIt holds that it ends no stream later on.
func TestTheBoundOfAHandshakeIsGoneWithIt(t *testing.T) {
	near, tcp := tcpPair(t)
	through := &bounded{Conn: near}
	shake(t, through, tls.Server, tls.Client(tcp, clientConfig()))
	if n := len(through.bounds); n != 2 || through.bounds[0].IsZero() || !through.bounds[1].IsZero() {
		t.Errorf("the connection was given the bounds %v, want one and then none", through.bounds)
	}
	_ = near.Close()
}

// TestARecordMayComeInPieces holds that a read which finds a part of a record
// harms none, and takes no buffer.
func TestARecordMayComeInPieces(t *testing.T) {
	near, tcp := tcpPair(t)
	through := &held{Conn: tcp, pass: 100}
	far := tls.Client(through, clientConfig())
	s := adopt(t, startLoop(t), near, shake(t, near, tls.Server, far), 0)
	through.pass = 0
	_, _ = far.Write([]byte("hello"))
	for len(through.kept) > 1 {
		through.send(1)
		s.awake()
		s.do(func(c *Conn) {
			if b, err := c.Read(nil); b != nil || !errors.Is(err, ErrWait) {
				t.Errorf("Read of a part of a record = %v, %v, want %v", b, err, ErrWait)
			}
		})
	}
	through.send(1)
	if text, err := s.read(); text != "hello" || err != nil {
		t.Errorf("Read = %q, %v, want hello", text, err)
	}
}

// TestOneReadTakesOneRecord holds that an event is not split.
func TestOneReadTakesOneRecord(t *testing.T) {
	s, far := securePair(t, startLoop(t))
	for _, size := range []int{1, 1000, 1} { // crypto/tls splits what is longer, at first
		_, _ = far.Write(make([]byte, size))
		if text, err := s.read(); len(text) != size {
			t.Errorf("Read = %d bytes, %v, want %d", len(text), err, size)
		}
	}
}

// TestRecordsThatCameTogetherAreAllRead holds that each is there although one
// event told of all.
func TestRecordsThatCameTogetherAreAllRead(t *testing.T) {
	near, tcp := tcpPair(t)
	through := &held{Conn: tcp, pass: 100}
	far := tls.Client(through, clientConfig())
	s := adopt(t, startLoop(t), near, shake(t, near, tls.Server, far), 0)
	through.pass = 0
	for _, text := range []string{"one", "two", "three"} {
		_, _ = far.Write([]byte(text))
	}
	through.send(len(through.kept))
	s.awake()
	s.do(func(c *Conn) {
		for _, want := range []string{"one", "two", "three", ""} {
			b, err := c.Read(nil)
			if string(b.Bytes()) != want || (want == "") != errors.Is(err, ErrWait) {
				t.Errorf("Read = %q, %v, want %q", b.Bytes(), err, want)
			}
			b.Release()
		}
	})
}

// TestNoRecordIsForgotten holds that a read finds all that is there, however the
// records were cut on their way and however much is asked for: only what ends with
// the last piece may wait for it. The seed names the case that fails.
func TestNoRecordIsForgotten(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 1))
		near, tcp := tcpPair(t)
		through := &held{Conn: tcp, pass: 100}
		far := tls.Client(through, clientConfig())
		s := adopt(t, startLoop(t), near, shake(t, near, tls.Server, far), 0)
		through.pass = 0
		var want, got []byte
		for range 1 + random.IntN(8) {
			p := make([]byte, 1+random.IntN(1<<random.IntN(16)))
			for i := range p {
				p[i] = byte(random.Uint32())
			}
			_, _ = far.Write(p)
			want = append(want, p...)
		}
		_ = far.CloseWrite()
		for len(through.kept) > 0 {
			through.send(1 + random.IntN(min(len(through.kept), 1<<random.IntN(17))))
			time.Sleep(time.Duration(random.IntN(300)) * time.Microsecond)
		}
		var err error
		s.until("the end", func(c *Conn) bool {
			for err = nil; err == nil; {
				p := make([]byte, 1+random.IntN(1<<random.IntN(15)))
				var n int
				n, err = c.readTLS(p)
				got = append(got, p[:n]...)
			}
			return !errors.Is(err, ErrWait)
		})
		if !errors.Is(err, io.EOF) || !bytes.Equal(got, want) {
			t.Errorf("seed %d: %d bytes and %v were read, want %d and %v", seed, len(got), err, len(want), io.EOF)
		}
	}
}

// TestALookForRecordsCostsNothing holds that it allocates nothing: a stream is
// looked at after each of its events.
func TestALookForRecordsCostsNothing(t *testing.T) {
	s, far := securePair(t, startLoop(t))
	_, _ = far.Write([]byte("event"))
	if text, err := s.read(); text != "event" {
		t.Fatalf("Read = %q, %v, want event", text, err)
	}
	s.do(func(c *Conn) {
		if n := testing.AllocsPerRun(100, func() { _, _ = c.Read(nil) }); n != 0 {
			t.Errorf("a read of nothing allocates %v times, want 0", n)
		}
	})
}

// TestABrokenRecordStaysBroken holds that who reads once more is told the same,
// although nothing else will come.
func TestABrokenRecordStaysBroken(t *testing.T) {
	near, tcp := tcpPair(t)
	s := adopt(t, startLoop(t), near, shake(t, near, tls.Server, tls.Client(tcp, clientConfig())), 0)
	s.do(func(c *Conn) {
		if _, err := c.Read(nil); !errors.Is(err, ErrWait) {
			t.Errorf("Read = %v, want %v", err, ErrWait)
		}
	})
	_, _ = tcp.Write([]byte("\x17\x03\x03\xff\xff")) // a length that no record may have
	_, first := s.read()
	s.do(func(c *Conn) {
		if b, err := c.Read(nil); b != nil || err == nil || err.Error() != first.Error() {
			t.Errorf("Read = %v, %v, want %v again", b, err, first)
		}
	})
}
