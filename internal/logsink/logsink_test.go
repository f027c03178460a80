package logsink

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

// TestMain holds that no test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// output is a writer that can be stuck, or fail.
type output struct {
	mu    sync.Mutex
	text  bytes.Buffer
	fail  error
	stuck chan struct{} // a write waits until it is closed; nil: none does
}

func (o *output) Write(p []byte) (int, error) {
	if o.stuck != nil {
		<-o.stuck
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		return 0, o.fail
	}
	return o.text.Write(p)
}

func (o *output) lines() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Split(strings.TrimSuffix(o.text.String(), "\n"), "\n")
}

// TestLinesOfOneWriterStayInOrder holds it while many write at once, and that
// every line arrives whole.
func TestLinesOfOneWriterStayInOrder(t *testing.T) {
	const writers, each = 8, 500
	out := &output{}
	s := New(out, nil)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				fmt.Fprintf(s, "%d %d %s\n", w, i, strings.Repeat("x", i%50)) //nolint:errcheck // it never fails
			}
		})
	}
	all.Wait()
	s.Close()
	if n := s.Lost(); n != 0 {
		t.Errorf("%v lines lost", n)
	}
	var next [writers]int
	for _, line := range out.lines() {
		var w, i int
		if _, err := fmt.Sscanf(line, "%d %d", &w, &i); err != nil || !strings.HasSuffix(line, " "+strings.Repeat("x", i%50)) {
			t.Fatalf("torn line %q: %v", line, err)
		}
		if i != next[w] {
			t.Fatalf("line %d of writer %d comes where %d should", i, w, next[w])
		}
		next[w]++
	}
	for w, n := range next {
		if n != each {
			t.Errorf("%d lines of writer %d, want %d", n, w, each)
		}
	}
}

// TestAStuckOutputBlocksNobody holds that what fits is kept and written later,
// and that the rest is lost and counted to the line.
func TestAStuckOutputBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &output{stuck: make(chan struct{})}
		s := New(out, nil)
		line := []byte(strings.Repeat("x", 999) + "\n")
		const lines = 4 * capacity / 1000
		for range lines {
			if n, err := s.Write(line); n != len(line) || err != nil {
				t.Fatalf("Write = %d, %v", n, err)
			}
		}
		synctest.Wait() // the sink is in the write that is stuck
		lost := s.Lost()
		if lost == 0 {
			t.Error("no line lost, though the output takes nothing")
		}
		close(out.stuck)
		s.Close()
		if written := float64(len(out.lines())); written+s.Lost() != lines || s.Lost() != lost {
			t.Errorf("%v lines written and %v lost of %d", written, s.Lost(), lines)
		}
	})
}

// TestCloseDoesNotWaitForAStuckOutput holds that a process can end.
func TestCloseDoesNotWaitForAStuckOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &output{stuck: make(chan struct{})}
		s := New(out, nil)
		_, _ = s.Write([]byte("one\n"))
		s.Close()
		_, _ = s.Write([]byte("two\n")) // is no harm
		close(out.stuck)
		<-s.done
		if got := out.lines(); got[0] != "one" {
			t.Errorf("lines %q, want one", got)
		}
	})
}

// TestLinesThatCannotBeWrittenAreCounted holds it for a disk that is full, say.
func TestLinesThatCannotBeWrittenAreCounted(t *testing.T) {
	s := New(&output{fail: errors.New("no space left")}, nil)
	for range 3 {
		_, _ = s.Write([]byte("line\n"))
	}
	s.Close()
	s.Close() // again is no harm
	if n := s.Lost(); n != 3 {
		t.Errorf("%v lines lost, want 3", n)
	}
}

// TestALineAllocatesNothing holds that a line costs a copy.
func TestALineAllocatesNothing(t *testing.T) {
	s := New(&output{}, nil)
	line := []byte(strings.Repeat("x", 299) + "\n")
	for range 10000 {
		_, _ = s.Write(line) // until the space is there
	}
	if n := testing.AllocsPerRun(1000, func() { _, _ = s.Write(line) }); n > 0 {
		t.Errorf("a line allocates %v times", n)
	}
	s.Close()
}
