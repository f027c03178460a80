package proxy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/bridge"
	"github.com/apim-edge/apim-edge/proxy/head"
	"github.com/apim-edge/apim-edge/proxy/relay"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// A crossing is a request whose route has a bridge. It lives as long as the request's
// head, which it aliases.
type crossing struct {
	bridge.Crossing
	content []byte // of a body in chunks what was looked at, without its framing
	// seam is where that ends, behind raw bytes of the body. More of it may have come when it
	// is sent, or gone up before it is sent once more.
	seam relay.Seam
	raw  int
	// target is the path and behind it the query that the upstream is sent; path says how
	// much of it is the path. Empty before it is known.
	target []byte
	path   int
	end    []byte // of the chunk that stands in place of content
}

// clear drops all that aliases a head, and what is not worth keeping.
func (c *crossing) clear() {
	*c = crossing{content: c.content[:0], target: c.target[:0], end: c.end[:0]}
}

// grown reports whether the body that was looked at has taken more room than is worth
// keeping.
func (c *crossing) grown() bool { return cap(c.content) > wire.BufSize }

// cross reads the line of a request whose route has a bridge: which operation it is, and
// whether the upstream has it. What the edge knows itself, it answers.
func (x *Exchange) cross() error {
	table, r := x.route.Bridge, x.req
	contentType, encoded, ok := r.Content()
	if !ok {
		return edgeerr.New(edgeerr.ModelUnreadable, "Content-Type or Content-Encoding stands in the request twice")
	}
	c := x.client.store.crossings.take()
	x.crossing = c
	err := table.Begin(&c.Crossing, &bridge.Request{
		Method: r.Method, Path: r.Path, Prefix: x.route.PrefixLen(&r.Request), Query: r.Query,
		ContentType: contentType, Encoded: encoded, HasBody: r.Length != 0,
	})
	x.stray = c.Stray()
	switch {
	case err != nil:
		return x.cannotCross(err)
	case c.Answer() != "":
		return x.answerModels(c.Answer())
	case x.stray != bridge.NoStray && x.route.Group != nil: // it is repaired on the bridge alone
		x.route.Group.NotStraight(&x.several.Choice)
	}
	return nil
}

// cannotCross has a request that cannot cross go to upstreams that are sent what clients
// send. err says why it cannot, and stays an error where there is no such upstream, or
// where nobody should read the request.
func (x *Exchange) cannotCross(err error) error {
	g := x.route.Group
	if g == nil || edgeerr.CodeOf(err) == edgeerr.ModelUnreadable || !g.OnlyStraight(&x.several.Choice) {
		return err
	}
	if told := x.client.store.explains; told != nil {
		told.Bridge = append(told.Bridge, textOf(err), "so it goes only to upstreams that are sent what clients send: "+strings.Join(g.Serving(&x.several.Choice), ", "))
	}
	x.stray = bridge.NoStray // nothing is repaired
	x.dropCrossing()
	return nil
}

// overBridge returns the crossing, where the attempt is made beyond the bridge.
func (x *Exchange) overBridge() *crossing {
	if s := x.several; s != nil && s.straight {
		return nil
	}
	return x.crossing
}

// answerModels answers which models there are.
func (x *Exchange) answerModels(body string) error {
	out := x.client.Loop().GetBuf()
	answer := append(out.Empty(), "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "...)
	answer = append(strconv.AppendInt(answer, int64(len(body)), 10), "\r\nCache-Control: no-store\r\nx-request-id: "...)
	answer = append(append(answer, x.kept.of(x.kept.id)...), "\r\n"...)
	if cors := x.route.CORS; cors != nil {
		if x.req.Origin != nil {
			answer, _ = cors.AppendResponse(answer, x.req.Method, x.req.Origin, nil)
		}
		answer = cors.AppendVary(answer, nil)
	}
	x.status, x.answer = 200, answerModels
	return x.answerHere(out, answer, body)
}

// findModel holds as much of the body as it takes to find the model in it, if the
// crossing needs that, and then knows what the upstream is sent.
func (x *Exchange) findModel() error {
	c := x.crossing
	if c == nil {
		return nil
	}
	if c.NeedsBody() {
		x.upload.From = x.client.Conn
		err := x.lookIntoBody()
		if wire.Waits(err) {
			return err
		}
		x.upload.Track.Collect(nil)
		x.upload.Pause()
		if err != nil || x.crossing == nil {
			return err
		}
		c.seam, c.raw = x.upload.Track.Seam(), int(x.upload.Bytes)
	}
	c.aim()
	x.model, _ = c.Model()
	return nil
}

// lookIntoBody reads on until the crossing has what it needs.
func (x *Exchange) lookIntoBody() error {
	for {
		ready, err := x.crossing.Scan(x.bodyContent(), x.restOfBody())
		if err != nil {
			return x.cannotCross(err)
		}
		if ready {
			return nil
		}
		if err := x.holdMore(); err != nil {
			return err
		}
	}
}

// aim writes down where the request goes.
func (c *crossing) aim() {
	c.target = c.AppendPath(c.target[:0])
	c.path = len(c.target)
	c.target = c.AppendQuery(c.target)
}

// bodyContent returns what has come of the body, without its framing.
func (x *Exchange) bodyContent() []byte {
	if x.req.Length == relay.Chunked {
		return x.crossing.content
	}
	return x.bodyHead()
}

func (x *Exchange) restOfBody() bridge.Rest {
	switch track := &x.upload.Track; {
	case track.Done(), track.InTrailer():
		return bridge.None
	case x.client.in.Len() >= x.route.Bridge.BodyHead():
		return bridge.Beyond
	}
	return bridge.ToCome
}

// holdMore reads more of the body behind what is held of it. A client that waits to be
// told to go on is told so here: the upstream is not asked before the model is known.
func (x *Exchange) holdMore() error {
	c, u := x.client, &x.upload
	if x.traits.Expect && u.Bytes == 0 {
		out := c.Loop().GetBuf()
		out.Set(append(out.Empty(), "HTTP/1.1 100 Continue\r\n\r\n"...))
		if _, err := c.Send(out); err != nil {
			return edgeerr.Wrap(edgeerr.ClientLeft, err)
		}
	}
	x.traits.Expect, x.req.Expect = false, false // nobody else needs to say it
	c.in.MakeRoom(x.route.Bridge.BodyHead())     // restOfBody has said that there is room
	before := c.in.Len()
	if err := u.Read(&c.in); err != nil {
		return err
	}
	if x.req.Length == relay.Chunked {
		x.crossing.makeRoom(c.in.Len() - before)
	}
	_, err := u.Take(c.in.Bytes()[before:])
	return err
}

// makeRoom has room for n more bytes of content. It doubles: append grows large slices by
// a quarter, and leaves more behind.
func (c *crossing) makeRoom(n int) {
	if cap(c.content)-len(c.content) < n {
		c.content = append(make([]byte, 0, 2*(len(c.content)+n)), c.content...)
	}
}

// grows returns by how much the body is longer than the client says.
func (c *crossing) grows() int {
	start, end, with := c.edit()
	return len(with) - (end - start)
}

// transmit sends the head, and what has come of the body, the name of its model replaced
// where the upstream calls it otherwise. A body in chunks then begins with one chunk of what
// has come of it. It returns what Send returns.
func (x *Exchange) transmit() (int, error) {
	out, held, conn := x.client.Loop().GetBuf(), x.bodyHead(), x.attempt.conn
	var forwarded head.Forwarded
	x.fill(&forwarded)
	// A head larger than that of known clients gets room at once: growing would
	// leave a quarter of it unused, and its smaller selves to the collector.
	front := forwarded.Append(slices.Grow(out.Empty(), x.req.Size+headRoom))
	c := x.overBridge()
	start, end, with := c.edit()
	if with == nil && x.upload.Copy == nil && len(held) <= cap(front)-len(front) { // nearly always
		out.Set(append(front, held...))
		return conn.Send(out)
	}
	if with != nil && x.req.Length == relay.Chunked {
		front = c.seam.AppendLine(front, int64(len(c.content)+len(with)-(end-start)))
		c.end = c.seam.AppendEnd(c.end[:0], held[:c.raw])
		out.Set(front)
		return x.gather(conn.Gather(out), c.content[:start], with, c.content[end:], c.end, held[c.raw:])
	}
	out.Set(front)
	return x.gather(conn.Gather(out), held[:start], with, held[end:])
}

// gather sends the pieces of the body's beginning, and what has gone up of the rest.
func (x *Exchange) gather(g wire.Gather, pieces ...[]byte) (int, error) {
	for _, p := range pieces {
		g.Add(p)
	}
	g.Add(x.upload.Copy.Bytes())
	return g.Send()
}

// edit is Edit of a crossing, if there is one.
func (c *crossing) edit() (start, end int, with []byte) {
	if c == nil {
		return 0, 0, nil
	}
	return c.Edit()
}

// bridged tells how the request crosses, and has it cross without its body.
func (x *Exchange) bridged() (lines []string) {
	c := x.crossing
	if c == nil {
		return nil
	}
	from, to := "v1", "legacy"
	if x.route.Bridge.ToV1() {
		from, to = to, from
	}
	fidelity, note := c.Way()
	lines = append(lines, c.Operation()+", from "+from+" to "+to+": "+fidelity.String())
	if note != "" {
		lines = append(lines, note)
	}
	assumed := c.NeedsBody() && c.Assume()
	if name, deployment := c.Model(); name != "" {
		text := "model " + name + ", deployment " + deployment
		if assumed {
			text += "; an example: the body names the model, and explain has no body"
		}
		if c.Replaces() {
			text += "; model in the body becomes what the upstream calls it"
		}
		lines = append(lines, text)
	}
	if s := c.Stray(); s != bridge.NoStray {
		lines = append(lines, s.String()+": "+s.Advice())
	}
	c.aim()
	return lines
}

// dropCrossing gives the crossing back.
func (x *Exchange) dropCrossing() {
	if c := x.crossing; c != nil {
		x.crossing = nil
		x.upload.Track.Collect(nil)
		c.clear()
		x.client.store.crossings.put(c, c.grown())
	}
}
