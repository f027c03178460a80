package bridge

import (
	"bytes"
	"errors"
	"testing"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// models is the table of most tests.
var models = map[string]Model{
	"gpt-4o":    {Deployment: "gpt4o-prod", APIVersion: "2024-10-21"},
	"o3-mini":   {Deployment: "o3", APIVersion: "2024-12-01-preview"},
	"gpt-5":     {APIVersion: "2025-04-01-preview"},
	"org/mod l": {Deployment: "a b/c", APIVersion: "2025-04-01-preview"},
}

func newTable(t testing.TB, o Options) *Table {
	t.Helper()
	table, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// request is a request with its body.
type request struct {
	method, path, query, contentType, body string
	encoded                                bool
}

// crossed is what the other side is sent, or the error.
type crossed struct {
	target, body, answer string
	stray                Stray
	code                 edgeerr.Code
	read                 bool
}

// cross takes a request over the bridge, its body in pieces of n bytes.
func cross(t testing.TB, table *Table, r request, n int) (out crossed) {
	t.Helper()
	var c Crossing
	err := table.Begin(&c, &Request{
		Method: []byte(r.method), Path: []byte(r.path), Query: []byte(r.query), ContentType: []byte(r.contentType),
		Encoded: r.encoded, HasBody: r.body != "",
	})
	out.read = c.NeedsBody()
	body := []byte(r.body)
	for end := 0; err == nil && c.NeedsBody(); {
		end = min(end+n, len(body))
		var ready bool
		rest := ToCome
		if end == len(body) {
			rest = None
		} else if end >= table.BodyHead() {
			rest = Beyond
		}
		ready, err = c.Scan(body[:end], rest)
		if ready != (err == nil && !c.NeedsBody()) || !ready && err == nil && end == len(body) {
			t.Fatalf("%v: ready %v at %d of %d, error %v", r, ready, end, len(body), err)
		}
	}
	var e *edgeerr.Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("%v: %v is no edgeerr.Error", r, err)
	}
	out.code = edgeerr.CodeOf(err)
	if err != nil {
		return out
	}
	out.stray = c.Stray()
	if out.answer = c.Answer(); out.answer != "" {
		return out
	}
	out.target = string(c.AppendPath(nil))
	if query := c.AppendQuery(nil); len(query) > 0 {
		out.target += "?" + string(query)
	}
	start, end, with := c.Edit()
	out.body = r.body
	if with != nil {
		out.body = string(bytes.Join([][]byte{body[:start], with, body[end:]}, nil))
	}
	return out
}
