package mock

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// upstream serves on loopback until the test ends.
func upstream(t *testing.T) (*Server, string) {
	t.Helper()
	listener := testkit.Listen(t)
	server := New()
	go func() { _ = server.Serve(listener, nil) }()
	t.Cleanup(func() { listener.Close(); server.pacer.Close() })
	return server, listener.Addr().String()
}

func request(fields, body string) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: h\r\n%sContent-Length: %d\r\n\r\n%s", fields, len(body), body)
}

func TestOnlyTheRewrittenKeyIsAccepted(t *testing.T) {
	_, address := upstream(t)
	for _, tc := range []struct {
		name   string
		fields string
		status int
	}{
		{"the key as api-key", "api-key: " + Key + "\r\n", 200},
		{"the field in other case", "Api-Key: " + Key + "\r\n", 200},
		{"no key", "", 401},
		{"still as Authorization", "Authorization: Bearer " + Key + "\r\n", 401},
		{"in both fields", "Authorization: Bearer " + Key + "\r\napi-key: " + Key + "\r\n", 401},
		{"with its scheme", "api-key: Bearer " + Key + "\r\n", 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			response, _ := exchange(t, address, request(tc.fields, `{"model":"bench:json:400"}`))
			if response.StatusCode != tc.status {
				t.Errorf("status %d, want %d", response.StatusCode, tc.status)
			}
		})
	}
}

func TestMarkersSayWhatIsAnswered(t *testing.T) {
	_, address := upstream(t)
	field := "api-key: " + Key + "\r\n"
	for _, tc := range []struct {
		name    string
		request string
		length  int
		ends    string
	}{
		{"json", request(field, `{"model":"bench:json:512"}`), 512, "}}"},
		{"bytes", request(field, `{"model":"bench:bytes:100000"}`), 100000, "\x00"},
		{"a marker after a space, as gateways write JSON", request(field, `{"x": 1, "model": "bench:json:300"}`), 300, "}}"},
		{"a large body", request(field, `{"model":"bench:sink","x":"`+strings.Repeat("y", 100_000)+`"}`), 256, "}}"},
		{"a marker behind a large body", request(field, `{"messages":"`+strings.Repeat("y", 200_000)+`","model": "bench:json:300"}`), 300, "}}"},
		{"a chunked body", "POST / HTTP/1.1\r\n" + field + "Transfer-Encoding: chunked\r\n\r\n1a\r\n" + `{"model":"bench:json:300"}` + "\r\n0\r\n\r\n", 300, "}}"},
		{"events", request(field, `{"model":"bench:events:1000:3"}`), 3*len(fmt.Sprintf(eventText, 0)) + len("data: [DONE]\n\n"), "data: [DONE]\n\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			response, body := exchange(t, address, tc.request)
			if response.StatusCode != 200 || len(body) != tc.length || !strings.HasSuffix(body, tc.ends) {
				t.Errorf("status %d, %d bytes; want 200, %d bytes that end with %q", response.StatusCode, len(body), tc.length, tc.ends)
			}
		})
	}
}

func TestTheEndOfASilentExchangeIsSeen(t *testing.T) {
	server, address := upstream(t)
	c := testkit.Dial(t, address)
	if _, err := io.WriteString(c, request("api-key: "+Key+"\r\n", `{"model":"bench:silent:one"}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
		t.Fatal(err)
	}
	before := server.clock.Now()
	c.Close()
	for range 10_000 {
		server.mu.Lock()
		at, seen := server.departures["one"]
		server.mu.Unlock()
		if seen {
			if at < before {
				t.Errorf("seen at %d, before the client left at %d", at, before)
			}
			return
		}
		c, err := net.Dial("tcp", address) // lets the server's goroutine run
		testkit.Must(t, err)
		c.Close()
	}
	t.Error("the end was never seen")
}

func exchange(t *testing.T, address, request string) (*http.Response, string) {
	t.Helper()
	c := testkit.Dial(t, address)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	testkit.Must(t, err)
	body, err := io.ReadAll(response.Body)
	testkit.Must(t, err)
	return response, string(body)
}
