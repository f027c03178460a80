package wire

import (
	"errors"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// stalled tells what the loop thinks of the peer.
func (s *side) stalled() (is bool) {
	s.do(func(c *Conn) { is = c.Stalled() })
	return is
}

// TestAStallIsNeverEarly holds it on the real clock.
func TestAStallIsNeverEarly(t *testing.T) {
	const bound = 60 * time.Millisecond
	s, _ := narrowPair(t, startLoop(t), narrow, bound)
	start := time.Now()
	s.fill(512 << 10)
	s.until("it has stalled", (*Conn).Stalled)
	if took := time.Since(start); took < bound {
		t.Errorf("stalled after %v, want not before %v", took, bound)
	}
}

// TestAPeerThatTakesBytesDoesNotStall holds timeouts.client_write_stall: the time
// begins anew when the peer takes bytes, be they so few that the kernel does not
// ask for more.
func TestAPeerThatTakesBytesDoesNotStall(t *testing.T) {
	for _, tc := range []struct {
		name string
		room int
		left func(*Conn) int // falls when the peer takes bytes
	}{
		{"many at a time", narrow, (*Conn).Backlog},
		{"few at a time", wide, func(c *Conn) int { return c.Backlog() + c.unacked() }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, far := narrowPair(t, startFrozenLoop(t), tc.room, time.Hour)
			left := func() (n int) {
				s.do(func(c *Conn) { n = tc.left(c) })
				return n
			}
			s.fill(24 << 20) // more than all that the kernel takes of it meanwhile
			now := 24 * time.Hour
			for range 3 {
				for before := left(); left() == before; {
					if _, err := far.Read(make([]byte, 4<<10)); err != nil {
						t.Fatal(err)
					}
				}
				for range 2 {
					now += 50 * time.Minute
					if s.at(now); s.stalled() {
						t.Fatalf("stalled although the peer has taken bytes")
					}
				}
			}
			testkit.Await(t, "it stalls when the peer takes no more", func() bool {
				now += 2 * time.Hour
				s.at(now)
				return s.stalled()
			})
		})
	}
}

// TestABoundOfAStallIsThatOfItsBacklog holds that what was taken at once, or is
// gone, is not waited for.
func TestABoundOfAStallIsThatOfItsBacklog(t *testing.T) {
	s, far := narrowPair(t, startFrozenLoop(t), narrow, time.Hour)
	s.write([]byte("hello"))
	s.at(24 * time.Hour)
	s.at(48 * time.Hour)
	if s.stalled() {
		t.Error("stalled with nothing to send")
	}
	written := s.fill(512 << 10)
	s.at(72 * time.Hour)
	got := make([]byte, 5+len(written))
	for n := 0; n < len(got); {
		m, err := far.Read(got[n:])
		if n += m; err != nil {
			t.Fatal(err)
		}
	}
	s.until("the backlog is sent", func(c *Conn) bool { return c.Backlog() == 0 })
	s.at(96 * time.Hour)
	s.at(120 * time.Hour)
	if s.stalled() {
		t.Error("stalled when all was sent")
	}
	s.do(func(c *Conn) {
		if _, err := c.Read(nil); !errors.Is(err, ErrWait) {
			t.Errorf("Read = %v, want %v", err, ErrWait)
		}
	})
}
