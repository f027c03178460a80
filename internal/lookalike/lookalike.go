// Package lookalike is a stand-in for a legacy Azure API Management (APIM)
// with Azure OpenAI behind it. The demo runs it, the end-to-end suite runs it,
// and people point a client at it by hand. It is no emulator: it copies what a
// client or a proxy can see, as far as that is documented, and nothing else.
//
// What it copies as documented:
//   - The subscription key is looked for in one field (api-key, as the portal's
//     Azure OpenAI import sets it) and in the query only where that field is
//     absent; both 401 bodies, byte for byte, with WWW-Authenticate; Bearer is
//     never looked at for a key. That is the fault apim-edge exists for.
//   - 404 "Resource not found" for a path or method that is no operation, before
//     any key is asked for, as servers say; the documentation has the text that
//     on-error policies see.
//   - The empty 200 of the cors policy to a preflight whose origin it does not
//     know, and the Access-Control-Allow-Origin: * on the service's answers;
//     both of them together, where a policy knows the origin.
//   - The refusals of its policies, of the service and of who stands in front,
//     each by name (refusal.go).
//   - The service's own 401, 404 and 429 bodies, apim-request-id, x-ms-region,
//     x-ms-request-id, x-ratelimit-*, retry-after and retry-after-ms.
//   - Chat completions, completions and responses (plain and streamed),
//     embeddings, models and files, in the v1 shape, in the legacy shape and
//     with neither prefix.
//
// What it does not do: no policies but validate-jwt and check-header, no
// products, quotas or real rate limits; no signature of a token is checked; no
// tool calls, images, audio or Realtime; no content filter results; HTTP/1.1
// only; the reason phrase in the status line
// is net/http's, where APIM says "Access Denied". That the 401 for a wrong key
// carries WWW-Authenticate as the one for a missing key does is an assumption.
//
// What it adds, always under the name x-lookalike-*: see [Options] and the
// fault names in fault.go.
//
//	s := lookalike.New(lookalike.Options{PrimaryKey: "0123abcd"})
//	url, err := s.Start("127.0.0.1:0")
//	defer s.Close()
package lookalike

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// CORS says how the look-alike treats browsers of another origin.
type CORS uint8

const (
	// CORSNone has no cors policy: a preflight is a request for an operation
	// that does not exist.
	CORSNone CORS = iota
	// CORSLegacy has a cors policy that knows no origin: a preflight gets an
	// empty 200, and the service's answers say Access-Control-Allow-Origin: *.
	CORSLegacy
	// CORSTwice has a cors policy that knows every origin, in front of a service
	// that says * as well: its answers carry Access-Control-Allow-Origin twice.
	CORSTwice
)

// Options are the behaviour of one look-alike. The zero value asks for no
// credential at all and streams as fast as it can.
type Options struct {
	// PrimaryKey and SecondaryKey are the keys of one subscription. With both
	// empty the API needs no subscription.
	PrimaryKey, SecondaryKey string
	// OtherKeys are keys of other subscriptions.
	OtherKeys []string
	// KeyField is the field that holds the subscription key; api-key if empty.
	KeyField string
	// KeyQuery is the query parameter that holds it where the field is absent;
	// subscription-key if empty.
	KeyQuery string
	// RequireToken makes the service behind APIM ask for a token in
	// Authorization. A token elsewhere is answered with the service's own 401.
	RequireToken bool
	// Tokens are the tokens it takes; with none given it takes any value that
	// has the shape of a token.
	Tokens []string
	// CORS is the treatment of browsers.
	CORS CORS
	// Shape is which operations the import has.
	Shape Shape
	// Deployments are the names that the resource knows; with none given it
	// knows every one. In the v1 shape bodies name them.
	Deployments []string
	// Versions are the api-versions that the legacy shape is served with; with
	// none given every one is. Since names, for a deployment, the first that
	// reaches it.
	Versions []string
	Since    map[string]string
	// ValidateJWT has APIM ask for something of the shape of a token in
	// Authorization, by validate-jwt, besides the key.
	ValidateJWT bool
	// CheckAuthorization has APIM ask for some Bearer value there, by
	// check-header, besides the key.
	CheckAuthorization bool
	// Refuse names a refusal that every request gets which comes so far; see
	// [Refusals].
	Refuse string
	// Buffer has streams collected on the way, 8 KiB at a time.
	Buffer bool
	// IdleTimeout is how long a connection may be idle before it is closed; 0:
	// for ever.
	IdleTimeout time.Duration
	// EventInterval is the pause before each event of a stream but the first.
	// A request may ask for its own with x-lookalike-interval.
	EventInterval time.Duration
	// ReasoningPause is the silence of the model slow-reasoning before its
	// first event; half of it lies between the events after it. 4 s if zero.
	// What a person waits for is [Server.FirstWord].
	ReasoningPause time.Duration
	// HeadDelay is how long the fault slow-head waits; 3 s if zero.
	HeadDelay time.Duration
	// TLS makes Start serve https.
	TLS *tls.Config
	// OnRequest, if set, is called with each request once its body is read or
	// it was refused, before the answer.
	OnRequest func(Request)
	// OnEnd, if set, is called when the answer is over.
	OnEnd func(End)
}

// Server is one look-alike. It is an http.Handler; Start gives it a listener.
type Server struct {
	opt   Options
	files fileStore

	http   *http.Server
	cancel context.CancelFunc
	served chan struct{}  // closed when the accept loop is over
	conns  sync.WaitGroup // one per connection that net/http owns
}

// New returns a look-alike that behaves as opt says.
func New(opt Options) *Server {
	if opt.KeyField == "" {
		opt.KeyField = "api-key"
	}
	if opt.KeyQuery == "" {
		opt.KeyQuery = "subscription-key"
	}
	if opt.ReasoningPause == 0 {
		opt.ReasoningPause = 4 * time.Second
	}
	if opt.HeadDelay == 0 {
		opt.HeadDelay = 3 * time.Second
	}
	return &Server{opt: opt}
}

// Start listens on addr (port 0 picks a free one), serves in the background
// and returns the URL, without a slash at its end.
func (s *Server) Start(addr string) (string, error) {
	if s.http != nil {
		return "", errors.New("lookalike: started before")
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("lookalike: %w", err)
	}
	url := s.scheme() + "://" + ln.Addr().String()
	if s.opt.TLS != nil {
		cfg := s.opt.TLS.Clone()
		cfg.NextProtos = []string{"http/1.1"}
		ln = tls.NewListener(ln, cfg)
	}
	if s.opt.OnRequest != nil {
		ln = sniffListener{ln}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.served = make(chan struct{})
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       s.opt.IdleTimeout,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       withConn,
		ConnState:         s.countConns,
		// Aborts on purpose and clients that speak no TLS are no news.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() {
		defer close(s.served)
		_ = s.http.Serve(ln) // always ErrServerClosed: the listener is ours
	}()
	return url, nil
}

// Close ends the listener and every connection, and waits for their handlers.
func (s *Server) Close() error {
	if s.http == nil {
		return nil
	}
	s.cancel()
	err := s.http.Close()
	<-s.served
	s.conns.Wait()
	return err
}

// countConns runs on the accept loop for a new connection, so that no Add can
// come after served is closed.
func (s *Server) countConns(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.conns.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.conns.Done()
	}
}

func (s *Server) scheme() string {
	if s.opt.TLS != nil {
		return "https"
	}
	return "http"
}
