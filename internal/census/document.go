package census

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Document is a census as others may see it: what the file holds and /census shows, and
// what several of these are merged to. It has no secret, no address, and nothing of a body.
type Document struct {
	Header
	Setups  []Setup
	Rows    []Row
	Others  *Row // nil: every key has a row
	History []RouteHistory
}

// Header says whose census it is.
type Header struct {
	// Format is that of the lines.
	Format int `json:"census"`
	// Replica is one edge, over all its starts where it has a file. Run is one start.
	Replica string `json:"replica"`
	Run     string `json:"run"`
	Edge    string `json:"edge"` // version of the program
	// Key is the fingerprint of the key that credentials are hashed by. Fleeting says that
	// nobody has set one: it was made up at the start, and ends with it.
	Key      string `json:"key"`
	Fleeting bool   `json:"fleeting,omitempty"`
	// Since is when the census began, Written when this was written.
	Since   time.Time `json:"since"`
	Written time.Time `json:"written"`
	Bound   int       `json:"bound"` // of rows
	// Lost are exchanges that could not be counted in time.
	Lost int64 `json:"lost,omitempty"`
	// Replicas are whose censuses were merged; empty: this is one.
	Replicas []string `json:"replicas,omitempty"`
}

// Setup is what of the configuration of a route says how it could do without the edge.
type Setup struct {
	Route      string   `json:"route"`
	PathPrefix string   `json:"path_prefix"`
	Upstream   string   `json:"upstream"` // its URL, without a user name
	KeyField   string   `json:"key_field"`
	KeyValue   string   `json:"key_value"`
	Origins    []string `json:"origins,omitempty"`
	BridgeTo   string   `json:"bridge_to,omitempty"`
	// Own is what the edge shows to the upstream itself: key, managed_identity, or empty.
	Own    string `json:"own,omitempty"`
	Tokens bool   `json:"tokens,omitempty"`  // callers need one
	Keys   bool   `json:"clients,omitempty"` // or a key of the edge
	// Addresses: the edge lets in only who calls from some of them.
	Addresses bool `json:"addresses,omitempty"`
	// Headers: or who has a field that a front sets.
	Headers bool `json:"headers,omitempty"`
	// Query: the upstream is sent other parameters than clients send.
	Query bool `json:"query,omitempty"`
}

// format is the one that is written. One that is not known is not read.
const format = 1

// line is one line of the file: exactly one of its parts is there.
type line struct {
	Header  *Header       `json:"header,omitempty"`
	Setup   *Setup        `json:"setup,omitempty"`
	Row     *Row          `json:"row,omitempty"`
	Others  *Row          `json:"others,omitempty"`
	History *RouteHistory `json:"history,omitempty"`
	End     *int          `json:"end,omitempty"` // how many lines stand in front of it
}

// Write writes the document, one JSON object a line.
func (d *Document) Write(w io.Writer) error {
	out := bufio.NewWriter(w)
	encoder := json.NewEncoder(out)
	lines := 0
	put := func(l line) {
		_ = encoder.Encode(l) // an error stays in out
		lines++
	}
	put(line{Header: &d.Header})
	for i := range d.Setups {
		put(line{Setup: &d.Setups[i]})
	}
	for i := range d.Rows {
		put(line{Row: &d.Rows[i]})
	}
	if d.Others != nil {
		put(line{Others: d.Others})
	}
	for i := range d.History {
		put(line{History: &d.History[i]})
	}
	total := lines
	put(line{End: &total})
	return out.Flush()
}

// Fault is what is wrong with a line.
type Fault struct {
	Line int
	Text string
}

func (f Fault) String() string { return fmt.Sprintf("line %d: %s", f.Line, f.Text) }

const (
	// maxBytes bounds what is read: 100,000 rows of the longest kind.
	maxBytes = 128 << 20
	maxLine  = 1 << 20
)

// ErrNoCensus is the error of what does not begin as a census does.
var ErrNoCensus = errors.New("this is no census of apim-edge")

// Read reads a document. Broken lines are passed over, and told. The error is that nothing
// can be made of it.
func Read(r io.Reader) (d Document, faults []Fault, err error) {
	scanner := bufio.NewScanner(io.LimitReader(r, maxBytes))
	scanner.Buffer(make([]byte, 0, 64<<10), maxLine)
	n, ended := 0, false
	for scanner.Scan() {
		text := bytes.TrimSpace(scanner.Bytes())
		if n++; len(text) == 0 {
			continue
		}
		var l line
		fault := ""
		switch err := json.Unmarshal(text, &l); {
		case d.Format == 0: // the first line
			if err != nil || l.Header == nil || commands(text) {
				return d, nil, ErrNoCensus
			}
			if l.Header.Format != format {
				return d, nil, fmt.Errorf("it is of format %d, and this version of apim-edge reads %d", l.Header.Format, format)
			}
			d.Header = *l.Header
		case err != nil:
			fault = "it is no JSON object of a census"
		case commands(text):
			fault = "it holds control characters"
		case l.End != nil:
			ended = true
			if *l.End != n-1 {
				fault = fmt.Sprintf("%d lines should stand in front of it", *l.End)
			}
		default:
			fault = d.take(&l)
		}
		if fault != "" {
			faults = append(faults, Fault{n, fault})
		}
	}
	if err := scanner.Err(); err != nil {
		faults = append(faults, Fault{n + 1, err.Error()})
	}
	switch {
	case d.Format == 0:
		return d, nil, ErrNoCensus
	case !ended:
		faults = append(faults, Fault{n + 1, "the end is missing"})
	}
	return d, faults, nil
}

// take takes a line over, or says why not.
func (d *Document) take(l *line) (fault string) {
	switch {
	case l.Setup != nil:
		d.Setups = append(d.Setups, *l.Setup)
	case l.Row != nil && l.Row.plausible():
		d.Rows = append(d.Rows, *l.Row)
	case l.Others != nil && l.Others.plausible():
		d.Others = l.Others
	case l.History != nil:
		d.History = append(d.History, *l.History)
	default:
		return "it has nothing of a census"
	}
	return ""
}

// plausible reports whether the figures of a row can be.
func (r *Row) plausible() bool {
	for class := range classes {
		if *r.Counts.at(class) < 0 {
			return false
		}
	}
	return !r.First.IsZero() && !r.Last.Before(r.First)
}
