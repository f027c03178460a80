package demo

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestTheTour(t *testing.T) {
	var out bytes.Buffer
	opt := anyPorts(&out)
	opt.Once, opt.Tour = true, true
	if err := Run(t.Context(), opt); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"1 of 8.", "8 of 8. Your own API", "401 Unauthorized", "200 OK", "The client has left.",
		"Access-Control-Allow-Origin", "requests were sent", "finished exchanges", "The edge is still needed.", "--write edge.yaml"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got\n%s\nwant %q in it", &out, want)
		}
	}
	if strings.Contains(out.String(), "Any key") {
		t.Errorf("got\n%s\nwant no word of keys where nobody can press one", &out)
	}
}

// TestTheTourNoticesWhatIsNotAsPromised holds it for what the show does not have.
func TestTheTourNoticesWhatIsNotAsPromised(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"a doctor that finds another field", func(o *Options) {
			o.Doctor = func(context.Context, string, string) (Verdict, error) { return Verdict{KeyField: "x"}, nil }
		}, "the doctor should have found that the API looks into api-key"},
		{"a doctor that fails", func(o *Options) {
			o.Doctor = func(context.Context, string, string) (Verdict, error) { return Verdict{}, errors.New("it is ill") }
		}, "it is ill"},
		{"a report that needs no edge", func(o *Options) {
			o.Report = func(context.Context, Edge) (Account, error) { return Account{Summary: "All is well."}, nil }
		}, "the report should say that the edge is needed"},
		{"an edge that holds the stream back", func(o *Options) {
			o.EdgeStart = startEdge(func(out *http.Request) { out.Header.Set("x-lookalike-events", "2") })
		}, "the events should have come before the client left"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			opt := anyPorts(&out)
			opt.Once, opt.Tour = true, true
			tc.change(&opt)
			if err := Run(t.Context(), opt); err == nil || !strings.Contains(out.String(), "NOT AS PROMISED: "+tc.want) {
				t.Errorf("got error %v and\n%s\nwant it to say %q", err, &out, tc.want)
			}
		})
	}
}

// TestTheTourWaitsForKeys holds that it goes on by one, and ends by q wherever it is.
func TestTheTourWaitsForKeys(t *testing.T) {
	pressed := make(chan byte)
	var out bytes.Buffer
	opt := anyPorts(&out)
	opt.Tour, opt.Keys = true, pressed
	ended := make(chan error, 1)
	go func() { ended <- Run(t.Context(), opt) }()
	press(t, pressed, ended, '\r')
	press(t, pressed, ended, 'q')
	if err := <-ended; err != nil {
		t.Errorf("after q: got %v, want no error", err)
	}
	if text := out.String(); strings.Count(text, "Any key goes on, q leaves.") != 2 || !strings.Contains(text, "2 of 8.") || strings.Contains(text, "3 of 8.") {
		t.Errorf("got\n%s\nwant two steps", text)
	}
}
