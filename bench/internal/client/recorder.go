package client

import (
	"errors"
	"maps"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// longest is the longest time that a recorder tells apart from longer ones.
const longest = int64(60 * time.Second)

// Recorder collects times in nanoseconds from many goroutines. It is split so
// that they rarely meet at one lock.
type Recorder struct {
	on     atomic.Bool
	shards [8]struct {
		mu        sync.Mutex
		histogram *hdrhistogram.Histogram
	}
}

// NewRecorder returns a recorder that is off.
func NewRecorder() *Recorder {
	r := &Recorder{}
	for i := range r.shards {
		r.shards[i].histogram = NewHistogram()
	}
	return r
}

// NewHistogram returns a histogram of nanoseconds up to a minute, exact to
// three digits.
func NewHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, longest, 3) }

// Record takes a time while the recorder is on; worker spreads the load.
func (r *Recorder) Record(worker int, nanoseconds int64) {
	if !r.on.Load() {
		return
	}
	shard := &r.shards[worker%len(r.shards)]
	shard.mu.Lock()
	_ = shard.histogram.RecordValue(min(max(nanoseconds, 0), longest))
	shard.mu.Unlock()
}

// Switch turns recording on or off.
func (r *Recorder) Switch(on bool) { r.on.Store(on) }

// Take returns all that was recorded, and forgets it.
func (r *Recorder) Take() *hdrhistogram.Histogram {
	all := NewHistogram()
	for i := range r.shards {
		shard := &r.shards[i]
		shard.mu.Lock()
		all.Merge(shard.histogram)
		shard.histogram.Reset()
		shard.mu.Unlock()
	}
	return all
}

// Histogram returns all that was recorded.
func (r *Recorder) Histogram() *hdrhistogram.Histogram {
	all := NewHistogram()
	for i := range r.shards {
		r.shards[i].mu.Lock()
		all.Merge(r.shards[i].histogram)
		r.shards[i].mu.Unlock()
	}
	return all
}

// Meter counts what a load did.
type Meter struct {
	Units  atomic.Int64 // exchanges or events that were right, each counted when it has been recorded
	Errors atomic.Int64
	Merged atomic.Int64 // events that came out of one read with the one before

	Latency    *Recorder // per exchange, or one way per event
	FirstEvent *Recorder // from the request to the first event
	Gap        *Recorder // between two events of one stream, as they arrive

	mu    sync.Mutex
	first error
	kinds map[string]int64
}

// NewMeter returns a meter whose recorders are off, save that of first events:
// streams are opened before the window that is measured.
func NewMeter() *Meter {
	m := &Meter{Latency: NewRecorder(), FirstEvent: NewRecorder(), Gap: NewRecorder(), kinds: map[string]int64{}}
	m.FirstEvent.Switch(true)
	return m
}

// Switch turns the recorders on at the begin of the window and off at its end.
func (m *Meter) Switch(on bool) {
	m.Latency.Switch(on)
	m.Gap.Switch(on)
}

// Fail counts an error and keeps the first.
func (m *Meter) Fail(err error) {
	m.Errors.Add(1)
	m.mu.Lock()
	if m.first == nil {
		m.first = err
	}
	m.kinds[kind(err)]++
	m.mu.Unlock()
}

// Kinds returns how many errors of each kind there were.
func (m *Meter) Kinds() map[string]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.kinds)
}

// kind is the text of an error without the ports, which differ each time.
func kind(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return err.Error()
}

// FirstError returns the first error, or nil.
func (m *Meter) FirstError() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.first
}
