package admit

import "time"

// A Rate bounds requests per time, for each key by itself, by GCRA: one moment per key
// says when its debt is paid. A request adds the time that one takes on average; it is
// refused where the debt would be more than a burst.
type Rate struct {
	// Name is that of the rule, for the store that replicas share. It is no secret.
	Name  string
	every int64 // nanoseconds from one request to the next, on average
	burst int32 // that may come at once
	room  int64 // nanoseconds of debt that a burst makes
	begun time.Time
	slots slots
	lends *Lender // nil: nobody else counts
}

// NewRate returns a rate of one request each every, of which burst may come at once.
// many tells that there is more than one key. lends is where replicas agree; nil: this
// one counts for itself.
func NewRate(name string, every time.Duration, burst int, many bool, lends *Lender) *Rate {
	return &Rate{
		Name: name, every: int64(every), burst: int32(burst), room: int64(burst) * int64(every), begun: time.Now(),
		slots: newSlots(many), lends: lends,
	}
}

// Burst returns how many may come at once, Every how far apart they are on average.
func (r *Rate) Burst() int           { return int(r.burst) }
func (r *Rate) Every() time.Duration { return time.Duration(r.every) }

func (r *Rate) at(now time.Time) int64 { return int64(now.Sub(r.begun)) }

// Take counts a request of the key if it may pass: then wait is 0. Else wait says when
// one may. away tells that it may not because nobody knows: the store that replicas
// share is away, and nobody is to pass without it.
func (r *Rate) Take(k Key, now time.Time) (wait time.Duration, away bool) {
	at := r.at(now)
	s, mu := r.slots.locked(k, true)
	defer mu.Unlock()
	if r.lends != nil {
		switch passes := r.borrow(s, at); {
		case passes:
			return 0, false
		case r.lends.refuses():
			return 0, true
		}
	}
	tat := max(s.tat, at) + r.every
	if late := tat - r.room - at; late > 0 {
		return time.Duration(late), false
	}
	if r.lends != nil {
		r.spend(s, at)
	}
	s.tat = tat
	return 0, false
}
