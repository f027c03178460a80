package upstream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// names remembers what DNS has said of the host that an upstream is reached by: its
// own, or that of its proxy. All dials share it.
type names struct {
	mu    sync.Mutex
	known []netip.Addr // DNS's last answer; empty: none so far, or that there is no address
	since time.Time    // when it came
	under *lookup      // under way; nil: none
}

// A lookup is what all dials wait for that want the name at the same time. addrs and err
// are there once done is closed.
type lookup struct {
	begun time.Time
	done  chan struct{}
	addrs []netip.Addr
	err   error
}

const (
	// slowLookup is how long a dial waits for DNS where there is an old answer. A
	// resolver that has to ask others is done by then, and one that hears nothing asks
	// again after 5 s (resolv.conf(5), timeout): nothing comes in between. RFC 8767
	// section 5 has 1.8 s for resolvers, which have clients of their own to keep.
	slowLookup = time.Second
	// lookupLimit ends a lookup that no dial waits for any more: two tries of 5 s at
	// each of three servers.
	lookupLimit = 30 * time.Second
	// oldest is how old an answer may become that is used because DNS fails: the shorter
	// end of RFC 8767 section 5, which outlasts nearly all such faults (section 6). The
	// address may be somebody else's by then: under TLS he has no certificate for the
	// name, without TLS the network has to be trusted anyway.
	oldest = 24 * time.Hour
)

// resolve returns the addresses of host. Each dial asks, so that a name that has moved
// is found where it is now. Where DNS fails, its last answer serves: the upstream is
// most likely where it was. It also serves where DNS is slow, and then the lookup goes on
// for the dials to come: only those of its first moment wait for it. That a
// name does not exist, or has no address, is an answer and no failure (RFC 8767 section
// 4, and so does nginx; HAProxy holds on for 30 s): somebody has taken it away.
func (u *Upstream) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	l, old, age := u.names.ask(host, u.lookup)
	if len(old) == 0 {
		return l.wait(ctx, host)
	}
	short, cancel := context.WithTimeout(ctx, u.slowLookup()-time.Since(l.begun))
	defer cancel()
	addrs, err := l.wait(short, host)
	if answered(err) || ctx.Err() != nil {
		return addrs, err
	}
	u.Stats.OldAnswers.Add(1)
	if u.OnOldAnswer != nil {
		u.OnOldAnswer(u.Name, age, err)
	}
	return old, nil
}

// wait returns what the lookup brings. It asks once more at the end of ctx: on a busy
// machine both may be there by then.
func (l *lookup) wait(ctx context.Context, host string) ([]netip.Addr, error) {
	select {
	case <-l.done:
	case <-ctx.Done():
		select {
		case <-l.done:
		default:
			return nil, &net.DNSError{Err: "no answer in time", Name: host, IsTimeout: true}
		}
	}
	return l.addrs, l.err
}

// slowLookup leaves most of timeouts.connect to the dial.
func (u *Upstream) slowLookup() time.Duration {
	if u.Connect > 0 {
		return min(slowLookup, u.Connect/4)
	}
	return slowLookup
}

// ask returns the lookup that is under way, or begins one; and the last answer with its
// age, if there is one that may be used.
func (n *names) ask(host string, find func(ctx context.Context, network, host string) ([]netip.Addr, error)) (l *lookup, old []netip.Addr, age time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if age = time.Since(n.since); age < oldest {
		old = n.known
	}
	if n.under == nil {
		n.under = &lookup{begun: time.Now(), done: make(chan struct{})}
		go n.finish(n.under, func() ([]netip.Addr, error) {
			ctx, cancel := context.WithTimeout(context.Background(), lookupLimit)
			defer cancel()
			addrs, err := find(ctx, "ip", host)
			if err == nil && len(addrs) == 0 {
				err = &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
			}
			return addrs, err
		})
	}
	return n.under, old, age
}

func (n *names) finish(l *lookup, find func() ([]netip.Addr, error)) {
	l.addrs, l.err = find()
	n.mu.Lock()
	defer n.mu.Unlock()
	if answered(l.err) {
		n.known, n.since = l.addrs, time.Now()
	}
	n.under = nil
	close(l.done)
}

// answered reports whether DNS has spoken, whatever it said.
func answered(err error) bool {
	var dns *net.DNSError
	return err == nil || errors.As(err, &dns) && dns.IsNotFound
}
