package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/apim-edge/apim-edge/internal/census"
	"github.com/apim-edge/apim-edge/internal/config"
)

// maxCensus bounds what is read of one census.
const maxCensus = 128 << 20

// census reads and merges the censuses that are named, or that of the configuration, or
// that of the edge on this machine. What is wrong with one is told.
func (q *inquiry) census(ctx context.Context, told io.Writer, sources []string) (census.Document, error) {
	if len(sources) == 0 {
		source, err := q.usual()
		if err != nil {
			return census.Document{}, err
		}
		sources = []string{source}
	}
	var all []census.Document
	for _, source := range sources {
		text, err := q.read(ctx, source)
		if err != nil {
			return census.Document{}, fmt.Errorf("%s: %w", shownSource(source), err)
		}
		d, faults, err := census.Read(bytes.NewReader(text))
		if errors.Is(err, census.ErrNoCensus) {
			err = fmt.Errorf("%w; want the file that census.file names, or the URL of an admin listener", err)
		}
		if err != nil {
			return census.Document{}, fmt.Errorf("%s: %w", shownSource(source), err)
		}
		for _, f := range faults {
			fmt.Fprintf(told, "apim-edge: %s: %s; it was passed over\n", shownSource(source), f) //nolint:errcheck // nobody is left to tell
		}
		all = append(all, d)
	}
	return census.Merge(all...), nil
}

// usual is where a census is looked for that nobody names: at the edge that runs, which
// knows more than its file.
func (q *inquiry) usual() (string, error) {
	conf := config.Default()
	if q.conf != nil {
		conf = *q.conf
	}
	address, err := fromHere(conf.Admin.Address)
	switch {
	case q.conf != nil && !conf.Census.Enabled:
		return "", errors.New("nobody is counted: set census.enabled: true in this configuration, and start apim-edge anew")
	case conf.Admin.Address == "" && conf.Census.File != "":
		return conf.Census.File, nil
	case err != nil:
		return "", usageError{errors.New("name the census: a file, or the URL of an admin listener")}
	}
	if conf.Census.File != "" {
		c, err := net.Dial("tcp", address)
		if err != nil { // the edge does not run
			return conf.Census.File, nil
		}
		_ = c.Close()
	}
	return "http://" + address, nil
}

// shownSource is a source as it may be told: a URL can hold a password.
func shownSource(source string) string {
	if u, err := url.Parse(source); err == nil && u.Host != "" {
		return u.Redacted()
	}
	return source
}

// openCensus opens the file of a census.
func openCensus(file string) (*os.File, error) {
	f, err := os.Open(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if _, port, wrong := net.SplitHostPort(file); wrong == nil && port != "" {
		return nil, fmt.Errorf("there is no such file; did you mean http://%s?", file)
	}
	return nil, errors.New("there is no such file; an edge writes its census to where its census.file says, once a minute and at its end")
}

// refusal says what an answer means that is no census.
func refusal(status int, body []byte, shown bool) error {
	switch {
	case status == http.StatusNotFound:
		return errors.New("no census is there: set census.enabled: true in its configuration, or name the admin listener")
	case status == http.StatusUnauthorized && shown:
		return errors.New("it answers 401: the token is not that of its admin.token")
	case status == http.StatusUnauthorized:
		return errors.New("it answers 401: give the token of its admin.token, by --config FILE or --admin-token env:NAME")
	}
	return fmt.Errorf("it answers %d, as no admin listener does; its address is admin.address: %.200s", status, strings.TrimSpace(string(body)))
}

func (q *inquiry) read(ctx context.Context, source string) ([]byte, error) {
	if !strings.HasPrefix(source, "http://") && !strings.HasPrefix(source, "https://") {
		f, err := openCensus(source)
		if err != nil {
			return nil, err
		}
		defer f.Close() //nolint:errcheck // it was read
		return io.ReadAll(io.LimitReader(f, maxCensus))
	}
	u, err := url.Parse(source)
	if err != nil || u.User != nil {
		return nil, usageError{errors.New("want a URL such as http://127.0.0.1:9090, without user name")}
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/census"
	}
	ref := q.adminToken
	if ref == "" && q.conf != nil {
		ref = q.conf.Admin.Token
	}
	token, err := named("admin-token", ref)
	if err != nil {
		return nil, usageError{err}
	}
	ctx, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	if !token.IsZero() {
		r.Header.Set("Authorization", "Bearer "+token.Reveal())
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }} // the token is on the way
	resp, err := client.Do(r)
	if wrapped := new(url.Error); errors.As(err, &wrapped) {
		return nil, fmt.Errorf("no edge is reached: %w; start it, or name its admin listener (admin.address) or the file of its census", wrapped.Err)
	}
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxCensus))
	if err == nil && resp.StatusCode != http.StatusOK {
		return nil, refusal(resp.StatusCode, body, !token.IsZero())
	}
	return body, err
}
