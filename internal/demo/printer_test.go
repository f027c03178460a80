package demo

import (
	"strings"
	"testing"
)

func TestWordsAreOnTheScreenAsSoonAsTheyEnd(t *testing.T) {
	var out strings.Builder
	w := wrapper{p: &printer{w: &out}, indent: "  "}
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

func TestOpenable(t *testing.T) {
	for in, want := range map[string]string{
		"http://127.0.0.1:8080": "http://127.0.0.1:8080",
		"http://[::]:8080":      "http://localhost:8080",
		"http://0.0.0.0:8080":   "http://localhost:8080",
		"http://[::1]:8080":     "http://[::1]:8080",
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
