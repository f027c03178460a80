package client

import (
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/apim-edge/apim-edge/bench/internal/pace"
)

// Crowd reads many event streams at once.
type Crowd struct {
	group
	Target  Target
	Request []byte
	Streams int
	Meter   *Meter
	Clock   pace.Clock
	// Shortest and Longest bound how long a client stays before it leaves and
	// comes back. 0: it stays until the end.
	Shortest, Longest time.Duration

	Flowing    atomic.Int64 // streams that have had their first event
	Departures atomic.Int64

	opening chan struct{}
}

// atOnce bounds how many streams are being opened at the same time; without it
// 10,000 would overflow a listener's backlog and wait for SYN repeats.
const atOnce = 64

// Start opens the streams.
func (l *Crowd) Start() {
	l.opening = make(chan struct{}, atOnce)
	l.run(l.Streams, l.work)
}

func (l *Crowd) work(worker int) {
	random := rand.New(rand.NewPCG(uint64(worker), 7))
	for !l.stopped.Load() {
		l.opening <- struct{}{}
		c := l.dial(l.Target, l.Meter)
		if c == nil {
			<-l.opening
			return
		}
		stay := l.Shortest
		if l.Longest > l.Shortest {
			stay += time.Duration(random.Int64N(int64(l.Longest - l.Shortest)))
		}
		err := l.readStream(c, worker, stay)
		switch {
		case err == nil:
			l.Departures.Add(1)
		case err != io.EOF:
			l.failed(l.Meter, err)
		}
		l.close(c)
	}
}

// readStream opens a stream and reads it to its end or the client's departure,
// which gives nil.
func (l *Crowd) readStream(c *Conn, worker int, stay time.Duration) error {
	began := time.Now()
	stream, err := c.Open(l.Request)
	<-l.opening // at one event a second the first one may be long in coming
	if err != nil {
		return err
	}
	event, err := stream.Next()
	if err != nil {
		return err
	}
	l.Meter.FirstEvent.Record(worker, int64(event.ReadAt.Sub(began)))
	l.Flowing.Add(1)
	defer l.Flowing.Add(-1)
	previous := event.ReadAt
	for {
		if event, err = stream.Next(); err != nil {
			return err
		}
		if event.Done || event.SentAt == 0 {
			continue
		}
		l.Meter.Latency.Record(worker, l.Clock.At(event.ReadAt)-event.SentAt)
		l.Meter.Gap.Record(worker, int64(event.ReadAt.Sub(previous)))
		if event.SameRead {
			l.Meter.Merged.Add(1)
		}
		l.Meter.Units.Add(1)
		previous = event.ReadAt
		if stay > 0 && event.ReadAt.Sub(began) >= stay {
			return nil
		}
	}
}
