//go:build e2e

package faults

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/load"
)

const abusers = 300

// trickle sends text a byte at a time, until the edge takes no more.
func (a *abuser) trickle(text string) {
	go func() {
		for i := range len(text) {
			<-time.After(100 * time.Millisecond)
			if _, err := io.WriteString(a, text[i:i+1]); err != nil {
				return
			}
		}
	}()
}

// TestSlowHeads: a head that does not come, or comes byte by byte, is ended by
// timeouts.client_head, counted from its first byte, and harms nobody meanwhile.
func TestSlowHeads(t *testing.T) {
	t.Parallel()
	s := abused(t, sides{}, "client_head: 2s, ", "")
	before := s.quiet()
	served := s.startOthers("300 heads being slow")
	s.abuse(abusers, func(a *abuser) error {
		switch head := a.head("POST", small); a.number % 3 {
		case 0: // says nothing at all, and is told nothing
			return a.ended()
		case 1:
			a.trickle(head + strings.Repeat("X: y\r\n", 100))
		case 2:
			_ = a.say(head)
		}
		if err := a.answer("POST", 408, "request_timeout"); err != nil {
			return err
		}
		return a.ended()
	})
	<-served
	s.wantCauses("request_timeout", abusers/3*2)
	s.wantQuiet(before)
	s.drained()
}

// TestSlowBodies: a body that does not go on is ended by timeouts.request_body_idle,
// and the upstream sees it cut; one that goes on slowly is let through.
func TestSlowBodies(t *testing.T) {
	t.Parallel()
	s := abused(t, sides{}, "request_body_idle: 2s, ", "")
	before := s.quiet()
	served := s.startOthers("300 bodies being slow")
	s.abuse(abusers, func(a *abuser) error {
		head := a.head("POST", hundred)
		switch a.number % 3 {
		case 0:
			_ = a.say(head + "Content-Length: 1000\r\n\r\nhalf")
		case 1:
			_ = a.say(head + "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
		case 2: // longer than request_body_idle in all
			_ = a.say(head + "Content-Length: 40\r\n\r\n")
			a.trickle(strings.Repeat("x", 40))
			return a.answer("POST", 200, "")
		}
		if err := a.answer("POST", 408, "request_timeout"); err != nil {
			return err
		}
		return a.ended()
	})
	<-served
	s.wantCauses("request_timeout", abusers/3*2)
	s.wantQuiet(before)
	s.drained()
}

// TestBodiesSlowerThanAllowed: a body of which a byte comes now and then is ended by
// limits.slowest, where request_body_idle never would, and its upstream is free.
func TestBodiesSlowerThanAllowed(t *testing.T) {
	t.Parallel()
	s := abused(t, sides{}, "", "limits: {slowest: 100B}\n")
	before := s.quiet()
	s.abuse(abusers, func(a *abuser) error {
		_ = a.say(a.head("POST", hundred) + "Content-Length: 1000\r\n\r\n")
		a.trickle(strings.Repeat("x", 1000))
		if err := a.answer("POST", 408, "request_timeout"); err != nil {
			return err
		}
		return a.ended()
	})
	for _, l := range s.Lines("exchange") {
		if !strings.Contains(l.Text, "limits.slowest") {
			t.Fatalf("the access line says %s", l.Text)
		}
	}
	s.wantCauses("request_timeout", abusers)
	s.wantQuiet(before)
	s.drained()
}

// TestReadersSlowerThanAllowed: a client that takes a little of its answer now and
// then is ended by limits.slowest, where client_write_stall never would.
func TestReadersSlowerThanAllowed(t *testing.T) {
	t.Parallel()
	const readers = 20
	s := abused(t, sides{}, "", "limits: {slowest: 64KiB}\n")
	before := s.quiet()
	s.abuse(readers, func(a *abuser) error {
		if err := a.say(a.head("GET", torrent) + "\r\n"); err != nil {
			return err
		}
		for {
			if _, err := io.CopyN(io.Discard, a, 4<<10); err != nil {
				return nil // it is ended
			}
			<-time.After(200 * time.Millisecond) // 20 KiB a second
		}
	})
	s.wantCauses("client_stalled", readers)
	for _, l := range s.Lines("exchange") {
		if !strings.Contains(l.Text, "limits.slowest") {
			t.Fatalf("the access line says %s", l.Text)
		}
	}
	s.wantQuiet(before)
	s.drained()
}

// TestSlowReaders: clients that ask for much and read nothing cost a bounded piece
// of memory each, stall nobody else, and are ended by timeouts.client_write_stall,
// which cancels the upstream.
func TestSlowReaders(t *testing.T) {
	for name, part := range map[string]load.Part{"flood": flood, "torrent": torrent} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := abused(t, sides{}, "client_write_stall: 4s, ", "")
			before, pss := s.quiet(), s.memory("Pss")
			most := s.watchMemory()
			served := s.startOthers("300 clients not reading")
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				eventually(t, "all who read nothing to be ended", func() bool { return s.ledger.Causes()["client_stalled"] >= abusers })
			}()
			s.abuse(abusers, func(a *abuser) error {
				if err := a.say(a.head("GET", part) + "\r\n"); err != nil {
					return err
				}
				<-ended
				if n, err := io.Copy(io.Discard, a.In); err == nil && n >= 64<<20 {
					return fmt.Errorf("got all %d bytes", n)
				}
				return nil
			})
			<-served
			wantWithin(t, "clients that read nothing", abusers, pss, most(), 64<<10)
			s.wantCauses("client_stalled", abusers)
			s.wantQuiet(before)
			s.drained()
		})
	}
}
