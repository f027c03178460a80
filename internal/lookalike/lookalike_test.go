package lookalike

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

const (
	testKey      = "0123456789abcdef0123456789abcdef"
	otherTestKey = "fedcba9876543210fedcba9876543210"
	// testToken has the shape of a token and nothing else.
	testToken = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ0ZXN0In0.c2ln"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves opt until the test ends.
func start(t *testing.T, opt Options) (url string, client *http.Client) {
	t.Helper()
	s := New(opt)
	url, err := s.Start("127.0.0.1:0")
	testkit.Must(t, err)
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return url, &http.Client{Transport: transport}
}

// result is an answer read to its end; err says how the body ended.
type result struct {
	status int
	head   http.Header
	body   string
	err    error
}

// do sends a request; fields are "Name: value".
func do(t *testing.T, c *http.Client, method, url, body string, fields ...string) result {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	testkit.Must(t, err)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		req.Header.Add(name, value)
	}
	resp, err := c.Do(req)
	if err != nil {
		return result{err: err}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return result{resp.StatusCode, resp.Header, string(raw), err}
}

// jsonOf reads JSON into plain Go values.
func jsonOf(t *testing.T, text string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("no JSON object: %v\n%s", err, text)
	}
	return out
}

// at follows a path of names and indices, as "choices.0.message.content".
func at(t *testing.T, value any, path string) any {
	t.Helper()
	for step := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			member, ok := v[step]
			if !ok {
				t.Fatalf("%s: no member %q in %v", path, step, v)
			}
			value = member
		case []any:
			i := int(step[0] - '0')
			if i >= len(v) {
				t.Fatalf("%s: no element %d in %v", path, i, v)
			}
			value = v[i]
		default:
			t.Fatalf("%s: %q leads into a plain value %v", path, step, v)
		}
	}
	return value
}

// sse is one event of a stream.
type sse struct{ name, data string }

func events(t *testing.T, body string) []sse {
	t.Helper()
	var out []sse
	var current sse
	lines := bufio.NewScanner(strings.NewReader(body))
	for lines.Scan() {
		switch line := lines.Text(); {
		case line == "":
			out = append(out, current)
			current = sse{}
		case strings.HasPrefix(line, "event: "):
			current.name = line[len("event: "):]
		case strings.HasPrefix(line, "data: "):
			current.data = line[len("data: "):]
		default:
			t.Fatalf("not a line of an event: %q", line)
		}
	}
	return out
}

func sha(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
