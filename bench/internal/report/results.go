// Package report turns the samples of a run into what people read: Markdown
// tables, plots, and the raw data as JSON.
package report

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/apim-edge/apim-edge/bench/internal/workload"
	"github.com/apim-edge/apim-edge/bench/peers"
)

// Results is a whole run.
type Results struct {
	Name    string  `json:"name"`
	Date    string  `json:"date"`
	Command string  `json:"command"`
	Commit  string  `json:"commit"`
	Rounds  int     `json:"rounds"`
	Took    string  `json:"took"`
	Machine Machine `json:"machine"`
	// Notes are what a reader has to know to judge the figures.
	Notes     []string      `json:"notes"`
	Size      workload.Size `json:"size"`
	Peers     []PeerInfo    `json:"peers"`
	Rows      []Row         `json:"rows"`
	Workloads []Info        `json:"workloads"`
}

// Machine is where the run took place.
type Machine struct {
	CPU       string `json:"cpu"`
	CPUs      int    `json:"cpus"`
	MemoryGiB int    `json:"memory_gib"`
	Kernel    string `json:"kernel"`
	Go        string `json:"go"`
	Cores     int    `json:"cores"`     // that each peer had
	PeerCPUs  []int  `json:"peer_cpus"` // on which peers ran
	LoadCPUs  []int  `json:"load_cpus"` // on which load and upstream ran
}

// PeerInfo is a peer of the run; Absent tells why it was not measured.
type PeerInfo struct {
	Name    string     `json:"name"`
	Role    peers.Role `json:"role"`
	Note    string     `json:"note,omitempty"`
	Version string     `json:"version,omitempty"`
	Absent  string     `json:"absent,omitempty"`
	// AccessLog: it writes a line for each exchange, and is compared with those that do.
	AccessLog bool `json:"access_log,omitempty"`
}

// Info is a workload of the run.
type Info struct {
	Name    string            `json:"name"`
	About   string            `json:"about"`
	Unit    string            `json:"unit"`
	Figures []workload.Figure `json:"figures"`
}

// Row is one sample and where it belongs.
type Row struct {
	Workload   string             `json:"workload"`
	Leg        workload.Leg       `json:"leg"`
	Peer       string             `json:"peer"`
	Round      int                `json:"round"`
	Figures    map[string]float64 `json:"figures,omitempty"`
	Errors     int64              `json:"errors,omitempty"`
	FirstError string             `json:"first_error,omitempty"`
	Kinds      map[string]int64   `json:"error_kinds,omitempty"`
	Saturated  bool               `json:"load_saturated,omitempty"`
	// Failed tells why there are no figures.
	Failed string `json:"failed,omitempty"`
	// Latency is that of all rounds in the first row of a peer that has any, once
	// Write has been there.
	Latency *histogram `json:"latency,omitempty"`
}

// mergeLatencies leaves one histogram to each peer in a workload on a leg: one
// for each round was four fifths of results.json, and the plots show all rounds
// together.
func (r *Results) mergeLatencies() {
	type key struct {
		workload, peer string
		leg            workload.Leg
	}
	first := map[key]*histogram{}
	for i := range r.Rows {
		row := &r.Rows[i]
		k := key{row.Workload, row.Peer, row.Leg}
		switch {
		case row.Latency == nil:
		case first[k] == nil:
			first[k] = row.Latency
		default:
			first[k].Merge(row.Latency.Histogram)
			row.Latency = nil
		}
	}
}

// NewRow makes a row of a sample, or of the reason why there is none.
func NewRow(w, peer string, leg workload.Leg, round int, s *workload.Sample, err error) Row {
	row := Row{Workload: w, Leg: leg, Peer: peer, Round: round}
	if err != nil {
		row.Failed = err.Error()
		return row
	}
	row.Figures, row.Errors, row.FirstError, row.Kinds, row.Saturated = s.Figures, s.Errors, s.FirstError, s.Kinds, s.Saturated
	if s.Latency != nil {
		row.Latency = &histogram{s.Latency}
	}
	return row
}

// histogram is stored in HdrHistogram's own compressed form, so that any of
// its tools can read the raw data.
type histogram struct{ *hdrhistogram.Histogram }

func (h histogram) MarshalJSON() ([]byte, error) {
	encoded, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, err
	}
	return json.Marshal(string(encoded))
}

func (h *histogram) UnmarshalJSON(text []byte) (err error) {
	var encoded string
	if err := json.Unmarshal(text, &encoded); err != nil {
		return err
	}
	if _, err := base64.StdEncoding.DecodeString(encoded); err != nil {
		return err
	}
	h.Histogram, err = hdrhistogram.Decode([]byte(encoded))
	return err
}

// block is one table: one workload on one leg.
type block struct {
	Info
	leg   workload.Leg
	lines []line
}

// line is one peer in a table.
type line struct {
	PeerInfo
	byRound   map[int]Row
	failed    string
	errors    int64
	saturated bool
}

// blocks groups the rows by workload and leg, in the order of the run.
func (r *Results) blocks() []block {
	var all []block
	for _, leg := range workload.Legs {
		for _, info := range r.Workloads {
			b := block{Info: info, leg: leg}
			for _, peer := range r.Peers {
				if l := r.line(info.Name, leg, peer); len(l.byRound) > 0 {
					b.lines = append(b.lines, l)
				}
			}
			if len(b.lines) > 0 {
				all = append(all, b)
			}
		}
	}
	return all
}

func (r *Results) line(name string, leg workload.Leg, peer PeerInfo) line {
	l := line{PeerInfo: peer, byRound: make(map[int]Row)}
	for _, row := range r.Rows {
		if row.Workload != name || row.Leg != leg || row.Peer != peer.Name {
			continue
		}
		l.byRound[row.Round] = row
		l.errors += row.Errors
		l.saturated = l.saturated || row.Saturated
		if row.Failed != "" {
			l.failed = row.Failed
		}
	}
	return l
}

// Newest is the run without the peers of whose program it has a newer release as well.
func (r *Results) Newest() *Results {
	newest := *r
	newest.Peers = slices.DeleteFunc(slices.Clone(r.Peers), func(p PeerInfo) bool {
		return slices.ContainsFunc(r.Peers, func(other PeerInfo) bool { return strings.HasPrefix(other.Name, p.Name+"-") })
	})
	return &newest
}

// Spread is a figure over the rounds.
type Spread struct {
	Median, Min, Max float64
	Rounds           int
}

func spread(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	slices.Sort(values)
	n := len(values)
	return Spread{Median: (values[(n-1)/2] + values[n/2]) / 2, Min: values[0], Max: values[n-1], Rounds: n}
}

// figure returns a figure of a line over the rounds. Where the figure is what
// is added to the direct path, that path's value of the same round is taken off.
func (b *block) figure(l line, f workload.Figure) Spread {
	direct := b.direct()
	var values []float64
	for round, row := range l.byRound {
		value, ok := row.Figures[f.Key]
		if !ok {
			continue
		}
		if f.Added && l.Role != peers.Direct && direct != nil {
			base, ok := direct.byRound[round].Figures[f.Key]
			if !ok {
				continue
			}
			value -= base
		}
		values = append(values, value)
	}
	return spread(values)
}

func (b *block) direct() *line {
	for i := range b.lines {
		if b.lines[i].Role == peers.Direct {
			return &b.lines[i]
		}
	}
	return nil
}

// best returns the general proxy with the least median of the first figure, of those with
// an access log or of those without.
func (b *block) best(logs bool) *line {
	var best *line
	var least float64
	for i := range b.lines {
		if b.lines[i].Role != peers.General || b.lines[i].AccessLog != logs {
			continue
		}
		s := b.figure(b.lines[i], b.Figures[0])
		if s.Rounds > 0 && (best == nil || s.Median < least) {
			best, least = &b.lines[i], s.Median
		}
	}
	return best
}

// ratio compares a line with the best general proxy, round by round: noise that
// lasts longer than a round falls out.
func (b *block) ratio(l line) Spread {
	if l.Role == peers.Direct {
		return Spread{}
	}
	return b.between(l, b.best(l.AccessLog))
}

// between is how a line's first figure relates to another's, round by round; nil: not at all.
func (b *block) between(l line, other *line) Spread {
	var values []float64
	b.pairs(l, other, func(mine, theirs float64) { values = append(values, mine/theirs) })
	return spread(values)
}

// pairs hands over the first figures of two lines in one round, for each round that has
// both.
func (b *block) pairs(l line, other *line, each func(mine, theirs float64)) {
	if other == nil {
		return
	}
	for round, row := range l.byRound {
		mine, ok := row.Figures[b.Figures[0].Key]
		if theirs := other.byRound[round].Figures[b.Figures[0].Key]; ok && theirs > 0 {
			each(mine, theirs)
		}
	}
}
