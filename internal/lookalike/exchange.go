package lookalike

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"slices"
)

// maxBody bounds what a JSON operation reads. Uploads are not bounded: their
// bytes are hashed and dropped.
const maxBody = 64 << 20

// exchange is one request on its way to one answer.
type exchange struct {
	s *Server
	w http.ResponseWriter
	r *http.Request

	op      operation
	request Request
	keyUsed string // "primary", "secondary", "other", or "" where none was asked for
	model   string // as asked for, in the body or as the deployment
	wish    wish
	sum     hash.Hash
	body    io.Reader // the request body; all that is read goes through sum
	bytes   *countingReader

	status int
	events int
	left   bool
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := s.begin(w, r)
	defer x.end()
	x.send(x.answer())
}

func (s *Server) begin(w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{s: s, w: w, r: r, sum: sha256.New(), bytes: &countingReader{r: r.Body}}
	x.body = io.TeeReader(x.bytes, x.sum)
	x.request = received(r)
	x.request.ID = guid()
	x.request.Credential = s.credential(r)
	return x
}

// answer asks the gates in APIM's order: cors policy, operation, subscription
// key, inbound policies; then the service's: token, deployment, operation.
func (x *exchange) answer() answer {
	if refusal := x.s.refused(byOther); refusal != nil {
		return *refusal
	}
	if isPreflight(x.r) && x.s.opt.CORS != CORSNone {
		return x.preflight()
	}
	op, found := match(x.r)
	if !found || !x.s.opt.Shape.has(op) {
		return gatewayError(http.StatusNotFound, "Resource not found")
	}
	x.op = op
	if refusal := x.checkKey(); refusal != nil {
		return *refusal
	}
	if refusal := x.policies(); refusal != nil {
		return *refusal
	}
	a := x.serve()
	a.service = true
	return a
}

// serve is the service behind APIM.
func (x *exchange) serve() answer {
	if x.s.opt.RequireToken && !x.s.tokenAccepted(x.r) {
		return serviceUnauthorized()
	}
	if refusal := x.s.refused(byService); refusal != nil {
		return *refusal
	}
	if x.op.deployment != "" {
		if refusal := x.checkDeployment(); refusal != nil {
			return *refusal
		}
	}
	if err := x.readWish(); err != nil {
		return invalidRequest(err.Error())
	}
	a := x.op.serve(x)
	if _, err := io.Copy(io.Discard, x.body); err != nil {
		// The digest would be one of half a body, and a multipart reader takes
		// a cut after its last boundary for an end.
		return invalidRequest("the request body ended early: " + err.Error())
	}
	x.request.BodyBytes = x.bytes.n
	x.request.BodySHA256 = hex.EncodeToString(x.sum.Sum(nil))
	return x.underFault(a)
}

// checkDeployment is what the service asks first of a path of the legacy shape.
func (x *exchange) checkDeployment() *answer {
	o, name, version := &x.s.opt, x.op.deployment, x.r.URL.Query().Get("api-version")
	switch {
	case version == "", len(o.Versions) > 0 && !slices.Contains(o.Versions, version):
		a := serviceError(http.StatusNotFound, "Resource not found")
		return &a
	case !o.has(name):
		return noDeployment()
	case version < o.Since[name]:
		a := jsonAnswer(http.StatusBadRequest, nil)
		a.frames = one([]byte(refusals["old-version"].body))
		return &a
	}
	return nil
}

func (o *Options) has(deployment string) bool {
	return len(o.Deployments) == 0 || slices.Contains(o.Deployments, deployment)
}

func noDeployment() *answer {
	a := jsonAnswer(http.StatusNotFound, nil)
	a.frames = one([]byte(deploymentNotFound))
	return &a
}

func (x *exchange) end() {
	if x.s.opt.OnEnd == nil {
		return
	}
	x.s.opt.OnEnd(End{
		ID: x.request.ID, Method: x.request.Method, Target: x.request.Target,
		Status: x.status, Events: x.events, Left: x.left,
	})
}

// preflight is the answer of the cors policy.
func (x *exchange) preflight() answer {
	a := answer{status: http.StatusOK}
	if x.s.opt.CORS == CORSTwice {
		a.fields = [][2]string{
			{"Access-Control-Allow-Origin", x.r.Header.Get("Origin")},
			{"Access-Control-Allow-Methods", "GET,POST"},
			{"Access-Control-Allow-Headers", x.r.Header.Get("Access-Control-Request-Headers")},
		}
	}
	return a
}

// isPreflight is the definition of the Fetch standard.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" &&
		r.Header.Get("Access-Control-Request-Method") != ""
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// guid returns a random identifier in the form that Azure uses.
func guid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
