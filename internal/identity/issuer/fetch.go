package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/identity/keyset"
	"github.com/apim-edge/apim-edge/internal/identity/token"
	"github.com/apim-edge/apim-edge/internal/secret"
)

// The bounds of one question. Entra's key document has 20 KB.
const (
	timeout  = 5 * time.Second
	maxBytes = 1 << 20
)

// failure is an answer that is none. after is how long the issuer wants to be let alone.
type failure struct {
	text  string
	after time.Duration
}

func (f *failure) Error() string { return f.text }

func retryAfter(err error) time.Duration {
	var f *failure
	if errors.As(err, &f) {
		return f.after
	}
	return 0
}

// newClient returns a client that follows nobody to another host.
func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = 64 << 10
	transport.IdleConnTimeout = time.Minute
	return &http.Client{Transport: transport, CheckRedirect: sameHost}
}

// sameHost refuses a redirect to another host, port or scheme: who answers there has not
// been configured (CVE-2026-49478).
func sameHost(next *http.Request, before []*http.Request) error {
	first := before[0].URL
	if next.URL.Host != first.Host || next.URL.Scheme != first.Scheme {
		return errors.New("it redirects to another host")
	}
	if len(before) > 3 {
		return errors.New("it redirects in circles")
	}
	return nil
}

// get returns the body of a URL. Errors name no part of an answer.
func get(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("this is no URL")
	}
	request.Header.Set("Accept", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, plain(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, &failure{text: "it answers " + strconv.Itoa(response.StatusCode), after: seconds(response.Header.Get("Retry-After"))}
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBytes+1))
	switch {
	case err != nil:
		return nil, plain(err)
	case len(body) > maxBytes:
		return nil, errors.New("the answer is larger than 1 MiB")
	}
	return body, nil
}

// plain takes the method and the URL off an error: who reads it knows them.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %v", timeout)
	}
	return err
}

func seconds(field string) time.Duration {
	n, err := strconv.ParseUint(field, 10, 16)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

// metadata is what of an issuer's metadata is looked at (OpenID Connect Discovery 1.0
// section 3).
type metadata struct {
	Issuer string `json:"issuer"`
	Keys   string `json:"jwks_uri"`
}

// fromMetadata reads metadata and then the keys that it leads to. The metadata is read
// again with each question of the hour and behind each failure, and not for every key
// that is not known.
func fromMetadata(client *http.Client, address string) func(context.Context) (*keyset.Set, []string, error) {
	var known metadata
	var at time.Time
	return func(ctx context.Context) (*keyset.Set, []string, error) {
		if known.Keys == "" || time.Since(at) > refreshEvery/2 {
			read, err := readMetadata(ctx, client, address)
			if err != nil {
				return nil, nil, fmt.Errorf("metadata: %w", err)
			}
			known, at = read, time.Now()
		}
		set, skipped, err := readKeys(ctx, client, known.Keys, known.Issuer)
		if err != nil {
			known = metadata{}
			return nil, nil, fmt.Errorf("keys: %w", err)
		}
		return set, skipped, nil
	}
}

func readMetadata(ctx context.Context, client *http.Client, address string) (m metadata, err error) {
	body, err := get(ctx, client, address)
	if err != nil {
		return m, err
	}
	return parseMetadata(body, address)
}

// parseMetadata reads what was found at an address. Who can say where keys are could
// sign: so it is https, save on this machine.
func parseMetadata(body []byte, address string) (m metadata, err error) {
	if json.Unmarshal(body, &m) != nil || m.Issuer == "" || m.Keys == "" {
		return m, errors.New("the answer is no metadata: a JSON object with issuer and jwks_uri")
	}
	u, err := url.Parse(m.Keys)
	if err != nil || u.Host == "" || u.User != nil {
		return m, errors.New("its jwks_uri is no URL")
	}
	own := strings.HasPrefix(address, "http://") && token.Loopback(u.Host) // a test's, or a sidecar's
	if u.Scheme != "https" && (u.Scheme != "http" || !own) {
		return m, errors.New("its jwks_uri does not begin with https://")
	}
	return m, nil
}

func readKeys(ctx context.Context, client *http.Client, address, issuer string) (*keyset.Set, []string, error) {
	body, err := get(ctx, client, address)
	if err != nil {
		return nil, nil, err
	}
	return parse(body, issuer)
}

func parse(data []byte, issuer string) (*keyset.Set, []string, error) {
	keys, skipped, err := keyset.Parse(data)
	if err != nil {
		return nil, skipped, err
	}
	return keyset.New(issuer, keys), skipped, nil
}

// fromSecret reads keys from a file, a variable or a vault.
func fromSecret(source secret.Source) func(context.Context) (*keyset.Set, []string, error) {
	return func(context.Context) (*keyset.Set, []string, error) {
		value, err := source.Current()
		if err != nil {
			return nil, nil, err
		}
		return parse([]byte(value.Reveal()), "")
	}
}
