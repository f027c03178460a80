package record

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/hint"
	"github.com/apim-edge/apim-edge/proxy/usage"
	"github.com/apim-edge/apim-edge/rewrite"
)

// FuzzValuesAreWrittenAsByZerolog holds that access lines look as all other lines of the
// log do, whatever is in them.
func FuzzValuesAreWrittenAsByZerolog(f *testing.F) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	f.Add(every, int64(1))
	for _, ns := range []int64{0, -1, 999_999, 1_000_000, 1_234_567, 2_500_000_000, 1e15 - 1, 1e15, 1<<53 + 1, 1<<63 - 1} {
		f.Add([]byte("/openai/v1?q=\u2028\u00e9\xc3"), ns)
	}
	f.Fuzz(func(t *testing.T, text []byte, n int64) {
		var want bytes.Buffer
		told := zerolog.New(&want)
		told.Info().Bytes("bytes", text).Str("text", string(text)).Int64("number", n).Dur("ms", time.Duration(n)).Bool("flag", n > 0).Send()
		var l line
		l.begin()
		l.bytes(`,"bytes":`, text)
		l.text(`,"text":`, string(text))
		l.number(`,"number":`, n)
		l.milliseconds(`,"ms":`, time.Duration(n))
		l.flag(`,"flag":`, n > 0)
		if got := string(l.made) + "}\n"; got != want.String() {
			t.Errorf("%q and %d are written\n%s\nwant\n%s", text, n, got, want.String())
		}
	})
}

// linesOf returns the lines of records.
func linesOf(records ...*Record) string {
	var out bytes.Buffer
	access := NewAccessLog(&out, 1)
	for _, r := range records {
		access.Observe(r)
	}
	return out.String()
}

// TestAnAccessLineHasThisForm holds the order of its fields: of an exchange of which there is
// nothing to tell, and of one of which there is all.
func TestAnAccessLineHasThisForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where it is midnight of 2000-01-01
		now := `"time":"` + time.Now().UTC().Format(TimeFormat) + `","message":"exchange"}` + "\n"
		all := &Record{
			ID: []byte("1"), Method: []byte("POST"), Path: []byte(`/"`), Route: &Route{Name: `r"`}, Upstream: "u",
			Moved:  []Attempt{{Upstream: "v", Status: 429}, {Upstream: "w", Code: edgeerr.UpstreamConnectFailed}},
			Status: 502, Reason: rewrite.ReasonBearerKey, Caller: "c", Check: "k", Limit: "requests", UpstreamStatus: 503,
			Hint: hint.Unknown, APIMRequestID: []byte("7f"), Model: "m", Stray: "s", Retries: 2, Down: 5, Up: 6,
			FirstByte: 1500 * time.Microsecond, Duration: time.Second, Stream: true, Events: 3, Tokens: &usage.Tokens{},
			Code: edgeerr.UpstreamClosedEarly, Err: edgeerr.Wrap(edgeerr.UpstreamClosedEarly, errors.New("gone")),
			CORSRefused: "origin", Notes: 1,
		}
		for _, tc := range []struct {
			name string
			r    *Record
			want string
		}{
			{"nothing", &Record{}, `{"level":"info","request_id":"","method":"","path":"","status":0,"bytes":0,"bytes_up":0,"first_byte_ms":0,` +
				`"duration_ms":0,"stream":false,"client":"none","cause":"complete",`},
			{"all", all, `{"level":"info","request_id":"1","method":"POST","path":"/\"","route":"r\"","upstream":"u","status":502,"reason":"bearer_key",` +
				`"caller":"c","check":"k","limit":"requests","upstream_status":503,"hint":"unknown","apim_request_id":"7f",` +
				`"moved":["v=429","w=upstream_connect_failed"],"model":"m","stray":"s","retries":2,"bytes":5,"bytes_up":6,"first_byte_ms":1.5,` +
				`"duration_ms":1000,"stream":true,"client":"none","events":3,"tokens_in":0,"tokens_out":0,"cause":"upstream_closed_early",` +
				`"cors_refused":"origin","credential_notes":"` + rewrite.Notes(1).String() + `","error":"gone",`},
		} {
			if got := linesOf(tc.r); got != tc.want+now {
				t.Errorf("%s:\n%s\nwant\n%s", tc.name, got, tc.want+now)
			}
		}
	})
}

// TestALineHasTheTimeAtWhichItIsWritten holds it although the clock is not looked at for each.
func TestALineHasTheTimeAtWhichItIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		access := NewAccessLog(&out, 1)
		began := time.Now()
		for range 2500 { // more than two seconds
			out.Reset()
			access.Observe(&Record{Now: time.Since(began)})
			if want := `"time":"` + time.Now().UTC().Format(TimeFormat) + `"`; !strings.Contains(out.String(), want) {
				t.Fatalf("%v after the first line: %s want %s", time.Since(began), out.String(), want)
			}
			time.Sleep(time.Millisecond)
		}
	})
}
