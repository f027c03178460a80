package client

import (
	"sync"

	"github.com/apim-edge/apim-edge/bench/internal/pace"
)

// Open is an open loop: requests are sent at a constant rate, whatever becomes
// of those before. Latency counts from the intended start, so that a stall
// shows in every request that had to wait because of it.
type Open struct {
	group
	Target      Target
	Request     []byte
	PerSecond   int
	Connections int
	Meter       *Meter
	Clock       pace.Clock

	pacer *pace.Pacer
	turn  sync.Mutex
	idle  []*openConn // longest idle first, so that all connections are used
	late  []int64     // intended starts that found no connection idle
}

// lateLimit bounds what waits when the target cannot keep up; beyond it each
// request is counted as an error.
const lateLimit = 20_000

type openConn struct {
	*Conn
	intended int64
	busy     bool
}

// Start begins the load.
func (l *Open) Start() {
	l.pacer = pace.NewPacer(l.Clock, 1)
	l.run(l.Connections, l.work)
	l.pacer.Add(l, int64(1e9)/int64(l.PerSecond))
}

// Stop ends the load.
func (l *Open) Stop() {
	l.pacer.Close()
	l.group.Stop()
}

// Waiting returns how many requests should have been sent and were not.
func (l *Open) Waiting() int {
	l.turn.Lock()
	defer l.turn.Unlock()
	return len(l.late)
}

// Do sends the next request; it is the pacer's task.
func (l *Open) Do(intended int64) bool {
	l.turn.Lock()
	if len(l.idle) == 0 {
		if len(l.late) < lateLimit {
			l.late = append(l.late, intended)
		} else {
			l.Meter.Errors.Add(1)
		}
		l.turn.Unlock()
		return true
	}
	c := l.idle[0]
	l.idle = append(l.idle[:0], l.idle[1:]...)
	c.intended, c.busy = intended, true
	l.turn.Unlock()
	_, _ = c.Write(l.Request) // a failure shows where the response is awaited
	return true
}

func (l *Open) work(worker int) {
	for !l.stopped.Load() {
		dialled := l.dial(l.Target, l.Meter)
		if dialled == nil {
			return
		}
		c := &openConn{Conn: dialled}
		var err error
		for err == nil {
			if err = l.free(c); err != nil {
				break
			}
			if _, err = c.Finish(); err == nil {
				l.Meter.Latency.Record(worker, l.Clock.At(c.ReadAt)-c.intended)
				l.Meter.Units.Add(1)
			}
		}
		l.leave(c, err)
	}
}

// free gives the connection the oldest late request, or makes it idle.
func (l *Open) free(c *openConn) error {
	l.turn.Lock()
	if len(l.late) == 0 {
		c.busy = false
		l.idle = append(l.idle, c)
		l.turn.Unlock()
		return nil
	}
	c.intended, c.busy = l.late[0], true
	l.late = l.late[1:]
	l.turn.Unlock()
	_, err := c.Write(l.Request)
	return err
}

// leave takes a connection that has ended out of use. One that was idle was
// closed by the other side's right; it is no error.
func (l *Open) leave(c *openConn, err error) {
	l.turn.Lock()
	for i := range l.idle {
		if l.idle[i] == c {
			l.idle = append(l.idle[:i], l.idle[i+1:]...)
			break
		}
	}
	busy := c.busy
	l.turn.Unlock()
	if busy {
		l.failed(l.Meter, err)
	}
	l.close(c.Conn)
}
