package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/load"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// run does the whole check, and returns whether everything held; ctx ends it early.
func run(ctx context.Context, o options) (held bool, err error) {
	dir, err := os.MkdirTemp("", "apim-edge-scale-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	c := &check{options: o, began: time.Now()}
	c.say("build apim-edge, start %d replicas behind HAProxy (mode %s)", o.size, o.mode)
	if c.fleet, err = assemble(dir, o); err != nil {
		return false, err
	}
	defer c.disperse()
	for _, step := range []func(context.Context) error{c.roll, c.kill, c.grow} {
		if err = step(ctx); err != nil {
			break
		}
	}
	c.table()
	return err == nil && c.held(), err
}

// roll restarts each replica, one after the other.
func (c *check) roll(ctx context.Context) error {
	err := c.during("rolling restart", &load.Served, false, func(p *phase, _ *load.Crowd) error {
		for range c.rounds {
			for _, r := range c.replicas[:c.size] {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				c.say("SIGTERM to %s, and a new process when it has drained", r.name)
				if err := c.restart(r); err != nil {
					return err
				}
				p.want(r.aborted.Load() == 0, "%s: a drain has aborted %d exchanges", r.name, r.aborted.Load())
			}
		}
		return nil
	})
	c.phases[len(c.phases)-1].whole()
	return err
}

// kill ends one replica with SIGKILL, and starts it again once the balancer has seen it.
func (c *check) kill(ctx context.Context) error {
	err := c.during("loss by SIGKILL", &load.Served, true, func(_ *phase, crowd *load.Crowd) error {
		for i := range c.rounds {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r := c.replicas[i%c.size]
			c.say("SIGKILL to %s", r.name)
			r.Kill()
			if err := c.balancer.await(r.name, "DOWN"); err != nil {
				return err
			}
			if err := c.warm(crowd); err != nil { // with one less
				return err
			}
			if err := c.start(r); err != nil {
				return err
			}
		}
		return nil
	})
	c.phases[len(c.phases)-1].visible()
	return err
}

// share is how much of the load each replica has, in percent, at some time.
type share struct {
	when string
	of   []float64
}

// grow adds a replica, and looks at who serves: before, with it, and with an age of
// connections.
func (c *check) grow(ctx context.Context) error {
	last := c.replicas[c.size]
	err := c.during("scale-up", &load.Small, false, func(p *phase, crowd *load.Crowd) error {
		if err := c.look(crowd, "before"); err != nil {
			return err
		}
		c.say("one replica more: %s", last.name)
		if err := c.start(last); err != nil {
			return err
		}
		if err := c.look(crowd, "with "+last.name); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.say("timeouts.client_max_age: %s, by a reload of each", c.age)
		if err := c.reload(c.bounds(c.age.String())); err != nil {
			return err
		}
		fair := 100 / float64(len(c.replicas))
		if !testkit.Eventually(2*testkit.Patience, func() bool {
			s, err := c.measure(crowd)
			return err != nil || s.of[c.size] >= fair/2
		}) {
			p.want(false, "%s has less than half of its share long after client_max_age", last.name)
		}
		return c.look(crowd, "with client_max_age")
	})
	c.phases[len(c.phases)-1].whole()
	return err
}

// look measures the shares and keeps them.
func (c *check) look(crowd *load.Crowd, when string) error {
	s, err := c.measure(crowd)
	if err != nil {
		return err
	}
	s.when = when
	c.shares = append(c.shares, s)
	c.say("shares %s: %s", when, s.text())
	return nil
}

// measure returns the shares of some answers to each client.
func (c *check) measure(crowd *load.Crowd) (s share, err error) {
	before := make([]int64, len(c.replicas))
	for i, r := range c.replicas {
		before[i] = r.served.Load()
	}
	if err := c.warm(crowd); err != nil {
		return s, err
	}
	sum := 0.0
	for i, r := range c.replicas {
		n := float64(r.served.Load() - before[i])
		s.of, sum = append(s.of, n), sum+n
	}
	for i := range s.of {
		s.of[i] *= 100 / sum
	}
	return s, nil
}

func (s share) text() (text string) {
	for _, percent := range s.of {
		text += fmt.Sprintf("%5.1f %%", percent)
	}
	return text
}

// held reports whether all is as it must be.
func (c *check) held() bool {
	_, findings := c.ledger.Findings()
	for _, p := range c.phases {
		if len(p.faults) > 0 {
			return false
		}
	}
	return findings == 0
}
