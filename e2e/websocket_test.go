//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
)

// socketClient is a page's WebSocket, as Node has it. It says what it is told to, and
// tells how the WebSocket ended.
const socketClient = `
const [url, text] = process.argv.slice(1);
const ws = new WebSocket(url);
ws.onopen = () => ws.send(text);
ws.onmessage = (e) => {
  if (e.data === 'close') ws.close(1000);
  if (e.data === 'leave') process.kill(process.pid, 'SIGKILL');
};
ws.onclose = (e) => console.log(e.code, e.wasClean);
`

// TestAWebSocketThatWasClosedIsNoCut holds it with clients and a server that make the
// closing handshake (RFC 6455 section 7.1.2) by themselves, and leave without it.
func TestAWebSocketThatWasClosedIsNoCut(t *testing.T) {
	server := httptest.NewServer(websocket.Server{Handler: func(ws *websocket.Conn) {
		var text string
		for websocket.Message.Receive(ws, &text) == nil {
			switch text {
			case "server closes":
				text = "bye"
				defer ws.Close() //nolint:errcheck // the Close frame
			case "server leaves":
				return
			}
			_ = websocket.Message.Send(ws, text)
			if text == "bye" {
				return
			}
		}
		_ = ws.Close() // the answer to a Close frame
	}})
	defer server.Close()
	e := edge.Run(t, fmt.Sprintf("upstreams: {legacy: {url: %q}}\n", server.URL))
	for _, tc := range []struct{ says, told, cause string }{
		{"close", "1000 true\n", "complete"},
		{"server closes", "1000 true\n", "complete"},
		{"leave", "", "client_left"},
		{"server leaves", "1006 false\n", "upstream_aborted"},
	} {
		t.Run(tc.says, func(t *testing.T) {
			path := "/" + strings.ReplaceAll(tc.says, " ", "-")
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			out, err := exec.CommandContext(ctx, node(t), "-e", socketClient, "ws://"+e.Address()+path, tc.says).Output()
			if got := string(out); got != tc.told || err != nil && tc.told != "" {
				t.Errorf("the client tells %q (%v), want %q", got, err, tc.told)
			}
			line, err := e.AwaitLine("its access line", func(l edge.Line) bool { return l.Message == "exchange" && l.Path == path })
			if err != nil || line.Cause != tc.cause || line.Status != 101 {
				t.Errorf("access line %s (%v), want 101 and cause %s", strings.TrimSpace(line.Text), err, tc.cause)
			}
		})
	}
}
