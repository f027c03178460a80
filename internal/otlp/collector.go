package otlp

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/secret"
)

// Collector is one that takes traces.
type Collector struct {
	url, shown string // shown is the url as the log has it
	service    string
	headers    map[string]secret.Source
	client     *http.Client
	backoff    func(try int) time.Duration
}

// The bounds of one batch: those of OpenTelemetry's exporters.
const (
	tries       = 5
	postTime    = 10 * time.Second
	firstWait   = time.Second
	longestWait = 30 * time.Second
	mostAnswer  = 64 << 10
)

// Compile returns the collector of a configuration; nil: it has none.
func Compile(t config.Traces) (*Collector, error) {
	if t.Endpoint == "" {
		return nil, nil
	}
	sources, err := t.Sources()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true, MaxIdleConns: 1, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: postTime,
	}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("there is no PEM certificate in " + t.CAFile)
		}
	}
	u, err := url.Parse(t.URL())
	if err != nil {
		return nil, errors.New("traces.endpoint is no URL")
	}
	return &Collector{
		url: t.URL(), shown: u.Redacted(), service: t.ServiceName, headers: sources, backoff: backoff,
		client: &http.Client{
			Transport: transport, Timeout: postTime,
			// The headers are for the collector, and not for whom it names.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// leave closes the connection that is kept for the next batch.
func (c *Collector) leave() {
	if c != nil {
		c.client.CloseIdleConnections()
	}
}

// backoff returns the wait behind a try that has failed, with jitter.
func backoff(try int) time.Duration {
	d := min(firstWait<<try, longestWait)
	return d/2 + rand.N(d/2)
}

// post sends a batch, and repeats it where that may help (OTLP, section Failures).
func (e *Exporter) post(c *Collector, batch []*exchange) (result, error) {
	body, err := message(c.service, e.version, batch)
	if err != nil {
		return refused, err
	}
	for try := 0; ; try++ {
		last := try+1 == tries || e.closing.Err() != nil
		after, again, err := e.try(c, body)
		switch {
		case err == nil:
			return sent, nil
		case !again:
			return refused, err
		case last:
			return unreachable, err
		}
		if after == 0 {
			after = c.backoff(try)
		}
		select {
		case <-time.After(after):
		case <-e.closing.Done(): // one more time
		}
	}
}

// try posts once. again reports whether a repeat may help, and after when the collector
// wants it; 0: it does not say.
func (e *Exporter) try(c *Collector, body []byte) (after time.Duration, again bool, err error) {
	r, err := http.NewRequestWithContext(e.ending, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return 0, false, err
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	r.Header.Set("User-Agent", "apim-edge/"+e.version)
	for name, source := range c.headers {
		value, err := source.Current()
		if value.IsZero() {
			return 0, true, fmt.Errorf("traces.headers.%s: %w", name, err)
		}
		r.Header.Set(name, value.Reveal())
	}
	answer, err := c.client.Do(r)
	if err != nil {
		return 0, true, withoutURL(err)
	}
	defer answer.Body.Close() //nolint:errcheck // it has been read
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	switch answer.StatusCode {
	case http.StatusOK:
		if err != nil {
			return 0, true, err
		}
		return 0, false, partial(text)
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return retryAfter(answer.Header.Get("Retry-After")), true, errors.New("the collector answers " + answer.Status)
	}
	return 0, false, errors.New("the collector answers " + answer.Status)
}

// withoutURL takes the URL off, which the line has already and which may hold a password.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// retryAfter reads seconds or a date. A collector that asks for more than longestWait is
// asked sooner: what waits is lost otherwise.
func retryAfter(text string) time.Duration {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return min(time.Duration(min(n, 3600))*time.Second, longestWait)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, min(time.Until(at), longestWait))
	}
	return 0
}
