//go:build linux && !portable

package wire

import (
	"crypto/tls"
	"os"
	"testing"
	"time"
)

// TestALoopLeavesNoDescriptorBehind holds it for connections that were closed, cut
// and left to the end of the loop, with and without a backlog, and for pipes.
func TestALoopLeavesNoDescriptorBehind(t *testing.T) {
	round := func() {
		l, err := newLoop(time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		for _, end := range []func(*Conn){(*Conn).Close, func(c *Conn) { c.Abort(false) }, func(c *Conn) { c.Abort(true) }, func(*Conn) {}} {
			for _, backlog := range []int{0, 512 << 10} {
				s, far := narrowPair(t, l, narrow, 0)
				s.fill(backlog)
				s.do(end)
				near, tcp := tcpPair(t)
				_ = near.SetWriteBuffer(narrow)
				secured := shake(t, near, tls.Server, tls.Client(tcp, clientConfig()))
				s = adopt(t, l, near, secured, 0)
				s.fill(backlog)
				s.do(end)
				_, _ = far.Close(), tcp.Close()
			}
		}
		l.Do(func() {
			for range maxPipes {
				defer l.GetPipe().Release()
			}
			if l.GetPipe() != nil {
				t.Errorf("more than %d pipes", maxPipes)
			}
		})
		l.Close()
	}
	round() // whatever the process opens once is open now
	before := descriptors(t)
	for range 3 {
		round()
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors are open, %d before", after, before)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
