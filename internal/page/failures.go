package page

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/hint"
	"github.com/apim-edge/apim-edge/proxy/record"
)

// maxKinds is how many kinds of failures are kept. What a flood brings is of one kind, so
// that it does not push the others out.
const maxKinds = 64

// kind is what failures of one kind have in common. Its texts come from the configuration
// or from fixed sets; none is that of a request.
type kind struct {
	route, upstream string
	status          int
	code            edgeerr.Code
	hint            hint.Hint
	refused         string // what CORS refused
	incomplete      bool   // a stream without its final event
	client          record.Family
}

// failure is one kind and its latest example, which is copied: its texts die with the
// exchange. What is longer is cut.
type failure struct {
	kind
	count             int64
	last              time.Time
	method            [16]byte
	path              [160]byte
	id                [128]byte
	lenM, lenP, lenID uint8
	cut               bool // the path was longer
}

// failures are the kinds of failures that were seen last. A loop never waits for who looks
// at them: what ends in that instant is not shown.
type failures struct {
	mu    sync.Mutex
	used  int
	kinds [maxKinds]failure
}

// failed reports whether an exchange is one to be shown. That a client leaves is normal:
// people press stop.
func failed(r *record.Record) bool {
	return r.Status >= 400 || r.CORSRefused != "" || r.Ending == record.StreamIncomplete ||
		r.Code != edgeerr.None && r.Code != edgeerr.ClientLeft
}

// observe keeps an exchange that has failed. It allocates nothing and never blocks.
func (f *failures) observe(r *record.Record, now func() time.Time) {
	if !failed(r) || !f.mu.TryLock() {
		return
	}
	defer f.mu.Unlock()
	k := kind{
		upstream: r.Upstream, status: r.Status, code: r.Code, hint: r.Hint, refused: r.CORSRefused,
		incomplete: r.Ending == record.StreamIncomplete, client: r.Client,
	}
	if r.Route != nil {
		k.route = r.Route.Name
	}
	one := f.of(k)
	one.last = now()
	one.count++
	path, _, _ := bytes.Cut(r.Path, []byte("?"))
	one.cut = len(path) > len(one.path)
	one.lenM = uint8(copy(one.method[:], r.Method))
	one.lenP = uint8(copy(one.path[:], path))
	one.lenID = uint8(copy(one.id[:], r.ID))
}

// of returns the place of a kind; that of the kind which was seen longest ago, if it is new.
func (f *failures) of(k kind) *failure {
	for i := range f.kinds[:f.used] {
		if one := &f.kinds[i]; one.status == k.status && one.kind == k { // the number first: most differ in it
			return one
		}
	}
	oldest := f.used
	if f.used < maxKinds {
		f.used++
	} else {
		oldest = 0
		for i := range f.kinds {
			if f.kinds[i].last.Before(f.kinds[oldest].last) {
				oldest = i
			}
		}
	}
	f.kinds[oldest] = failure{kind: k}
	return &f.kinds[oldest]
}

// latest returns the kinds, the one that was seen last first.
func (f *failures) latest() []failure {
	f.mu.Lock()
	all := slices.Clone(f.kinds[:f.used])
	f.mu.Unlock()
	slices.SortStableFunc(all, func(a, b failure) int { return b.last.Compare(a.last) })
	return all
}

// cause says in a few words what has happened.
func (f *failure) cause() string {
	switch {
	case f.code != edgeerr.None:
		return f.code.String()
	case f.refused != "":
		return "CORS refused the " + f.refused
	case f.incomplete:
		return "stream without its end"
	case f.hint > hint.Unknown:
		return f.hint.String()
	}
	return "the upstream's own answer"
}

// advice says what it means, and what to do.
func (f *failure) advice() (means, change string) {
	switch {
	case f.code != edgeerr.None:
		return f.code.Meaning(), f.code.Advice()
	case f.refused != "":
		return "a page of another origin asked for what the route does not allow it",
			"look for the warning in the log: it names what was asked and the list of the route to add it to"
	case f.incomplete:
		return "the upstream ended an event stream in order, but early", "look for a content filter, or a crash behind the upstream"
	case f.hint != hint.None:
		return f.hint.Means(), f.hint.Change()
	}
	return "the upstream has answered so, and it was passed on", "read the text that the client got; apim-edge doctor --error explains it"
}
