//go:build linux && !portable

package wire

import (
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// occupy keeps the loop so busy that it keeps its processor.
func occupy(t *testing.T, s *side, far net.Conn) {
	t.Helper()
	testkit.Await(t, "the loop is busy", func() bool {
		if _, err := far.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if got, err := s.read(); !strings.HasPrefix(got, "x") {
			t.Fatalf("read %q, %v", got, err)
		}
		return s.busy()
	})
}

func (s *side) busy() (busy bool) {
	s.do(func(*Conn) { busy = s.loop.busy })
	return busy
}

// TestABusyLoopLetsTheWorldStop holds that a loop that keeps its processor while it
// waits gives way to whoever stops the world.
func TestABusyLoopLetsTheWorldStop(t *testing.T) {
	s, far := pair(t, startLoop(t))
	for range 3 {
		occupy(t, s, far)
		runtime.GC()
	}
}

// TestABusyLoopParksWhenNothingHappens holds that it becomes busy and is parked
// again, and misses nothing on the way.
func TestABusyLoopParksWhenNothingHappens(t *testing.T) {
	s, far := pair(t, startLoop(t))
	for range 3 {
		occupy(t, s, far)
		// Asking is an event as well, so it is asked seldom.
		testkit.Await(t, "the loop is parked", func() bool {
			<-time.After(50 * time.Millisecond)
			return !s.busy()
		})
	}
}

// TestALoopThatParksAlwaysIsNeverBusy holds that it does not keep its processor however
// much there is to do, brings none, and serves all the same.
func TestALoopThatParksAlwaysIsNeverBusy(t *testing.T) {
	for _, tc := range []struct {
		name    string
		options []Option
		busy    bool
	}{
		{"as it is", nil, true},
		{"parks always", []Option{ParkAlways}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := runtime.GOMAXPROCS(0)
			l, err := newLoop(time.Hour, tc.options...)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			s, far := pair(t, l)
			var busy bool
			s.do(func(*Conn) {
				l.looked, l.turns = l.Now(), 10*fewTimes // all that has happened since the last look
				l.look()
				busy = l.busy
			})
			if busy != tc.busy {
				t.Errorf("busy = %t, want %t", busy, tc.busy)
			}
			if brought := runtime.GOMAXPROCS(0) > before; brought != tc.busy {
				t.Errorf("it has brought a processor: %t, want %t", brought, tc.busy)
			}
			s.whenWoken(func(c *Conn) {
				if b, err := c.Read(nil); err == nil {
					_, _ = c.Send(b)
				}
			})
			for range 3 * fewTimes {
				exchange(t, far)
			}
		})
	}
}

// TestALoopBringsItsProcessor holds that there is one for everybody else, and that
// it is gone with the loop.
func TestALoopBringsItsProcessor(t *testing.T) {
	given := Processors()
	loops, err := StartLoops(3, patience)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range loops {
		l.Do(func() {})
	}
	if n := runtime.GOMAXPROCS(0); n < given+3 {
		t.Errorf("GOMAXPROCS is %d with 3 loops, want at least %d", n, given+3)
	}
	if n := Processors(); n != given {
		t.Errorf("Processors = %d with loops, want %d", n, given)
	}
	CloseLoops(loops)
	if n := Processors(); n != given {
		t.Errorf("Processors = %d behind the loops, want %d", n, given)
	}
}
