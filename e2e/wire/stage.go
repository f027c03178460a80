//go:build e2e

package wire

import (
	"fmt"
	"sync"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/raw"
)

// patience bounds a story. It decides nothing: a story that is told right
// never gets there.
const patience = 15 * time.Second

// stage holds what happens in one story. Everything on it is guarded by mu;
// changed is told of each byte, so that whoever waits looks again.
type stage struct {
	mu      sync.Mutex
	changed *sync.Cond
	expired bool
	clients []*client
	arrived []*arrival
	conns   []*socket // of the upstream
	faults  []string

	patience time.Duration
	timer    *time.Timer
	over     chan struct{} // closed when nobody plays any more
}

func newStage(patience time.Duration) *stage {
	s := &stage{patience: patience, over: make(chan struct{})}
	s.changed = sync.NewCond(&s.mu)
	s.timer = time.AfterFunc(patience, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.expired = true
		s.changed.Broadcast()
	})
	return s
}

// await blocks until ready, which is called with mu held.
func (s *stage) await(what string, ready func() bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !ready() {
		if s.expired {
			return fmt.Errorf("waited %s for %s", s.patience, what)
		}
		s.changed.Wait()
	}
	return nil
}

func (s *stage) update(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	s.changed.Broadcast()
}

func (s *stage) fault(format string, args ...any) {
	s.update(func() { s.faults = append(s.faults, fmt.Sprintf(format, args...)) })
}

// allEnded reports whether every connection to the upstream is over. The caller
// holds mu.
func (s *stage) allEnded() bool {
	for _, c := range s.conns {
		if c.end == raw.Open {
			return false
		}
	}
	return true
}

// atUpstream and atClients count what has arrived at the far sides so far. The
// caller holds mu.
func (s *stage) atUpstream() (p progress) {
	for _, a := range s.arrived {
		p.add(a.message())
	}
	return p
}

func (s *stage) atClients() (p progress) {
	for _, c := range s.clients {
		p = p.plus(c.progress())
	}
	return p
}

// socket is one connection of either side.
type socket struct {
	*raw.Conn
	stage *stage
	in    []byte
	sent  []byte
	end   raw.End
}

// read collects what comes until the connection ends. In one goroutine.
func (s *socket) read() {
	buffer := make([]byte, 64<<10)
	for {
		n, err := s.Conn.Read(buffer)
		s.stage.update(func() {
			s.in = append(s.in, buffer[:n]...)
			if err != nil && s.end == raw.Open {
				s.end = s.EndOf(err)
			}
		})
		if err != nil {
			return
		}
	}
}

// send writes; an error means that the edge has closed the connection, which
// the expectations of the story judge.
func (s *socket) send(data []byte) {
	s.stage.update(func() { s.sent = append(s.sent, data...) })
	_ = s.SetWriteDeadline(time.Now().Add(s.stage.patience))
	_, _ = s.Conn.Write(data)
}

// finish ends the connection in the way that verb says.
func (s *socket) finish(how raw.Leaving) {
	if how != raw.ByHalf && how != raw.CloseNotify {
		s.stage.update(func() {
			if s.end == raw.Open {
				s.end = raw.Local
			}
		})
	}
	s.Leave(how)
}
