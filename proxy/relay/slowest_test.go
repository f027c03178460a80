package relay

import (
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// span is the shortest that a loop can measure, more or less.
const span = 50 * time.Millisecond

// slowly starts an upload whose client is held to a pace, and returns both ends,
// and how it has ended. answered has the client get its answer at once.
func slowly(t *testing.T, length, least int64, answered bool) (source io.Writer, sink io.Reader, ended <-chan error) {
	t.Helper()
	s := newStage(t)
	fromNear, from := s.pair(t)
	toNear, to := s.pair(t)
	_ = to.SetReadBuffer(128 << 10)
	_ = toNear.SetWriteBuffer(4 << 10)
	t.Cleanup(func() { _, _ = from.Close(), to.Close() })
	up := &Up{Idle: time.Hour, Slowest: wire.Pace{Least: least, Span: span}}
	p := &passage{woken: make(chan struct{}, 1), ended: make(chan error, 1), begin: func(from, to *wire.Conn) (func() error, error) {
		up.From, up.To = from, to
		up.Track.Begin(length, nil)
		var in *wire.Buf
		return func() error {
			err := up.Go(&in)
			if answered {
				up.AnyPace()
			}
			return err
		}, nil
	}}
	s.loop.Do(func() {
		near, errFrom := s.loop.Adopt(wire.SocketOf(fromNear), nil, p, 0)
		far, errTo := s.loop.Adopt(wire.SocketOf(toNear), nil, p, 0)
		if err := errors.Join(errFrom, errTo); err != nil {
			t.Error(err)
			return
		}
		p.from, p.to = near, far
		p.Wake(nil)
	})
	return from, to, p.ended
}

// TestASlowBodyIsEnded holds limits.slowest: a client that sends a byte now and
// then gains nothing by it.
func TestASlowBodyIsEnded(t *testing.T) {
	source, _, ended := slowly(t, 1<<20, 100, false)
	for {
		_, _ = io.WriteString(source, "x") // far fewer than 100 in a span
		select {
		case err := <-ended:
			if edgeerr.CodeOf(err) != edgeerr.RequestTimeout || !strings.Contains(err.Error(), "limits.slowest") {
				t.Errorf("the upload ended with %v, want request_timeout that names limits.slowest", err)
			}
			return
		case <-time.After(span / 4):
		case <-t.Context().Done():
		}
	}
}

// TestAClientIsNotBlamedForItsUpstream holds that the pace is asked for only while
// the upstream takes what comes: the upload stands for many spans and goes on.
func TestAClientIsNotBlamedForItsUpstream(t *testing.T) {
	const length = 8 << 20
	source, sink, ended := slowly(t, length, 100, false)
	var sent atomic.Int64
	go func() {
		piece := make([]byte, 64<<10)
		for range length / len(piece) {
			n, err := source.Write(piece)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	for last := int64(-1); last != sent.Load(); <-time.After(10 * span) { // until nobody takes more
		last = sent.Load()
	}
	select {
	case err := <-ended:
		t.Fatalf("the upload ended with %v while the upstream took nothing", err)
	default:
	}
	if n, err := io.CopyN(io.Discard, sink, length); err != nil {
		t.Fatalf("%d bytes arrived, then %v", n, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the upload ended with %v", err)
	}
}

// TestAClientWithItsAnswerMayTakeItsTime holds that no pace is asked for any more.
func TestAClientWithItsAnswerMayTakeItsTime(t *testing.T) {
	source, sink, ended := slowly(t, 2, 1<<20, true)
	_, _ = io.WriteString(source, "x")
	if _, err := io.ReadFull(sink, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		t.Fatalf("the upload ended with %v", err)
	case <-time.After(5 * span):
	}
	_, _ = io.WriteString(source, "y")
	if err := <-ended; err != nil {
		t.Errorf("the upload ended with %v", err)
	}
}
