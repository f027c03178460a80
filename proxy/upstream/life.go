package upstream

import (
	"time"

	"github.com/apim-edge/apim-edge/proxy/wire"
)

// life is how long a connection may be used. Its moments are those of the loop's
// clock.
type life struct {
	idle  time.Duration // the longest rest between two exchanges
	end   time.Duration // no exchange begins after that
	until time.Duration // while it rests: the end of the rest
}

// forever is longer than any process lives, and half of what a Duration holds.
const forever time.Duration = 1 << 62

func (u *Upstream) newConn(l *wire.Loop, owner Owner) *Conn {
	c := &Conn{up: u, pool: u.pools[l], owner: owner}
	c.idle, c.end = u.KeepAlive, forever
	if u.MaxAge > 0 {
		// Connections that were opened together, after a start or a fault, are
		// not to be opened anew together.
		c.end = u.now(l) + u.MaxAge - u.jitter(u.MaxAge/5+1)
	}
	return c
}

// MayIdle notes that the upstream closes the connection when it has been idle for
// so long, by its own clock. A request that crosses the close on the way is lost, and
// one that is not safe cannot be repeated: so the edge ends it earlier, by the time
// that an answer and a request may be on their way and clocks may be rounded (issue
// 15, B7: 7 to 16 % of POSTs against timeout=1, 15 ms away).
func (c *Conn) MayIdle(timeout time.Duration) {
	const margin = time.Second
	c.idle = min(c.up.KeepAlive, max(timeout-margin, timeout/2))
}

// LogIn is Bind for a connection on which the client logs in. That takes several
// exchanges, and what comes of it belongs to the connection: so its age does not end
// it.
func (c *Conn) LogIn(mine *Bound) {
	c.Bind(mine)
	c.end, c.login = forever, true
}

// LoggedIn reports whether the client has begun to log in on the connection.
func (c *Conn) LoggedIn() bool { return c.login }

// beginRest returns how long the connection may be idle from now on. 0 or less: it
// has served its time.
func (c *Conn) beginRest() time.Duration {
	now := c.up.now(c.Loop())
	rest := min(c.idle, c.end-now)
	c.until = now + rest
	return rest
}

// outlived reports whether the rest is over. The loop wakes whoever has rested for
// too long, but up to two ticks late, and in that time the connection may be chosen.
func (c *Conn) outlived() bool { return c.up.now(c.Loop()) >= c.until }
