package testkit

import (
	"encoding/json"
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
		if fields[i] == "Host" { // which Go keeps elsewhere
			req.Host = fields[i+1]
			continue
		}
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

// JSON reads a text of JSON.
func JSON(t testing.TB, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in %.1000s", err, text)
	}
}

// Get is Ask for a path, by the client that everybody has.
func Get(t testing.TB, url string) Answer {
	t.Helper()
	return Ask(t, http.DefaultClient, http.MethodGet, url, "")
}
