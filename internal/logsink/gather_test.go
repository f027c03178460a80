package logsink

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counted is an output that takes everything, and counts.
type counted struct{ writes, bytes atomic.Int64 }

func (c *counted) Write(p []byte) (int, error) {
	c.writes.Add(1)
	c.bytes.Add(int64(len(p)))
	return len(p), nil
}

// TestALineIsWrittenSoon holds it for one that comes alone, and for any that comes among many.
func TestALineIsWrittenSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &counted{}
		s := New(out, nil)
		defer s.Close()
		wrote := int64(0)
		write := func(line string, within time.Duration) {
			n, _ := s.Write([]byte(line))
			wrote += int64(n)
			time.Sleep(within + 1)
			if synctest.Wait(); out.bytes.Load() != wrote {
				t.Errorf("%d bytes are written %v after the last line, want all %d", out.bytes.Load(), within, wrote)
			}
		}
		write("alone\n", soon)
		write("alone again\n", soon)
		write(strings.Repeat("x", many)+"\n", soon)
		write("among many\n", gather)
		write("alone once more\n", soon)
	})
}

// TestManyLinesShareAWrite holds that how often the goroutine is woken does not grow with
// how much comes, and that none is lost for that.
func TestManyLinesShareAWrite(t *testing.T) {
	line := []byte(strings.Repeat("x", 499) + "\n")
	for name, each := range map[string]int{"a few a millisecond": 5, "as many as a loop has": 60, "more than fit into the time": 2000} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := &counted{}
				s := New(out, nil)
				wrote := 0
				for range 1000 {
					for range each {
						_, _ = s.Write(line)
						wrote += len(line)
					}
					time.Sleep(time.Millisecond)
				}
				s.Close()
				if got := int(out.bytes.Load()); got != wrote || s.Lost() != 0 {
					t.Errorf("%d bytes are written of %d, %v lines lost", got, wrote, s.Lost())
				}
				if most := int(time.Second/gather) + wrote/enough + 2; int(out.writes.Load()) > most {
					t.Errorf("%d writes in a second for %d bytes, want %d at most", out.writes.Load(), wrote, most)
				}
			})
		})
	}
}
