package proxy

import (
	"bytes"
	"time"

	"github.com/apim-edge/apim-edge/proxy/relay"
	"github.com/apim-edge/apim-edge/proxy/upstream"
	"github.com/apim-edge/apim-edge/proxy/wire"
	"github.com/apim-edge/apim-edge/rewrite"
)

// An Exchange is one request with its responses. begin takes it from the store of
// the loop, end gives it back, each exactly once.
type Exchange struct {
	edge   *Edge
	client *Client
	ended  int // steps of its end that have been begun
	snap   *Snapshot
	route  *route

	// req and resp are kept apart: a stream that is silent needs neither.
	req      *request
	resp     *response
	decision rewrite.Decision
	reason   rewrite.Reason

	step    int      // of the story
	scan    headScan // of the head under way: the request's, then the upstream's
	dialing *upstream.Dialing
	waited  int  // turns of the loop, for a connection that is about to be free
	login   bool // the credential belongs to the connection that it goes up on
	up      *upstream.Conn
	out     *wire.Buf // the request, while it waits for a connection
	upload  *upload   // the request body, if there is one
	body    upload    // what upload points to
	upIn    *wire.Buf // what the upstream has sent and is not relayed
	respEnd int       // length of the response head at the start of upIn
	interim int       // interim responses so far
	down    relay.Down
	tunnel  *relay.Tunnel // after 101
	events  relay.Events
	// Methods as values, made once: a method value allocates.
	requestTrailerF  func([]byte) bool
	responseTrailerF func([]byte) bool

	notes          notes
	start          time.Duration // by the clock of the loop
	firstByte      time.Duration // from start to the upstream's response head
	status         int           // sent to the client
	upstreamStatus int
	bytesUp        int64
	lastConn       bool // the client's connection ends with this exchange
	stream         bool
	encoded        bool // the body is compressed: its events cannot be counted
	admitted       bool
	sent           bool // a byte of the request went upstream
	headOut        bool // a byte of the response head went to the client
	http10         bool
	head           bool // the method is HEAD
	expect         bool // the client waits for 100 Continue
	websocket      bool
	upClose        bool // the upstream closes its connection after this exchange
	preflight      bool
	unread         bool // the client may still be sending: closing lets it read first
	relayed        bool // the upstream's head went out: an error from now on is a cut
	decided        bool // reason is set
	notesSeen      rewrite.Notes
	refusal        string // why CORS refused: origin, method or header
	waiting        bool   // for the rest of the request's head
	armed          bool   // the wait for the response head is bounded
	counted        bool   // among the streams that are open
}

// notes are the texts of an exchange that outlive the buffer of its head. They
// stand in one array, kept with the exchange.
type notes struct {
	text                           []byte
	id, method, path, origin, apim []byte
	family                         family
}

func begin(c *Client) *Exchange {
	x := c.store.exchanges.take()
	if x.requestTrailerF == nil {
		x.requestTrailerF, x.responseTrailerF = x.dropRequestTrailer, x.dropResponseTrailer
	}
	x.edge, x.client, x.start = c.edge, c, c.Loop().Now()
	x.req = c.store.requests.take()
	x.req.parser = c.store.parser
	return x
}

// makeID gives the exchange an id of its own.
func (n *notes) makeID() {
	at := len(n.text)
	n.text = appendID(n.text)
	n.id = n.text[at:len(n.text):len(n.text)]
}

// note keeps what the log and the answer need of the request's head, which is
// given back before the upstream answers.
func (x *Exchange) note() {
	r, n := x.req, &x.notes
	n.path = x.keepShown(r.path, r.query)
	n.method = n.keepMethod(r.method)
	n.family = familyOf(r.userAgent)
	if len(r.id) == 0 {
		n.makeID()
	} else {
		n.id = n.keep(r.id, idBytes)
	}
	if r.origin != nil {
		n.origin = n.keep(r.origin, maxOrigin)
	}
	x.head, x.http10, x.expect, x.websocket = r.isHead(), r.http10, r.expect, r.websocket
	x.lastConn = x.lastConn || r.close
}

// noteRefused keeps what is known of a head that was refused.
func (x *Exchange) noteRefused() {
	r, n := x.req, &x.notes
	if t := r.target; len(t) > 0 && t[0] == '/' { // an absolute target can hold userinfo
		if end := bytes.IndexAny(t, "?#"); end >= 0 {
			t = t[:end]
		}
		n.path = x.keepShown(t, nil)
	}
	n.method = n.keepMethod(r.method)
	x.head = r.isHead()
}

// keepShown keeps path and query as the log may show them. It comes first, because
// only the first of the notes gives back what it was cut from.
func (x *Exchange) keepShown(path, query []byte) []byte {
	n := &x.notes
	at := len(n.text)
	n.text = x.appendShown(n.text, path, query)
	return n.since(at, pathBytes)
}

// appendShown appends path and query (nil: none) as people may see them: the only
// way in which either is shown.
func (x *Exchange) appendShown(dst, path, query []byte) []byte {
	dst = x.policy().AppendRedactedPath(dst, path)
	if query == nil {
		return dst
	}
	return x.policy().AppendRedactedQuery(append(dst, '?'), query)
}

// noteOrigin looks for the Origin of a head that could not be parsed, so that a
// page sees the error and not a CORS failure. What it finds decides about CORS
// fields alone.
func (x *Exchange) noteOrigin(head []byte) {
	for line := range bytes.Lines(head) {
		if len(line) > 7 && equalFold(line[:7], "origin:") {
			x.notes.origin = x.notes.keep(trimOWS(bytes.TrimRight(line[7:], "\r\n")), maxOrigin)
			return
		}
	}
}

func (x *Exchange) policy() *rewrite.Policy {
	if x.route == nil {
		return nil
	}
	return x.route.credential
}

// WakeUpstream implements upstream.Owner.
func (x *Exchange) WakeUpstream() { x.client.run() }
