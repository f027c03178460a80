//go:build e2e

package export

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// lines returns the values of a field at the upstream, if it was asked.
func lines(name string) func(outcome) string {
	return func(o outcome) string {
		if o.seen == nil {
			return fmt.Sprint("not asked: ", o.status)
		}
		return fmt.Sprintf("%q", o.seen.Header.Values(name))
	}
}

// TestGapsAreReal: what the list names does differ, and what differs here is in the list.
func TestGapsAreReal(t *testing.T) {
	up := startRecorder(t, false)
	all := sides(t, up, fmt.Sprintf(configuration, `{}`), secrets{})
	for _, tc := range []struct {
		id, head string
		look     func(outcome) string
	}{
		{"connection-options", head("/a", "", "Connection", "x-own", "X-Own", "1"), lines("X-Own")},
		{"fields-with-underscores", head("/a", "", "x_own", "1"), lines("X_own")},
		{"escaped-query-names", head("/a", "Subscription%2Dkey=abc"), lines("Api-Key")},
		{"escaped-query-keys", head("/a", "subscription-key=%61bc"), lines("Api-Key")},
		{"subprotocol-lines", head("/a", "", "Sec-WebSocket-Protocol", "openai-insecure-api-key.abc", "sec-websocket-protocol", "realtime"), lines("Api-Key")},
		{"refusals", head("/a", "", "Authorization", "Bearer a b"), func(o outcome) string { return fmt.Sprint(strings.Contains(o.body, "malformed_credential")) }},
		{"token-by-its-text", head("/a", "", "Authorization", "Bearer "+compact(`{"\u0061lg":"RS256"}`, 3)), lines("Api-Key")},
	} {
		t.Run(tc.id, func(t *testing.T) {
			want := ""
			for i, s := range all {
				got := tc.look(s.ask(t, up, tc.head))
				if i == 0 {
					want = got
					continue
				}
				alias := map[string]string{"escaped-query-names/nginx": "escaped-query-keys", "token-by-its-text/haproxy": "token-by-its-header"}
				id := tc.id
				if other := alias[id+"/"+s.name]; other != "" {
					id = other
				}
				if differs := got != want; differs && !s.doc.lists(id) || !differs && s.doc.lists(id) && id == tc.id {
					t.Errorf("%s: %s, edge: %s; the list names %q: %t", s.name, got, want, id, s.doc.lists(id))
				}
			}
		})
	}
}

// TestTrailersAndCuts: the same of the ends of answers, at an upstream of sockets.
func TestTrailersAndCuts(t *testing.T) {
	const trailing = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n2\r\nok\r\n0\r\nX-End: yes\r\n\r\n"
	const short = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok"
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"
	for _, tc := range []struct{ id, answer string }{{"trailers", trailing}, {"cuts", short}, {"", chunked}} {
		t.Run("ends "+tc.id, func(t *testing.T) {
			l := testkit.Listen(t)
			go answerAll(l, tc.answer)
			up := startRecorder(t, false)
			config := strings.Replace(fmt.Sprintf(configuration, `{}`), "UPSTREAM", l.Addr().String(), 1)
			want := ""
			for i, s := range sides(t, up, config, secrets{}) {
				got := ending(t, s.address)
				if i == 0 {
					want = got
					continue
				}
				if differs := got != want; differs != (tc.id != "" && s.doc.lists(tc.id)) {
					t.Errorf("%s: %s; edge: %s; the list names %q: %t", s.name, got, want, tc.id, s.doc.lists(tc.id))
				}
			}
		})
	}
}

// answerAll gives every request on every connection the same answer, and closes.
func answerAll(l net.Listener, answer string) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.WriteString(conn, answer)
			}
		}()
	}
}

// ending says how the answer to a request ends.
func ending(t *testing.T, address string) string {
	t.Helper()
	conn := testkit.Dial(t, address)
	_, _ = io.WriteString(conn, head("/a", "", "TE", "trailers", "Connection", "TE"))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err.Error()
	}
	body, err := io.ReadAll(resp.Body)
	switch {
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case err != nil:
		return fmt.Sprintf("%q and then %v", body, err)
	}
	return fmt.Sprintf("%q, trailer %q", body, resp.Trailer.Get("X-End"))
}
