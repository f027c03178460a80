package proxy

import (
	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/head"
	"github.com/apim-edge/apim-edge/proxy/record"
)

// try makes the attempt, or says once more how it has failed.
func (x *Exchange) try() error {
	if s := x.several; s != nil && s.failure != nil {
		return s.failure
	}
	err := x.attempt.run(x)
	if x.trace != nil {
		x.traceFailed(err)
	}
	return err
}

// onward has a request go on to another upstream behind an attempt that has come to err, if
// nothing of it ran. nil: it goes on. wire.ErrWait: call again, more of its body has to come
// first: what it names on one resource may stand there.
func (x *Exchange) onward(err error) error {
	s := x.several
	if s == nil || s.target == nil {
		return err
	}
	if s.failure == nil {
		if !x.failed(err) {
			return err
		}
		s.failure = err
	}
	if err := x.readOn(); err != nil {
		return err
	}
	err, s.failure = s.failure, nil
	if head.NamesID(x.wholeBody()) || !x.moveOn(record.Attempt{Code: edgeerr.CodeOf(err), Err: err}) {
		return err
	}
	return nil
}

// readOn reads of the body what is held of it for another upstream. A client that waits to
// be told to go on sends nothing before an upstream has been reached.
func (x *Exchange) readOn() error {
	c, u, limit := x.client, &x.upload, int(x.route.Group.BodyHead)
	if u.state != uploadBegun || x.traits.Expect {
		return nil
	}
	u.From = c.Conn
	for !u.Track.Done() && !u.Track.InTrailer() && c.in.Len() < limit {
		c.in.MakeRoom(limit)
		before := c.in.Len()
		if err := u.Read(&c.in); err != nil {
			return err
		}
		if _, err := u.Take(c.in.Bytes()[before:]); err != nil {
			return err
		}
	}
	u.Pause()
	return nil
}
