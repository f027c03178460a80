package upstream

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"
)

// headStart is how long an address is waited for before the next one is tried beside
// it (RFC 8305 section 5).
const headStart = 250 * time.Millisecond

// errSilent is how a dial went that had its head start, and had not answered when one
// that was begun later had.
var errSilent = errors.New("no answer within the head start")

// race dials the ends, one beside the other, until one answers. Where none does, the
// error is that of the first that has failed. hear is told how each of them went, as far
// as that is known: nothing is known of one that the end of the others cuts short.
func race(ctx context.Context, ends []netip.Addr, hear func(netip.Addr, error), dial func(context.Context, netip.Addr) (*net.TCPConn, error)) (*net.TCPConn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		end  netip.Addr
		conn *net.TCPConn
		err  error
	}
	results := make(chan result)
	var field []runner // in the order in which they were begun
	start := func() {
		end := ends[0]
		ends, field = ends[1:], append(field, runner{end, time.Now()})
		go func() {
			c, err := dial(ctx, end)
			select {
			case results <- result{end, c, err}:
			case <-ctx.Done():
				if c != nil {
					_ = c.Close() // another one was faster
				}
			}
		}()
	}
	var failed error
	for start(); len(field) > 0; {
		var next <-chan time.Time
		if len(ends) > 0 {
			next = time.After(headStart)
		}
		select {
		case <-next:
			start()
		case r := <-results:
			if r.err == nil {
				hear(r.end, nil)
				for _, slow := range overtaken(field, r.end) {
					hear(slow, errSilent)
				}
				return r.conn, nil
			}
			field = slices.DeleteFunc(field, func(other runner) bool { return other.end == r.end })
			if !errors.Is(ctx.Err(), context.Canceled) {
				hear(r.end, r.err)
			}
			failed = cmp.Or(failed, r.err)
			if len(ends) > 0 {
				start()
			}
		case <-ctx.Done():
			for _, silent := range field {
				if !errors.Is(ctx.Err(), context.Canceled) {
					hear(silent.end, ctx.Err())
				}
			}
			return nil, cmp.Or(failed, ctx.Err())
		}
	}
	return nil, failed
}

// A runner is a dial under way.
type runner struct {
	end   netip.Addr
	begun time.Time
}

// overtaken returns those that had their head start before the winner, and lost. Where
// all are equally slow nobody has.
func overtaken(field []runner, winner netip.Addr) (slow []netip.Addr) {
	for _, r := range field {
		if r.end == winner {
			break
		}
		if time.Since(r.begun) >= headStart {
			slow = append(slow, r.end)
		}
	}
	return slow
}
