//go:build linux && !portable

package wire

import (
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestAPeerThatTakesTooLittleHasStalled holds that a byte now and then is not
// enough, that a span without any is not looked at, since a large buffer makes room
// in lumps, and that nobody is slow for whom nothing waits.
func TestAPeerThatTakesTooLittleHasStalled(t *testing.T) {
	const least, span = 1 << 20, 10 * time.Minute
	s, far := narrowPair(t, startFrozenLoop(t), wide, 1000*time.Hour)
	s.do(func(c *Conn) { c.TakeAtLeast(Pace{least, span}) })
	now := time.Hour
	look := func(what string, want bool) {
		t.Helper()
		now += span
		if s.at(now); s.stalled() != want {
			t.Fatalf("%s: stalled = %t", what, !want)
		}
	}
	look("nothing waits for it", false)
	look("nothing waits for it", false)
	written := s.fill(8 << 20)
	testkit.Await(t, "nothing moves any more", func() bool {
		return s.still(func(c *Conn) int { return c.unacked() })
	})
	look("a span begins", false)
	look("it has taken nothing", false)
	look("it has taken nothing again", false)
	taken := s.takenBy(far, least)
	look("it has taken enough", false)
	taken += s.takenBy(far, 1)
	look("it has taken too little", true)
	if taken >= len(written) {
		t.Error("nothing was left to take")
	}
}
