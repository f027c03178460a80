package demo

import (
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/lookalike"
)

func TestWordsAreOnTheScreenAsSoonAsTheyEnd(t *testing.T) {
	var out strings.Builder
	w := wrapper{p: &printer{w: &out}, indent: "  ", next: "  ", limit: width}
	for _, tc := range []struct{ piece, want string }{
		{"You ", "  You"},
		{"sa", "  You"},
		{"id: ", "  You said:"},
		{"a\nb", "  You said: a\n"},
		{" ", "  You said: a\n  b"},
	} {
		if w.put(tc.piece); out.String() != tc.want {
			t.Errorf("after %q: got %q, want %q", tc.piece, out.String(), tc.want)
		}
	}
}

func TestNoLineIsWiderThanTheScreen(t *testing.T) {
	var out strings.Builder
	p := &printer{w: &out}
	p.explain("%s", strings.Repeat("naïve words ", 40))
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	for _, line := range lines {
		if n := len([]rune(line)); n > width || n < width/2 {
			t.Errorf("got a line of %d characters, want %d to %d: %q", n, width/2, width, line)
		}
	}
	if strings.Count(out.String(), "naïve") != 40 {
		t.Error("words were lost")
	}
}

func TestColorsTakeNoSpace(t *testing.T) {
	var out strings.Builder
	p := &printer{w: &out}
	p.line("12:00 \x1b[32m200\x1b[0m " + strings.Repeat("x", 61) + " \x1b[2mabc\x1b[0m\x1b[1md\x1b[0m after")
	want := "  12:00 \x1b[32m200\x1b[0m " + strings.Repeat("x", 61) + " \x1b[2mabc\x1b[0m\x1b[1md\x1b[0m\n      after\n"
	if out.String() != want {
		t.Errorf("got %q\nwant %q", out.String(), want)
	}
}

func TestWhatTheLookAlikeSaw(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  seenEnd
		want string
	}{
		{"an answer", seenEnd{lookalike.End{Method: "GET", Target: "/v1/models", Status: 401}, "none"}, "401 GET /v1/models, none"},
		{"a stream", seenEnd{lookalike.End{Method: "POST", Target: "/a", Status: 200, Events: 55}, "key-field"}, "200 POST /a, key-field, 55 events"},
		{"a departure", seenEnd{lookalike.End{Method: "POST", Target: "/a", Status: 200, Events: 2, Left: true}, "key-field"},
			"200 POST /a, key-field, 2 events, the client left"},
		{"a query, which may hold a key", seenEnd{lookalike.End{Method: "GET", Target: "/a?api-key=b", Status: 401}, "none"}, "401 GET /a, none"},
		{"orders for the terminal", seenEnd{lookalike.End{Method: "GET", Target: "/\u009b2J", Status: 404}, "none"}, "404 GET /%C2%9B2J, none"},
		{"no path", seenEnd{lookalike.End{Method: "OPTIONS", Target: "", Status: 404}, "none"}, "404 OPTIONS ?, none"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out strings.Builder
			(&printer{w: &out}).ended(tc.end)
			stamp, got, _ := strings.Cut(out.String(), " look-alike: ")
			if _, err := time.Parse("  15:04:05.000", stamp); err != nil || got != tc.want+"\n" {
				t.Errorf("got %q, want %q behind the time", out.String(), tc.want)
			}
		})
	}
}

func TestOpenable(t *testing.T) {
	for in, want := range map[string]string{
		"http://127.0.0.1:8080": "http://127.0.0.1:8080",
		"http://[::]:8080":      "http://localhost:8080",
		"http://0.0.0.0:8080":   "http://localhost:8080",
		"http://[::1]:8080":     "http://[::1]:8080",
		"http://[::1]:80":       "http://[::1]",
		"http://0.0.0.0:80":     "http://localhost",
	} {
		if got := openable(in); got != want {
			t.Errorf("openable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCommandsCanBeCopied(t *testing.T) {
	var out strings.Builder
	p := &printer{w: &out}
	p.command(python("http://127.0.0.1:8080"))
	if !strings.HasPrefix(out.String(), "python3 - <<'END'\nfrom openai") || !strings.HasSuffix(out.String(), "\nEND\n\n") {
		t.Errorf("got\n%s\nwant the lines as a shell takes them, without an indent", &out)
	}
}
