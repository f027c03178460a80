package demo

import (
	"bufio"
	"bytes"
	"net/http"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// pressing runs a demo that serves and returns what it shows between two keys. It presses
// q last, which ends it.
func pressing(t *testing.T, change func(*Options), keys string) (shown []string) {
	t.Helper()
	pressed := make(chan byte)
	r, w, err := os.Pipe()
	testkit.Must(t, err)
	defer r.Close()
	ended := make(chan error, 1)
	go func() {
		opt := anyPorts(w)
		opt.Keys = pressed
		change(&opt)
		err := Run(t.Context(), opt)
		w.Close()
		ended <- err
	}()
	lines := bufio.NewScanner(r)
	until := func(end string) string {
		var text strings.Builder
		for lines.Scan() {
			text.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), end) {
				return text.String()
			}
		}
		t.Fatalf("the demo ended:\n%s", &text)
		return ""
	}
	shown = append(shown, until("Serving until"))
	for i := range keys {
		press(t, pressed, ended, keys[i])
		press(t, pressed, ended, '?') // its answer is the end of that of the key before it
		shown = append(shown, until("q  leave"))
	}
	press(t, pressed, ended, 'q')
	for lines.Scan() { // what came late
	}
	if err := <-ended; err != nil {
		t.Errorf("after q: got %v, want no error", err)
	}
	return shown
}

// press presses a key of a demo that has not ended: nobody would take it then.
func press(t *testing.T, pressed chan<- byte, ended <-chan error, key byte) {
	t.Helper()
	select {
	case pressed <- key:
	case err := <-ended:
		t.Fatalf("the demo ended before %q was pressed: %v", key, err)
	}
}

// TestTheKeyForThe401 holds what the README says that 4 shows: one request, two answers.
func TestTheKeyForThe401(t *testing.T) {
	shown := pressing(t, func(*Options) {}, "4")
	if !strings.Contains(shown[0], "\n  4  what the 401 would look like") {
		t.Errorf("got\n%s\nwant the keys", shown[0])
	}
	for _, want := range []string{
		"\n  Straight to API Management             Through apim-edge\n",
		"\n  401 Unauthorized                       200 OK\n",
		"\n  Authorization: Bearer                  Authorization: Bearer\n",
		"\n  { \"statusCode\": 401, \"message\":",
		"  You said: Hello\n",
	} {
		if !strings.Contains(shown[1], want) {
			t.Errorf("got\n%s\nwant %q in it", shown[1], want)
		}
	}
	for line := range strings.Lines(shown[1]) {
		if n := utf8.RuneCountInString(line) - 1; n > width {
			t.Errorf("a line of %d characters: %q", n, line)
		}
	}
	if strings.Contains(shown[1], "NOT AS PROMISED") {
		t.Errorf("got\n%s", shown[1])
	}
}

func TestColumnsStandBesideEachOtherInColour(t *testing.T) {
	var out bytes.Buffer
	p := &printer{w: &out, color: true}
	p.beside([]string{p.style(red, "401 Unauthorized"), "one", "two"}, []string{p.style(green, "200 OK")})
	want := "  " + red + "401 Unauthorized" + plain + strings.Repeat(" ", half-16) + "  " + green + "200 OK" + plain + "\n  one\n  two\n"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}

func TestEachKeyDoesWhatItSays(t *testing.T) {
	shown := pressing(t, func(*Options) {}, "drx")
	for i, want := range []string{"apim-edge doctor --upstream", "The edge is still needed.", "4  what the 401"} {
		if !strings.Contains(shown[1+i], want) {
			t.Errorf("got\n%s\nwant %q in it", shown[1+i], want)
		}
	}
}

// TestNoKeysWithoutAKeyboard holds that nobody is told to press what cannot be pressed.
func TestNoKeysWithoutAKeyboard(t *testing.T) {
	if s := serving(t, atOnce); strings.Contains(s.text, "Keys to press") {
		t.Errorf("got\n%s\nwant no word of keys", s.text)
	}
}

// TestTheTokenOfTheAdminListenerIsSaid holds it for listeners that others can reach, and
// that the demo itself shows it.
func TestTheTokenOfTheAdminListenerIsSaid(t *testing.T) {
	const token = "MADE-UP-FOR-THIS-RUN"
	shown := pressing(t, func(o *Options) {
		o.EdgeStart = func(eo EdgeOptions) (Edge, error) {
			edge, err := startEdge(nil)(eo)
			edge.AdminToken = token
			return edge, err
		}
	}, "")
	if want := "it asks for a token. That of this run is"; !strings.Contains(shown[0], want) || !strings.Contains(shown[0], token) {
		t.Errorf("got\n%s\nwant %q and the token", shown[0], want)
	}
	var authorization string
	url, stop, err := serve("127.0.0.1:0", func(_ http.ResponseWriter, r *http.Request) { authorization = r.Header.Get("Authorization") })
	testkit.Must(t, err)
	defer stop()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	d := &demo{adminURL: url, edge: Edge{AdminToken: token}, scraper: &http.Client{Transport: transport}}
	if _, err := d.admin(t.Context(), "/"); err != nil || authorization != "Bearer "+token {
		t.Errorf("got %v and the field %q, want the token shown", err, authorization)
	}
}
