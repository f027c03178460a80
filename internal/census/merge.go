package census

import (
	"maps"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/who"
)

// Merge makes one census of several. Of documents of one replica the one that was written
// last counts, so that reading a replica twice, by its listener and by its file, does not
// count twice.
func Merge(docs ...Document) Document {
	newest := map[string]Document{}
	for _, d := range docs {
		if known, found := newest[d.Replica]; !found || d.Written.After(known.Written) {
			newest[d.Replica] = d
		}
	}
	if len(newest) == 1 {
		for _, d := range newest {
			return d
		}
	}
	out := Document{Header: Header{Format: format}}
	rows := map[rowKey]*Row{}
	setups := map[string]Setup{}
	var histories [][]RouteHistory
	for _, id := range slices.Sorted(maps.Keys(newest)) {
		d := newest[id]
		out.addHeader(&d.Header)
		for _, s := range d.Setups {
			setups[s.Route] = s
		}
		for _, r := range d.Rows {
			if r.Keyed == "" && who.KindOf(r.Who) == who.Key {
				r.Keyed = d.Key
			}
			if known := rows[rowKey{r.Key, r.Keyed}]; known != nil {
				known.add(&r)
				continue
			}
			rows[rowKey{r.Key, r.Keyed}] = &r
		}
		if d.Others != nil {
			if out.Others == nil {
				out.Others = &Row{}
			}
			out.Others.add(d.Others)
		}
		histories = append(histories, d.History)
	}
	for _, r := range rows {
		if r.Keyed == out.Key {
			r.Keyed = ""
		}
		out.Rows = append(out.Rows, *r)
	}
	sortRows(out.Rows)
	for _, name := range slices.Sorted(maps.Keys(setups)) {
		out.Setups = append(out.Setups, setups[name])
	}
	out.History = mergeHistories(histories)
	return out
}

// rowKey tells rows of several documents apart: hashes of different keys are never equal.
type rowKey struct {
	Key
	keyed string
}

// addHeader adds what another replica says of itself.
func (d *Document) addHeader(h *Header) {
	d.Replicas = append(d.Replicas, h.Replica)
	d.Since, d.Written = earlier(d.Since, h.Since), later(d.Written, h.Written)
	d.Lost += h.Lost
	d.Bound = max(d.Bound, h.Bound)
	d.Fleeting = d.Fleeting || h.Fleeting
	d.Edge = h.Edge
	if len(d.Replicas) == 1 {
		d.Key = h.Key
	}
	d.Replica = strings.Join(d.Replicas, "+")
}

// Keyings returns how many different keys callers were hashed by: with more than one, a
// caller can stand in several rows.
func (d *Document) Keyings() int {
	seen := map[string]bool{}
	for _, r := range d.Rows {
		if who.KindOf(r.Who) == who.Key {
			seen[r.Keyed] = true
		}
	}
	return max(1, len(seen))
}
