// Package workload says what the bench measures: each workload puts one kind of
// load on one peer and returns the figures that it stands for.
package workload

import (
	"context"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/apim-edge/apim-edge/bench/internal/client"
	"github.com/apim-edge/apim-edge/bench/internal/pace"
	"github.com/apim-edge/apim-edge/bench/internal/proc"
	"github.com/apim-edge/apim-edge/bench/internal/tokens"
	"github.com/apim-edge/apim-edge/bench/peers"
)

// Leg says which legs of an exchange are TLS. The real case is TLSUpstream:
// the edge stands near its clients, and APIM is HTTPS.
type Leg string

// The legs that are measured.
const (
	Plain       Leg = "plain"
	TLSUpstream Leg = "tls-upstream"
	TLSBoth     Leg = "tls-both"
)

// Legs is all of them, in the order of the report.
var Legs = []Leg{Plain, TLSUpstream, TLSBoth}

// Size says how much is measured. Figures are per unit, so that runs of
// different sizes can be compared, with more noise the smaller they are.
type Size struct {
	Warm    time.Duration // load before the window
	Window  time.Duration // what is measured
	Counted time.Duration // a further window for allocations and system calls
	Settle  time.Duration // before memory is read
	Never   time.Duration // what has not come by then, beyond the time it has, never does

	Connections    int // of closed loops
	OpenRate       int // exchanges per second of open loops
	BusyStreams    int
	BusyEvents     int // per second, of all streams
	PacedStreams   int
	PacedEvents    int
	IdleStreams    int
	StalledClients int
	MixedStreams   int
	Bulk           int64 // bytes
	Departures     int

	Bursts       [2]int        // exchanges at once
	BurstStreams int           // streams at once
	Later        time.Duration // after the streams have begun, before their memory is read
	Pausing      int           // clients that pause between requests
	Storm        int           // TLS handshakes at a time
	Tokens       int           // that a peer is shown, of each algorithm
	Long         time.Duration // a window in which pauses end and storms pass
	CutOff       int           // exchanges of each kind that are under way when the network is cut
	Cut          time.Duration // how long they wait to be told
	Moving       time.Duration // how long a name may take to be followed
}

// Full is the size of a run whose figures are to be believed.
func Full() Size {
	return Size{
		Warm: 500 * time.Millisecond, Window: 2 * time.Second, Counted: time.Second, Settle: 2 * time.Second, Never: 3 * time.Second,
		Connections: 32, OpenRate: 1000,
		BusyStreams: 400, BusyEvents: 40_000, PacedStreams: 50, PacedEvents: 10_000,
		IdleStreams: 10_000, StalledClients: 300, MixedStreams: 100,
		Bulk: 1 << 30, Departures: 20,
		Bursts: [2]int{2000, 5000}, BurstStreams: 2000, Later: 12 * time.Second,
		Pausing: 400, Storm: 1000, Tokens: 6000, Long: 4 * time.Second,
		CutOff: 10, Cut: 100 * time.Second, Moving: 15 * time.Second,
	}
}

// Quick is the size of a look in passing: the same loads for a shorter time,
// fewer idle streams, less bulk. Bursts and storms are as large as ever: what they
// show begins at a size.
func Quick() Size {
	s := Full()
	s.Warm, s.Window, s.Counted, s.Settle = 150*time.Millisecond, 400*time.Millisecond, 200*time.Millisecond, 400*time.Millisecond
	s.IdleStreams, s.StalledClients, s.Bulk, s.Departures = 1000, 40, 128<<20, 4
	s.Tokens, s.Long = 2000, 2*time.Second
	return s
}

// Upstream is what the mock upstream tells about what it saw.
type Upstream interface {
	// Streams is how many streams are open at the upstream.
	Streams() (int64, error)
	// Accepted is how many connections the upstream has accepted so far.
	Accepted() (int64, error)
	// Exchanges is how many the upstream has had so far.
	Exchanges() (int64, error)
	// Departure is when the end of the silent exchange id was seen, in
	// nanoseconds of CLOCK_MONOTONIC; 0: it runs; known is false before it came.
	Departure(id string) (at int64, known bool, err error)
}

// Cell is one measurement: one workload on one peer.
type Cell struct {
	Peer    *peers.Peer
	Process *proc.Process // nil on the direct path
	Target  client.Target
	// Direct is the way to the upstream without the peer.
	Direct client.Target
	// Start starts the peer once more, with so many threads (loops, workers;
	// 0: as many as it has CPUs), and returns its cell and what ends it.
	Start func(threads int) (*Cell, func(), error)
	// Guarded starts the peer once more where only who shows a token of Issuer passes.
	// The cell's target shows one.
	Guarded func() (*Cell, func(), error)
	Issuer  *tokens.Issuer
	// Storm starts a process that makes TLS handshakes with the peer, so many at a
	// time. It ends when it is stopped, and says then what it did.
	Storm func(connections int) (*proc.Process, error)
	// Apart starts the peer and an upstream once more, in networks of their own, and
	// returns the peer's cell there, what cuts the two apart in silence, and what ends
	// all.
	Apart func() (c *Cell, cut func() error, stop func(), err error)
	// Named starts the peer once more where its upstream is a name.
	Named func() (*Named, error)
	// Metrics is where the peer tells its allocations; empty: nowhere.
	Metrics  string
	Upstream Upstream
	Clock    pace.Clock
	Size     Size
	// LoadCPU reads the CPU time of the load and the upstream, which have
	// LoadCores CPUs between them.
	LoadCPU   func() []proc.CPU
	LoadCores int
	// CountCalls asks for the extra pass with allocations and system calls.
	CountCalls bool
	// Began, where it is given, is called when a window begins: the load is complete and
	// goes on until its end.
	Began func()
	// ID is unique in the run; it names silent exchanges.
	ID string
}

// Named is a peer whose upstream is a name that can be given to another. It points to the
// first of two at the beginning.
type Named struct {
	*Cell
	Upstreams [2]Upstream
	Point     func(to int)
	Kill      func(i int) // an upstream; its address is still there, and refuses
	Stop      func()
}

// Sample is what one measurement gave.
type Sample struct {
	Figures map[string]float64
	// Errors is how many exchanges or streams went wrong, and how the first did.
	Errors     int64
	FirstError string
	// Kinds is how many errors of each kind there were, from a workload that is
	// about them.
	Kinds map[string]int64
	// Saturated says that the load and the upstream had no CPU time left: the
	// throughput is theirs and not the peer's.
	Saturated bool
	// Latency is the distribution behind p50_us and so on, for the plot.
	Latency *hdrhistogram.Histogram
}

// Figure is a number that a workload gives.
type Figure struct {
	Key   string
	Title string
	// Decimals is how many are worth showing.
	Decimals int
	// Added says that the direct path's value of the same round is taken off.
	Added bool
}

// Workload is one kind of load.
type Workload struct {
	Name  string
	About string
	Unit  string
	// Fresh asks for a peer that has just been started, because memory that
	// it has kept from an earlier round would hide what this one needs.
	Fresh bool
	// Legs are those on which it tells something; empty: all.
	Legs []Leg
	// Peers are those whose files are made for it; empty: all.
	Peers []string
	// OnRequest: it takes minutes for each peer, and is run only where it is named.
	OnRequest bool
	// OwnNetwork: it cannot be run where the machine gives no network of its own.
	OwnNetwork bool
	// SkipDirect: there is nothing to be measured without a proxy.
	SkipDirect bool
	// Figures are the columns; the first is the one that ratios are made of,
	// less being better.
	Figures []Figure
	Run     func(ctx context.Context, c *Cell) (*Sample, error)
}

// On reports whether the workload is run on the leg.
func (w *Workload) On(leg Leg) bool { return len(w.Legs) == 0 || slices.Contains(w.Legs, leg) }

// All returns the workloads in the order of the report.
func All() []Workload {
	return []Workload{
		smallClosed(), smallOpen(), sdkClosed(), sdkModelLast(), sdkEmbeddings(),
		eventsBusy(), eventsPaced(), growth(),
		idleStreams(), stalledClients(),
		shortConnections(),
		bulkDown(), bulkUp(),
		mixed(), departure(),
		burst(), think(), manyLoops(), handshakes(),
		tokenRepeated(), tokenFresh(),
		partition(), nameMoves(),
	}
}

// Names returns the names of the workloads that are run where none is named.
func Names() []string { return names(func(w Workload) bool { return !w.OnRequest }) }

// AllNames returns the names of all.
func AllNames() []string { return names(func(Workload) bool { return true }) }

func names(which func(Workload) bool) (names []string) {
	for _, w := range All() {
		if which(w) {
			names = append(names, w.Name)
		}
	}
	return names
}

// until waits for d, and then until some reports that anything has come: on a machine
// that is busy with other things the first unit may be long in coming. It waits no longer
// than for Never, and who needs a unit looks for it.
func (c *Cell) until(ctx context.Context, d time.Duration, some func() bool) error {
	err := sleep(ctx, d)
	for end := time.Now().Add(c.Size.Never); err == nil && !some() && time.Now().Before(end); {
		err = sleep(ctx, 5*time.Millisecond)
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
