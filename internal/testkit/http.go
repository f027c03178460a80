package testkit

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// Answer is a response with its body.
type Answer struct {
	*http.Response
	Text string
}

// Ask makes a request with fields, each a name and its value, and reads its answer to the
// end.
func Ask(t testing.TB, c *http.Client, method, url, body string, fields ...string) Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		req.Header.Add(fields[i], fields[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %s: %v after %d bytes", method, url, resp.Status, err, len(text))
	}
	return Answer{resp, string(text)}
}

// Get is Ask for a path, by the client that everybody has.
func Get(t testing.TB, url string) Answer {
	t.Helper()
	return Ask(t, http.DefaultClient, http.MethodGet, url, "")
}
