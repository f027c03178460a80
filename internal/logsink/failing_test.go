package logsink

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// disk is an output with room for so many bytes; what does not fit is an error
// behind a part of it, as write(2) has it.
type disk struct {
	mu    sync.Mutex
	text  bytes.Buffer
	room  int
	fails error
	tries int
}

func (d *disk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tries++
	n := min(len(p), d.room)
	d.room -= n
	d.text.Write(p[:n])
	if n < len(p) {
		return n, d.fails
	}
	return n, nil
}

func (d *disk) set(room int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room = room
}

func (d *disk) state() (text string, tries int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String(), d.tries
}

func lostLine(n int64) []byte { return fmt.Appendf(nil, "lost %d\n", n) }

// TestATornLineIsMended holds that, wherever an output stops taking, the lines in it
// are whole once it works again: those that were written and those that are lost
// add up, and the log says how many that is.
func TestATornLineIsMended(t *testing.T) {
	const before, after = "line one\nline two\nline three\n", "line four\n"
	for room := range len(before) + 1 {
		synctest.Test(t, func(t *testing.T) {
			out := &disk{room: room, fails: syscall.ENOSPC}
			s := New(out, lostLine)
			_, _ = s.Write([]byte(before))
			time.Sleep(time.Minute)
			out.set(1 << 20)
			_, _ = s.Write([]byte(after))
			s.Close()
			text, _ := out.state()
			complete := strings.Count(before[:room], "\n")
			if room > 0 && before[room-1] != '\n' {
				complete++ // the torn one
			}
			want := strings.Join(strings.SplitAfter(before, "\n")[:complete], "") + after
			if complete < 3 {
				want += fmt.Sprintf("lost %d\n", 3-complete)
			}
			if text != want || int(s.Lost()) != 3-complete {
				t.Errorf("room for %d bytes: written %q, want %q; %v lost, want %d", room, text, want, s.Lost(), 3-complete)
			}
		})
	}
}

// TestALineStaysTornWhileTheOutputFails holds that the second failure, in the rest
// of a torn line, loses no more of it.
func TestALineStaysTornWhileTheOutputFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &disk{room: 3, fails: syscall.EDQUOT}
		s := New(out, lostLine)
		for _, line := range []string{"line one\n", "line two\n", "line three\n"} {
			_, _ = s.Write([]byte(line))
			time.Sleep(time.Minute)
			out.set(2)
		}
		out.set(1 << 20)
		_, _ = s.Write([]byte("line four\n"))
		s.Close()
		if text, _ := out.state(); text != "line one\nline four\nlost 2\n" {
			t.Errorf("written %q", text)
		}
	})
}

// TestAnOutputThatFailsIsTriedSeldom holds that a dead log costs no processor,
// however many lines come, and that each of them is counted.
func TestAnOutputThatFailsIsTriedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &disk{fails: syscall.EPIPE}
		s := New(out, lostLine)
		const lines = 60_000
		for range lines { // a thousand a second
			_, _ = s.Write([]byte("line\n"))
			time.Sleep(time.Millisecond)
		}
		if _, tries := out.state(); tries > 80 {
			t.Errorf("%d writes in a minute", tries)
		}
		s.Close()
		if s.Lost() != lines {
			t.Errorf("%v lines lost, want %d", s.Lost(), lines)
		}
	})
}

// TestANewReaderFindsTheLogAtOnce holds that the output is tried again within a
// second or so, and as often as ever once it works.
func TestANewReaderFindsTheLogAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &disk{fails: syscall.EPIPE}
		s := New(out, lostLine)
		for range 100 {
			_, _ = s.Write([]byte("line\n"))
			time.Sleep(rest + gather) // not together with a try: either may come first
		}
		out.set(1 << 20)
		_, _ = s.Write([]byte("first\n"))
		time.Sleep(rest + gather)
		if text, _ := out.state(); !strings.HasPrefix(text, "first\nlost ") {
			t.Errorf("written %q, want the first line and how many were lost", text)
		}
		_, _ = s.Write([]byte("second\n"))
		time.Sleep(2 * gather)
		if text, _ := out.state(); !strings.HasSuffix(text, "\nsecond\n") {
			t.Errorf("written %q, want the second line at its end", text)
		}
		s.Close()
	})
}

// TestAnOutputThatIsNotReadyIsWaitedFor holds that a pipe that somebody else has
// made non-blocking loses nothing, and that a process ends without its reader.
func TestAnOutputThatIsNotReadyIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &disk{room: 6, fails: syscall.EAGAIN}
		s := New(out, lostLine)
		_, _ = s.Write([]byte("line one\nline two\n"))
		time.Sleep(time.Minute)
		_, tries := out.state()
		if perSecond := tries / 60; perSecond > int(time.Second/soon) {
			t.Errorf("%d tries a second", perSecond)
		}
		out.set(1 << 20)
		time.Sleep(2 * soon) // a try may come at the same moment
		if text, _ := out.state(); text != "line one\nline two\n" || s.Lost() != 0 {
			t.Errorf("written %q, %v lost", text, s.Lost())
		}
		out.set(0)
		_, _ = s.Write([]byte("line three\n"))
		s.Close()
		<-s.done
		if s.Lost() != 1 {
			t.Errorf("%v lines lost, want 1", s.Lost())
		}
	})
}

// TestLinesLostToAStuckOutputAreToldOf holds it for those that did not fit.
func TestLinesLostToAStuckOutputAreToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &output{stuck: make(chan struct{})}
		s := New(out, lostLine)
		line := []byte(strings.Repeat("x", 999) + "\n")
		for range 4 * capacity / 1000 {
			_, _ = s.Write(line)
		}
		synctest.Wait()
		lost := s.Lost()
		close(out.stuck)
		s.Close()
		if want := fmt.Sprintf("lost %.0f", lost); lost == 0 || !slices.Contains(out.lines(), want) {
			t.Errorf("no line is %q", want)
		}
	})
}
