package doctor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/apim-edge/apim-edge/internal/hint"
)

// request is one of the requests that are asked.
type request struct {
	asked  string // what it is, in words
	method string
	path   string // with the query
	fields [][2]string
	body   string
	edge   bool // asked through the edge
}

// Answer is what came back.
type Answer struct {
	Asked  string `json:"asked"`
	Method string `json:"method"`
	Path   string `json:"path"`
	Edge   bool   `json:"through_edge,omitempty"`
	Status int    `json:"status,omitempty"`
	Hint   string `json:"hint,omitempty"`
	Owner  string `json:"owner,omitempty"`
	// Said is the message of an error, in its own words.
	Said string `json:"said,omitempty"`
	// EdgeError is the code of an error that an apim-edge has made.
	EdgeError string `json:"edge_error,omitempty"`
	// WantsKeyIn is the field or parameter that WWW-Authenticate names.
	WantsKeyIn string `json:"wants_key_in,omitempty"`
	// AllowOrigin are the values of Access-Control-Allow-Origin, one for each line.
	AllowOrigin []string `json:"allow_origin,omitempty"`
	// Failed says why there is no answer.
	Failed string `json:"failed,omitempty"`

	known   hint.Hint
	inQuery bool
	service bool // the service behind API Management has answered
	fault   error
}

// prober asks one target.
type prober struct {
	target  *Target
	opt     *Options
	scrub   scrubber
	client  *http.Client
	edge    *http.Client // what secures the upstream says nothing of the edge
	answers []Answer
	asksFor atomic.Bool          // the upstream has asked for a client certificate
	seen    *tls.ConnectionState // of the upstream's last answer
}

// maxBody is how much is read of an answer.
const maxBody = 64 << 10

func newProber(t *Target, opt *Options) *prober {
	p := &prober{target: t, opt: opt, scrub: newScrubber(opt.Key, opt.Token)}
	p.client = client(p.transport(p.tlsConfig(), t.proxy))
	p.edge = client(p.transport(&tls.Config{}, nil))
	return p
}

// client never follows a redirect: credentials are on the way.
func client(t *http.Transport) *http.Client {
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (p *prober) transport(secured *tls.Config, proxy *url.URL) *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: p.opt.Timeout}).DialContext,
		TLSClientConfig:     secured,
		TLSHandshakeTimeout: p.opt.Timeout,
		DisableCompression:  true,
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{}, // the edge speaks HTTP/1.1
		Proxy: func(r *http.Request) (*url.URL, error) {
			if r.URL.Scheme != "https" {
				return nil, nil //nolint:nilnil // no proxy is no error
			}
			return proxy, nil
		},
	}
}

// tlsConfig is the target's. Who is asked for a certificate notes it, and shows what the
// configuration has.
func (p *prober) tlsConfig() *tls.Config {
	conf := p.target.tls.Clone()
	certificates := conf.Certificates
	conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		p.asksFor.Store(true)
		if len(certificates) > 0 {
			return &certificates[0], nil
		}
		return &tls.Certificate{}, nil
	}
	conf.Renegotiation = tls.RenegotiateOnceAsClient
	return conf
}

func (p *prober) close() {
	p.client.CloseIdleConnections()
	p.edge.CloseIdleConnections()
}

// slow is how long nobody is told that an answer is awaited.
const slow = 2 * time.Second

// ask sends one request and notes its answer.
func (p *prober) ask(ctx context.Context, r request) Answer {
	ctx, cancel := context.WithTimeout(ctx, p.opt.Timeout)
	defer cancel()
	waiting := time.AfterFunc(slow, func() { p.opt.Progress("still waiting: " + r.asked) })
	defer waiting.Stop()
	a := Answer{Asked: r.asked, Method: r.method, Path: p.scrub.clean(r.path), Edge: r.edge}
	resp, err := p.send(ctx, r)
	if err != nil {
		a.fault, a.Failed = err, p.scrub.clean(reasonOf(err))
	} else {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxBody)) // what has come is what there is to judge
		_ = resp.Body.Close()
		p.read(&a, resp, body)
	}
	p.answers = append(p.answers, a)
	return a
}

func (p *prober) send(ctx context.Context, r request) (*http.Response, error) {
	req, err := p.build(ctx, r)
	if err != nil {
		return nil, err
	}
	if r.edge {
		return p.edge.Do(req)
	}
	return p.client.Do(req)
}

func (p *prober) build(ctx context.Context, r request) (*http.Request, error) {
	to := p.target.direct(r.path)
	if r.edge {
		to = p.target.through(r.path)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, to, strings.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	if r.edge && p.target.Host != "" {
		req.Host = p.target.Host
	}
	req.Header["User-Agent"] = []string{p.opt.Agent}
	if r.body != "" {
		req.Header["Content-Type"] = []string{"application/json"}
	} else {
		req.Body = http.NoBody
		req.ContentLength = 0
	}
	for _, f := range r.fields {
		req.Header[f[0]] = append(req.Header[f[0]], f[1]) // in the spelling that people know
	}
	return req, nil
}

// reasonOf returns why there is no answer, without the URL, which has a query.
func reasonOf(err error) string {
	var u *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &u):
		return u.Err.Error()
	}
	return err.Error()
}

// read reads what an answer says.
func (p *prober) read(a *Answer, resp *http.Response, body []byte) {
	a.Status = resp.StatusCode
	if resp.TLS != nil && !a.Edge {
		p.seen = resp.TLS
	}
	a.EdgeError = p.scrub.clean(resp.Header.Get("X-Apim-Edge-Error"))
	a.service = resp.Header.Get("Apim-Request-Id") != ""
	for _, value := range resp.Header.Values("Access-Control-Allow-Origin") {
		a.AllowOrigin = append(a.AllowOrigin, p.scrub.clean(value))
	}
	known := hint.Answer{Status: a.Status, ContentType: []byte(resp.Header.Get("Content-Type")), FromService: a.service}
	for _, value := range resp.Header.Values("Www-Authenticate") {
		known.Challenges = append(known.Challenges, []byte(value))
		if name, query := hint.KeyField([]byte(value)); name != nil {
			a.WantsKeyIn, a.inQuery = p.scrub.clean(string(name)), query
		}
	}
	if a.Status < 400 || a.EdgeError != "" {
		return
	}
	a.known = known.Head().Of(body)
	a.Hint, a.Owner = a.known.String(), a.known.Owner().String()
	a.service = a.service || a.known.Owner() == hint.AzureOpenAI
	a.Said = p.scrub.clean(messageOf(body))
}

// messageOf returns the message of an error in one of the two forms, else the beginning
// of the body.
func messageOf(body []byte) string {
	var form struct {
		Message string `json:"message"`
		Error   struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &form) == nil {
		if i := slices.IndexFunc([]string{form.Error.Message, form.Message}, func(s string) bool { return s != "" }); i >= 0 {
			return []string{form.Error.Message, form.Message}[i]
		}
	}
	return string(body)
}
