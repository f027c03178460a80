package admin

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// The listener shares its descriptors and memory with the data path, so everything
// that a stranger could hold here has a bound.
const (
	maxConnections = 64
	maxPages       = 8 // behind the guard, at a time; far fewer than connections
	maxReloads     = 2 // one that runs, and one that waits: it will see the newest file
	maxHead        = 16 << 10
	maxForm        = 4 << 10

	headTime       = 5 * time.Second
	requestTime    = 10 * time.Second
	answerTime     = 10 * time.Second
	idleTime       = 30 * time.Second
	longestProfile = 5 * time.Minute
)

// connections are those that are open. A newcomer beyond the bound takes the place
// of the one that has said nothing for longest: whoever holds connections loses
// them, and a probe is answered. Pages behind the guard are never cut for it.
type connections struct {
	count   func(float64)     // told of each that opens (+1) and closes (-1)
	crowded func(*connection) // told of each that had to go

	mu   sync.Mutex
	open map[*connection]struct{}
	turn uint64
}

type connection struct {
	net.Conn
	all  *connections
	gone sync.Once

	// Guarded by all.mu:
	turn uint64 // of the last thing it said; connecting is the first
	busy bool   // with a page behind the guard
}

// listener has its connections counted and bounded.
type listener struct {
	net.Listener
	all *connections
}

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	own, last := l.all.add(c)
	if last != nil {
		l.all.crowded(last)
		_ = last.Close()
	}
	return own, nil
}

// add takes a connection in, and returns the one that has to go for it, if one has.
func (a *connections) add(c net.Conn) (own, last *connection) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.open) >= maxConnections {
		for c := range a.open {
			if !c.busy && (last == nil || c.turn < last.turn) {
				last = c
			}
		}
		delete(a.open, last)
	}
	a.turn++
	own = &connection{Conn: c, all: a, turn: a.turn}
	a.open[own] = struct{}{}
	a.count(1)
	return own, last
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.gone.Do(func() {
		c.all.mu.Lock()
		delete(c.all.open, c)
		c.all.mu.Unlock()
		c.all.count(-1)
	})
	return c.Conn.Close()
}

// says marks that a request has come, and whether its page is worked on.
func (c *connection) says(busy bool) {
	if c == nil {
		return
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.all.turn++
	c.turn, c.busy = c.all.turn, busy
}

type connectionKey struct{}

func withConnection(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, c)
}

// connectionOf returns the connection of a request; nil in tests without one.
func connectionOf(r *http.Request) *connection {
	c, _ := r.Context().Value(connectionKey{}).(*connection)
	return c
}

// bodiless keeps every page from the body of a request, but for that of a form, which is
// small. net/http would otherwise read it before it answers, and a body that never comes
// would hold the connection before its token has been looked at.
func bodiless(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connectionOf(r).says(false)
		if r.ContentLength != 0 {
			w.Header().Set("Connection", "close")
			whole := r.Body
			r = r.WithContext(r.Context())
			if r.Body = http.NoBody; isForm(r) {
				r.Body = http.MaxBytesReader(w, whole, maxForm)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// places bound how many requests are answered at a time.
type places chan struct{}

// answer answers by next while there is a place, and refuses the others.
func (p places) answer(refusal string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case p <- struct{}{}:
			defer func() { <-p }()
			next(w, r)
		default:
			w.Header().Set("Retry-After", "1")
			text(w, http.StatusServiceUnavailable, refusal+"\n")
		}
	}
}

// unhurried keeps the connection while next answers, however many others come.
func unhurried(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := connectionOf(r)
		c.says(true)
		defer c.says(false)
		next(w, r)
	}
}

// lasting lets a profile take the seconds that it was asked for, within reason:
// package pprof moves the bound on the answer, and the one on the request, whose end
// net/http takes for the client's departure, is lifted.
func lasting(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		seconds, _ := strconv.ParseFloat(r.URL.Query().Get("seconds"), 64) // package pprof refuses what is no number
		if seconds > longestProfile.Seconds() {
			text(w, http.StatusBadRequest, "a profile takes at most "+longestProfile.String()+"\n")
			return
		}
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // an error: a test without a connection
		next(w, r)
	}
}
