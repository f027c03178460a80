package upstream

import (
	"fmt"
	"slices"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// A Wait is an exchange that waits for a connection: for one that becomes free or for
// one that is being made, whichever comes first. It belongs to the loop. Its zero value
// does not wait. Whoever has called Await fetches the result or calls Cancel.
type Wait struct {
	pool  *pool // nil: it does not wait
	owner Owner
	since time.Duration // by the clock of the upstream
	turn  uint64        // how many came before it on this loop
	fresh bool          // only a new connection serves
	late  bool          // Late has given it more time
	done  bool          // conn and err are set
	// conn and err are set once, along with done: one of them.
	conn *Conn
	err  error
}

// Await puts w in the queue of the loop, for owner, which is woken when there is a
// result, never before Await has returned. fresh: nothing but a new connection will do,
// because one that had been idle has just failed.
func (u *Upstream) Await(w *Wait, l *wire.Loop, owner Owner, fresh bool) {
	p := u.pools[l]
	p.came++
	*w = Wait{pool: p, owner: owner, fresh: fresh, since: u.clock(), turn: p.came}
	if fresh {
		p.fresh++
	}
	p.queue = append(p.queue, w)
	u.waiting.Add(1)
	p.tend()
}

// Waits reports whether Await has been called and the result not been fetched.
func (w *Wait) Waits() bool { return w.pool != nil }

// Result returns the connection, or why there is none. done is false while it is
// waited for; once it is true w waits no longer. An error is an *edgeerr.Error, and
// nothing has been sent.
func (w *Wait) Result() (c *Conn, err error, done bool) { //nolint:revive // done says whether the others mean anything
	if !w.done {
		return nil, nil, false
	}
	c, err = w.conn, w.err
	*w = Wait{}
	return c, err, true
}

// Late tells that the wait has lasted for timeouts.connect, or once more for what it
// has returned: more is how long it may go on. An error ends it. Connections that are
// being made fail by themselves when they are late, so this is for those who wait
// behind others: at max_connections, or at max_dials.
func (w *Wait) Late() (more time.Duration, err error) {
	u := w.pool.up
	switch {
	case u.budget.spent():
		err = edgeerr.New(edgeerr.UpstreamUnavailable, "")
	case u.TLS != nil && !w.late:
		w.late = true
		return u.TLSHandshake, nil
	default:
		err = u.failed(edgeerr.UpstreamConnectTimeout, fmt.Sprintf("no connection became free or was made in time; "+
			"%d exchanges wait for one; check the network between the edge and the upstream, or raise max_dials", u.waiting.Load()), nil)
	}
	w.Cancel()
	return 0, err
}

// Cancel gives up: the exchange has ended. A connection that nobody has fetched serves
// another: it has been paid for.
func (w *Wait) Cancel() {
	p, c := w.pool, w.conn
	if p != nil && !w.done {
		p.remove(w)
		p.giveUp()
	}
	*w = Wait{}
	if c != nil {
		c.Keep()
	}
}

// remove takes w out of the queue, where it is near the front: usually it is the first.
func (p *pool) remove(w *Wait) {
	if w.fresh {
		p.fresh--
	}
	p.up.waiting.Add(-1)
	if p.queue[0] == w {
		p.queue[0] = nil
		p.queue = p.queue[1:]
	} else if i := slices.Index(p.queue, w); i > 0 {
		p.queue = slices.Delete(p.queue, i, i+1)
	}
	if len(p.queue) == 0 {
		p.queue = nil // a burst's queue is given back
	}
	if p.hungry && p.missing() <= 0 {
		p.hungry = false
		p.up.budget.forget(p)
	}
}

// settle ends the wait with what it has waited for, and wakes its owner.
func (p *pool) settle(w *Wait, c *Conn, err error) {
	p.remove(w)
	w.conn, w.err, w.done = c, err, true
	w.owner.WakeUpstream()
}

// first returns who has waited for longest of those whom an idle connection serves.
func (p *pool) first() *Wait {
	if len(p.queue) == p.fresh {
		return nil
	}
	for _, w := range p.queue {
		if !w.fresh {
			return w
		}
	}
	return nil
}

// tend sees to those who wait, whenever something has changed for them. Behind it, as
// long as somebody waits: an idle connection that may serve him is looked at in the next
// turn of the loop (handOut), and for all whom no idle one will serve a connection is
// being made, or the budget knows that the loop wants one. It wakes nobody.
func (p *pool) tend() {
	if len(p.queue) == 0 {
		return
	}
	if n := len(p.conns); n > 0 && p.next == nil && len(p.queue) > p.fresh {
		p.next = p.conns[n-1]
		p.loop.Again(p.next.Conn)
	}
	p.provide()
}

// provide has as many connections made as are missing and may be. One that is missing
// beyond max_connections takes the place of an idle one, wherever that is.
func (p *pool) provide() {
	for p.missing() > 0 {
		if p.hungry = !p.up.budget.take(p, p.queue[0].since); p.hungry {
			if p.up.budget.spent() {
				p.makeRoom()
			}
			return
		}
		p.dial()
	}
}

// missing returns how many wait for whom there is nothing yet.
func (p *pool) missing() int {
	return p.fresh + max(0, len(p.queue)-p.fresh-len(p.conns)) - len(p.dials)
}

// granted runs on the loop when the budget has set a dial and a place aside for it.
func (p *pool) granted() {
	p.hungry = false
	if p.missing() <= 0 {
		p.up.budget.give(1, 1)
		return
	}
	p.dial()
	p.provide()
}

// handOut gives idle connections to those who wait, in order. It runs by itself and
// never inside an exchange, because it wakes others.
func (p *pool) handOut() {
	for w := p.first(); w != nil; w = p.first() {
		c := p.settled()
		if c == nil {
			break
		}
		if c.serve(w.owner) {
			p.settle(w, c, nil)
		}
	}
	p.tend()
}

// makeRoom closes an idle connection of this loop, or of one of the others.
func (p *pool) makeRoom() {
	if u := p.up; u.Idle() > 0 && !p.giveWay() {
		u.askForRoom(slices.DeleteFunc(slices.Clone(u.loops), func(l *wire.Loop) bool { return l == p.loop }))
	}
}

// askForRoom asks one loop after the other.
func (u *Upstream) askForRoom(loops []*wire.Loop) {
	for i, l := range loops {
		if l.Post(func() {
			if !u.pools[l].giveWay() {
				u.askForRoom(loops[i+1:])
			}
		}) {
			return
		}
	}
}

// unfair is how much longer somebody on another loop must have waited for a place to
// get that of a connection which becomes free here: where exchanges are short nobody
// waits so long, and connections are not closed for nothing.
const unfair = 100 * time.Millisecond

// yields reports whether the place of a connection that becomes free belongs to
// another loop.
func (p *pool) yields() bool {
	since := p.up.budget.wanted()
	if since == 0 {
		return false
	}
	w := p.first()
	return w == nil || w.since-since > unfair
}
