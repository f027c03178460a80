package workload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/apim-edge/apim-edge/bench/internal/client"
)

func partition() Workload {
	return Workload{
		Name: "partition", Unit: "exchange", SkipDirect: true, OnRequest: true, OwnNetwork: true, Legs: []Leg{Plain},
		About: "the network between the proxy and its upstream drops everything from one moment on and tells nobody: " +
			"how long until the last of 10 clients of each kind is told (never: not within 100 s). Below the table stands what each was told",
		Figures: []Figure{
			{Key: "head_s", Title: "waiting for the head, s", Decimals: 1},
			{Key: "stream_s", Title: "in a silent stream, s", Decimals: 1},
			{Key: "pooled_s", Title: "sent on a pooled connection, s", Decimals: 1},
			{Key: "new_s", Title: "on one to be made, s", Decimals: 1},
			{Key: "never", Title: "never (of 4)"},
		},
		Run: runPartition,
	}
}

// A cutOff is an exchange that is under way when the network is cut, or begins behind
// that.
type cutOff struct {
	kind    string
	conn    *client.Conn
	request []byte                   // sent behind the cut; nil: it is under way
	finish  func(*client.Conn) error // waits for its end
}

func runPartition(ctx context.Context, c *Cell) (*Sample, error) {
	apart, cut, stop, err := c.Apart()
	if err != nil {
		return nil, err
	}
	defer stop()
	var all []*cutOff
	defer func() {
		for _, x := range all {
			x.conn.Close()
		}
	}()
	for _, begin := range []func(context.Context, int) (*cutOff, error){apart.awaitHead, apart.inStream, apart.pooled, apart.unpooled} {
		for n := range c.Size.CutOff {
			x, err := begin(ctx, n)
			if err != nil {
				return nil, err
			}
			all = append(all, x)
		}
	}
	if err := apart.fillPool(all); err != nil {
		return nil, err
	}
	if err := cut(); err != nil {
		return nil, err
	}
	unblock := context.AfterFunc(ctx, func() {
		for _, x := range all {
			_ = x.conn.SetDeadline(time.Now())
		}
	})
	defer unblock()
	s := tell(all, c.Size.Cut)
	return s, ctx.Err()
}

func finishAnswer(c *client.Conn) error {
	_, err := c.Finish()
	return err
}

func (c *Cell) connect(kind string) (*cutOff, error) {
	conn, err := c.Target.Dial()
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // of what comes before the cut
	return &cutOff{kind: kind, conn: conn, finish: finishAnswer}, nil
}

// awaitHead sends a request whose answer does not begin.
func (c *Cell) awaitHead(ctx context.Context, n int) (*cutOff, error) {
	x, err := c.connect("head")
	if err != nil {
		return nil, err
	}
	id := fmt.Sprintf("%s-head-%d", c.ID, n)
	if _, err := x.conn.Write(c.Target.Request(client.Streamed, "wait:"+id)); err != nil {
		return nil, err
	}
	if _, arrived, err := c.waitDeparture(ctx, id, running); err != nil || !arrived {
		return nil, fmt.Errorf("an exchange did not reach the upstream: %w", errors.Join(err, ctx.Err()))
	}
	return x, nil
}

// inStream opens a stream that says nothing behind its first event.
func (c *Cell) inStream(_ context.Context, n int) (*cutOff, error) {
	x, err := c.connect("stream")
	if err != nil {
		return nil, err
	}
	stream, err := x.conn.Open(c.Target.Request(client.Streamed, fmt.Sprintf("silent:%s-stream-%d", c.ID, n)))
	if err == nil {
		_, err = stream.Next()
	}
	x.finish = func(*client.Conn) error {
		_, err := stream.Next()
		return err
	}
	return x, err
}

// pooled is a client whose request will find a connection in the pool: fillPool has it
// made.
func (c *Cell) pooled(context.Context, int) (*cutOff, error) { return c.later("pooled") }

// unpooled is one whose request finds all of them in use.
func (c *Cell) unpooled(context.Context, int) (*cutOff, error) { return c.later("new") }

func (c *Cell) later(kind string) (*cutOff, error) {
	x, err := c.connect(kind)
	if err == nil {
		x.request = c.Target.Request(client.Small, answerMarker)
	}
	return x, err
}

// fillPool has the clients of pooled connections read a short stream each, all at the
// same time: that takes a connection for each, which then is idle.
func (c *Cell) fillPool(all []*cutOff) error {
	errs := make([]error, len(all))
	var reading sync.WaitGroup
	for i, x := range all {
		if x.kind != "pooled" {
			continue
		}
		reading.Go(func() {
			stream, err := x.conn.Open(c.Target.Request(client.Streamed, "events:20:20"))
			for err == nil {
				_, err = stream.Next()
			}
			if err != io.EOF {
				errs[i] = err
			}
		})
	}
	reading.Wait()
	return errors.Join(errs...)
}

// tell sends what is to be sent behind the cut, and waits for as long as limit for what
// each client is told.
func tell(all []*cutOff, limit time.Duration) *Sample {
	s := &Sample{Figures: map[string]float64{"never": 0}, Kinds: map[string]int64{}}
	var mu sync.Mutex
	untold := map[string]bool{}
	var waiting sync.WaitGroup
	for _, x := range all {
		_ = x.conn.SetDeadline(time.Now().Add(limit))
		began := time.Now()
		var err error
		if x.request != nil {
			_, err = x.conn.Write(x.request)
		}
		waiting.Go(func() {
			if err == nil {
				err = x.finish(x.conn)
			}
			took := time.Since(began).Seconds()
			mu.Lock()
			defer mu.Unlock()
			switch key := x.kind + "_s"; {
			case errors.Is(err, os.ErrDeadlineExceeded):
				untold[key] = true
			case err == nil:
				s.Errors++
				s.FirstError = "an answer came through the cut"
			default:
				s.Figures[key] = max(s.Figures[key], took)
				s.Kinds[x.kind+": "+err.Error()]++
			}
		})
	}
	waiting.Wait()
	for key := range untold {
		delete(s.Figures, key)
		s.Figures["never"]++
	}
	return s
}
