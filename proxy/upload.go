package proxy

import (
	"errors"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/relay"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// upload is the body of a request. It may outlast the head, and even the answer.
// Until an upstream has taken the head it is begun at most, and what has come of it
// (Bytes) stands at the front of the client's buffer. Both its ends are set while it is
// active.
type upload struct {
	relay.Up
	state uploadState // only ever raised
}

// uploadState is how far a request body has come.
type uploadState uint8

const (
	uploadNone     uploadState = iota // there is no body, or not yet
	uploadBegun                       // what had come along with the head has been looked at
	uploadActive                      // the rest goes up as it comes
	uploadComplete                    // all of it has been taken
	uploadRefused                     // the upstream took no more of it, and may have answered
)

func (s uploadState) String() string {
	return [...]string{"none", "begun", "active", "complete", "refused"}[s]
}

// abandoned reports, of an exchange that ends or is answered, whether what is left of
// the body is not going to be read. The client's connection must then end: nobody
// knows where its next request begins.
func (u *upload) abandoned() bool { return u.state == uploadActive || u.state == uploadRefused }

// slowest is limits.slowest, over so long that whoever passes through a tunnel is
// silent for a while and not slow.
func slowest(c *config.Config) wire.Pace {
	const seconds = 30
	return wire.Pace{Least: seconds * c.Limits.Slowest.Bytes, Span: seconds * time.Second}
}

// beginBody looks at what has come of the body along with the head. It stays in
// the client's buffer until an upstream has taken it, so that another attempt can
// send it again.
func (x *Exchange) beginBody() error {
	if x.req.Length == 0 {
		return nil
	}
	c, u := x.client, &x.upload
	u.state = uploadBegun
	u.Track.Begin(x.req.Length, nil)
	u.Track.Strict()
	u.Limit, u.Idle = x.route.BodyLimit, x.snap.Config.Timeouts.RequestBodyIdle.Duration
	u.Slowest = slowest(&x.snap.Config)
	u.DropTrailer = x.route.DropRequestTrailer
	if x.crossing != nil && x.crossing.NeedsBody() && x.req.Length == relay.Chunked {
		u.Track.Collect(&x.crossing.content)
	}
	if c.in.Len() == 0 && len(c.in.Free()) > 0 {
		c.in, _ = c.Read(c.in) // many clients write the body right behind the head
	}
	_, err := u.Take(c.in.Bytes())
	return err
}

// forwardRest has the rest of the body go up as it comes, once an upstream has
// taken the head and bodyHead. Neither can be sent again from now on, where the request
// is not held.
func (x *Exchange) forwardRest() error {
	c, u := x.client, &x.upload
	x.hold()
	switch {
	case u.state == uploadNone, u.state == uploadComplete:
		return nil
	case u.Track.Done():
		u.state = uploadComplete
		return nil
	}
	u.state = uploadActive
	u.From, u.To = c.Conn, x.attempt.conn.Conn
	return x.goOnUploading()
}

// goOnUploading forwards what is there of the body. Only the client's own faults
// are errors: an upstream that takes no more may have answered.
func (x *Exchange) goOnUploading() error {
	u := &x.upload
	before := u.Bytes
	err := u.Go(&x.client.in)
	x.attempt.taken += u.Bytes - before
	if x.held.in != nil && u.Hold == 0 {
		x.dropRequest() // its body is too large to be held
	}
	switch {
	case err == nil:
		u.state = uploadComplete
	case wire.Waits(err):
	case errors.Is(err, relay.ErrUpstreamWrite):
		u.state = uploadRefused
	default:
		return err
	}
	return nil
}
