package demo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func anyPorts(out io.Writer) Options {
	return Options{
		Out: out, Pace: time.Millisecond, Program: "apim-edge",
		EdgeStart: startEdge(nil), Doctor: fakeDoctor, Report: fakeReport,
		EdgeAddress: "127.0.0.1:0", AdminAddress: "127.0.0.1:0", PageAddress: "127.0.0.1:0", UpstreamAddress: "127.0.0.1:0",
	}
}

func TestOnceNoticesABrokenEdge(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change twist
		want   string
	}{
		{"that moves no key", func(out *http.Request) { out.Header.Del("api-key") }, "the edge should have relayed a 200"},
		{"that leaks the key in Authorization", func(out *http.Request) { out.Header.Set("Authorization", "Bearer x") }, "Authorization should not reach API Management"},
		{"that loses the question", func(out *http.Request) {
			body := `{"model":"gpt-4o","stream":true,"messages":[]}`
			out.Body, out.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		}, "the answer should repeat the question"},
		{"whose stream is not finished", func(out *http.Request) { out.Header.Set("x-lookalike-fault", "no-done") }, "the stream should end with [DONE]"},
		{"whose stream breaks off", func(out *http.Request) { out.Header.Set("x-lookalike-fault", "cut-chunked") }, "the stream broke off"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			opt := anyPorts(&out)
			opt.Once, opt.EdgeStart = true, startEdge(tc.change)
			err := Run(t.Context(), opt)
			if err == nil || !strings.Contains(out.String(), "NOT AS PROMISED: "+tc.want) {
				t.Errorf("got error %v and\n%s\nwant it to say %q", err, &out, tc.want)
			}
		})
	}
}

func TestTheEdgeThatDoesNotStartIsReported(t *testing.T) {
	wanted := errors.New("no such luck")
	opt := anyPorts(io.Discard)
	opt.EdgeStart = func(EdgeOptions) (Edge, error) { return Edge{}, wanted }
	if err := Run(t.Context(), opt); !errors.Is(err, wanted) {
		t.Errorf("got %v, want %v", err, wanted)
	}
}

// Where nothing is said of an interface, none is opened.
func TestAnAddressNeedsAPort(t *testing.T) {
	for _, change := range []func(*Options){
		func(o *Options) { o.EdgeAddress = "" },
		func(o *Options) { o.AdminAddress = "" },
		func(o *Options) { o.PageAddress = "" },
		func(o *Options) { o.UpstreamAddress = "127.0.0.1" },
	} {
		opt := anyPorts(io.Discard)
		opt.Once = true
		change(&opt)
		if err := Run(t.Context(), opt); err == nil || !strings.Contains(err.Error(), "missing port in address") {
			t.Errorf("got %v, want it to miss the port", err)
		}
	}
}

func TestAnEdgeWithoutALogIsNoticed(t *testing.T) {
	var out bytes.Buffer
	opt := anyPorts(&out)
	opt.Once, opt.patience = true, 100*time.Millisecond
	opt.EdgeStart = func(o EdgeOptions) (Edge, error) {
		o.Log = io.Discard
		return startEdge(nil)(o)
	}
	err := Run(t.Context(), opt)
	if want := "NOT AS PROMISED: the log of apim-edge should have a line of it"; err == nil || !strings.Contains(out.String(), want) {
		t.Errorf("got error %v and\n%s\nwant it to say %q", err, &out, want)
	}
}

func TestTakenPortsAreReplaced(t *testing.T) {
	taken := testkit.Listen(t)
	address := taken.Addr().String()
	var out bytes.Buffer
	opt := anyPorts(&out)
	opt.Once = true
	opt.EdgeAddress, opt.AdminAddress, opt.PageAddress, opt.UpstreamAddress = address, address, address, address
	testkit.Must(t, Run(t.Context(), opt))
	if n := strings.Count(out.String(), address+" is taken by another program"); n != 4 {
		t.Errorf("got %d notices of a taken port, want 4:\n%s", n, &out)
	}
}

// served is a demo that serves, and what it has shown until then.
type served struct {
	upstreamURL, edgeURL, adminURL, pageURL string

	text  string
	lines *bufio.Scanner // what comes after it
}

// serving runs the demo until the test ends, and returns once it invites.
func serving(t *testing.T, change func(*Options)) served {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w, err := os.Pipe() // holds what is printed, so that nobody waits for the reader
	testkit.Must(t, err)
	ended := make(chan error, 1)
	go func() {
		opt := anyPorts(w)
		change(&opt)
		ended <- Run(ctx, opt)
		w.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("after Ctrl-C: got %v, want no error", err)
		}
		r.Close()
	})
	s := served{lines: bufio.NewScanner(r)}
	var text strings.Builder
	for s.lines.Scan() {
		line := s.lines.Text()
		fmt.Fprintln(&text, line)
		for what, address := range map[string]*string{
			"a stand-in for": &s.upstreamURL, "apim-edge in front": &s.edgeURL, "its operator's page": &s.adminURL,
		} {
			if before, _, found := strings.Cut(line, what); found && strings.HasPrefix(line, "  http://") {
				*address = strings.TrimSpace(before)
			}
		}
		if pageURL, found := strings.CutPrefix(line, "  Origin: "); found {
			s.pageURL = pageURL
		}
		if strings.Contains(line, "Serving until") {
			s.text = text.String()
			return s
		}
	}
	t.Fatal("the demo ended before it invited")
	return served{}
}

func atOnce(o *Options) { o.Pace = time.Millisecond }

// TestEveryLineIsAsItShouldBe holds all that the demo prints until it only serves.
func TestEveryLineIsAsItShouldBe(t *testing.T) {
	s := serving(t, atOnce)
	for line := range strings.Lines(s.text) {
		asItCame := strings.HasPrefix(line, `  { "statusCode"`)
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width && !asItCame {
			t.Errorf("a line of %d characters, which breaks on a narrow terminal: %q", n, line)
		}
	}
	got := s.text
	for name, address := range map[string]string{"UPSTREAM": s.upstreamURL, "EDGE": s.edgeURL, "ADMIN": s.adminURL, "PAGE": s.pageURL} {
		got = strings.ReplaceAll(got, fmt.Sprintf("%-24s", address), "{"+name+"}")
		got = strings.ReplaceAll(got, address, "{"+name+"}")
	}
	// Times are measured, and the paragraph breaks where they let it.
	took := regexp.MustCompile(`(?s)events in (\S+), the\s+first\s+word\s+after\s+(\S+);\s+the\s+look-alike\s+pauses\s+1ms\s+between\s+two\.`)
	got = took.ReplaceAllString(got, "events in {TIME}, the first word after {TIME}; the look-alike pauses 1ms between two.")
	want := testkit.Read(t, "testdata/shown.txt")
	if got == want {
		return
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range gotLines {
		if i >= len(wantLines) || gotLines[i] != wantLines[i] {
			t.Fatalf("line %d differs from testdata/shown.txt; all of it:\n%s", i+1, got)
		}
	}
	t.Fatalf("lines of testdata/shown.txt are missing in\n%s", got)
}

// The lines to copy are those that people look for.
func TestLinesToCopyStandOut(t *testing.T) {
	s := serving(t, func(o *Options) { o.Pace, o.Color = time.Millisecond, true })
	for _, lines := range []string{
		curl(s.upstreamURL), curl(s.edgeURL), python(s.edgeURL), node(s.edgeURL), s.pageURL, s.adminURL + "/\n" + s.adminURL + "/metrics\n" + s.adminURL + "/config", "apim-edge demo --tour",
	} {
		for line := range strings.SplitSeq(lines, "\n") {
			if !strings.Contains(s.text, "\n"+bold+line+plain+"\n") {
				t.Errorf("want the line in bold: %q", line)
			}
		}
	}
	if faint := "\x1b[2m"; strings.Contains(s.text, faint) {
		t.Error("something is faint; some terminals make that hard to read")
	}
	if !strings.Contains(s.text, "\n  12:00:00.000 \x1b[32m200\x1b[0m POST "+path+"\n") {
		t.Errorf("want the log as it is on a terminal, in its colours:\n%s", s.text)
	}
}

func TestOnceEndsAfterTheShow(t *testing.T) {
	var out bytes.Buffer
	opt := anyPorts(&out)
	opt.Once = true
	if err := Run(t.Context(), opt); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if strings.Contains(out.String(), "Try it") || !strings.Contains(out.String(), "3. From a browser page") {
		t.Errorf("got\n%s\nwant the show and nothing else", &out)
	}
}

func TestServingShowsWhatUpstreamSaw(t *testing.T) {
	s := serving(t, func(o *Options) { o.Pace = readingPace }) // slow enough to leave in the middle
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}

	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	req, err := http.NewRequestWithContext(ctx, "POST", s.edgeURL+path+"?api-key=not-to-be-shown", strings.NewReader(question))
	testkit.Must(t, err)
	req.Header.Set("Authorization", "Bearer "+subscriptionKey)
	resp, err := client.Do(req)
	testkit.Must(t, err)
	id := resp.Header.Get("apim-request-id")
	if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	leave() // as the page's stop button does
	resp.Body.Close()

	var text string
	for !(strings.Contains(text, "key-field") && strings.Contains(text, "the client left") && strings.Contains(text, "12:00:00.000 200 POST")) {
		if !s.lines.Scan() {
			t.Fatalf("got\n%s\nwant what the look-alike saw, and the edge's log", text)
		}
		text += s.lines.Text() + "\n"
	}
	if strings.Contains(text, "not-to-be-shown") {
		t.Errorf("got\n%s\nwant no query: it can hold a key", text)
	}
	var end struct {
		Ended, Left bool
		Events      int
		Credential  string
	}
	testkit.JSON(t, testkit.Ask(t, client, http.MethodGet, s.pageURL+"/exchanges/"+id, "").Text, &end)
	if !end.Ended || !end.Left || end.Events == 0 || end.Credential != "key-field" {
		t.Errorf("got %+v, want an exchange that the client left, by the key in its field", end)
	}
	testkit.JSON(t, testkit.Ask(t, client, http.MethodGet, s.pageURL+"/exchanges/none", "").Text, &end)
	if end.Ended {
		t.Error("an exchange that never was has ended")
	}
}
