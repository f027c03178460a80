package page

import (
	"sync"
	"time"
)

// point is what is remembered of one moment.
type point struct {
	at                        time.Time
	answered, refused, failed float64 // exchanges that have ended, since the start
	running, streams          float64
	head                      times
}

// point picks what is remembered.
func (s scrape) point(at time.Time) point {
	p := point{at: at, running: s.sum("exchanges_inflight"), streams: s.sum("streams_open"), head: s.times("first_byte_seconds")}
	for status, n := range s.by("requests_total", "status") {
		switch status {
		case "4xx":
			p.refused += n
		case "5xx", "none":
			p.failed += n
		default:
			p.answered += n
		}
	}
	return p
}

// history are the last points, in a ring.
type history struct {
	mu     sync.Mutex
	points [steps]point
	next   int
	full   bool
}

func (h *history) add(p point) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.points[h.next] = p
	if h.next++; h.next == steps {
		h.next, h.full = 0, true
	}
}

// all returns the points, oldest first.
func (h *history) all() []point {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.full {
		return append([]point(nil), h.points[:h.next]...)
	}
	return append(append([]point(nil), h.points[h.next:]...), h.points[:h.next]...)
}

// rates are what has happened between two points, by the second.
type rates struct {
	at                        time.Time
	answered, refused, failed float64
	head                      times
}

// between returns the rates from one point to a later one.
func between(a, b point) rates {
	seconds := b.at.Sub(a.at).Seconds()
	if seconds <= 0 {
		seconds = step.Seconds()
	}
	per := func(before, after float64) float64 { return max(0, after-before) / seconds }
	return rates{
		at: b.at, answered: per(a.answered, b.answered), refused: per(a.refused, b.refused), failed: per(a.failed, b.failed),
		head: b.head.since(a.head),
	}
}

// lastMinute returns what the last minute has brought, up to now.
func (h *history) lastMinute(now point) rates {
	points := h.all()
	from := now
	for i := len(points) - 1; i >= 0; i-- {
		if now.at.Sub(points[i].at) > time.Minute+step/2 {
			break
		}
		from = points[i]
	}
	return between(from, now)
}
