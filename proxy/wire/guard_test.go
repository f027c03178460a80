package wire

import (
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
)

// TestAPanicEndsItsConnectionOnly holds that a handler that panics costs its peer
// the connection, which is reset, and that it has one more chance to count itself
// out; the loop and its other connections go on, whatever panics.
func TestAPanicEndsItsConnectionOnly(t *testing.T) {
	for _, tc := range []struct {
		name   string
		always bool // also when the handler is told of the end
		report func(string)
	}{
		{"the handler", false, nil},
		{"the handler each time", true, nil},
		{"the report as well", true, func(string) { panic("in the report") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := startLoop(t)
			stacks := make(chan string, 4)
			l.OnPanic(func(stack string) {
				stacks <- stack
				if tc.report != nil {
					tc.report(stack)
				}
			})
			broken, far := pair(t, l)
			other, otherFar := pair(t, l)
			seen := make(chan bool, 4)
			l.Do(func() {
				broken.on = func(c *Conn) {
					seen <- c.Closed()
					if tc.always || !c.Closed() {
						panic("in the handler")
					}
				}
			})
			_, _ = io.WriteString(far, "x")
			if _, err := far.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
				t.Errorf("the peer reads %v, want a reset", err)
			}
			if <-seen || !<-seen {
				t.Error("want one call before the connection is closed, and one after")
			}
			if s := <-stacks; !strings.Contains(s, "guard_test.go") {
				t.Errorf("the stack does not say where it was:\n%s", s)
			}
			l.Do(func() { panic("in what was posted") })
			<-stacks
			if _, err := io.WriteString(otherFar, "x"); err != nil {
				t.Error(err)
			}
			<-other.woken
		})
	}
}

// TestAPanicInAHandshakeIsAnError holds it for what crypto/tls and its callbacks do
// on goroutines of their own.
func TestAPanicInAHandshakeIsAnError(t *testing.T) {
	near, _ := tcpPair(t)
	_, err := Handshake(near, tls.Client, &tls.Config{ServerName: "localhost", Rand: panicking{}}, patience) //nolint:gosec // it does not come that far
	if err == nil || !strings.Contains(err.Error(), "guard_test.go") {
		t.Errorf("Handshake = %v, want an error with the stack", err)
	}
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("no random bytes") }
