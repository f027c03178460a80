package upstream

import (
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/rewrite"
)

func fieldsOf(text string) (all []rewrite.Field) {
	for line := range strings.SplitSeq(text, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		all = append(all, rewrite.Field{Name: []byte(name), Value: []byte(value)})
	}
	return all
}

var aNow = time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)

// TestTold holds how each spelling of "not before" is read.
func TestTold(t *testing.T) {
	for _, tc := range []struct {
		name, fields string
		want         time.Duration
	}{
		{"nothing", "Content-Type: application/json", 0},
		{"seconds", "Retry-After: 7", 7 * time.Second},
		{"seconds with a fraction, as some gateways write", "Retry-After: 0.5", 500 * time.Millisecond},
		{"milliseconds go before seconds", "retry-after: 1\nretry-after-ms: 40", 40 * time.Millisecond},
		{"milliseconds in any case", "Retry-After-Ms: 1500", 1500 * time.Millisecond},
		{"milliseconds that are none leave the seconds", "retry-after-ms: soon\nretry-after: 2", 2 * time.Second},
		{"a date", "Retry-After: Fri, 27 Nov 2026 10:00:30 GMT", 30 * time.Second},
		{"a date by the upstream's own clock", "Date: Fri, 27 Nov 2026 11:59:00 GMT\nRetry-After: Fri, 27 Nov 2026 12:00:00 GMT", time.Minute},
		{"a date of RFC 850", "Retry-After: Friday, 27-Nov-26 10:00:30 GMT", 30 * time.Second},
		{"a date of asctime", "Retry-After: Fri Nov 27 10:00:30 2026", 30 * time.Second},
		{"a date that is past", "Retry-After: Fri, 27 Nov 2026 09:00:00 GMT", 0},
		{"zero says nothing", "Retry-After: 0", 0},
		{"negative", "Retry-After: -5", 0},
		{"hexadecimal and exponents are no numbers", "Retry-After: 1e3\nretry-after-ms: 0x10", 0},
		{"a day is not believed", "Retry-After: 86400", longestTold},
		{"more digits than a number has", "Retry-After: 99999999999999999999999999999", longestTold},
		{"and even more", "Retry-After: " + strings.Repeat("9", 5000), 0},
		{"a year ahead", "Retry-After: Sat, 27 Nov 2027 10:00:00 GMT", longestTold},
		{"Azure's resets", "x-ratelimit-reset-requests: 10\nx-ratelimit-reset-tokens: 25", 25 * time.Second},
		{"OpenAI's resets", "x-ratelimit-reset-requests: 1s\nx-ratelimit-reset-tokens: 6m0s", 6 * time.Minute},
		{"a limit with something left is not the cause", "x-ratelimit-remaining-tokens: 5000\nx-ratelimit-reset-tokens: 60\nx-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 4", 4 * time.Second},
		{"the order of the fields does not matter", "x-ratelimit-reset-tokens: 60\nx-ratelimit-remaining-tokens: 5000", 0},
		{"the old spelling", "x-rate-limit-reset-tokens: 9", 9 * time.Second},
		{"resets yield to Retry-After", "x-ratelimit-reset-tokens: 60\nRetry-After: 3", 3 * time.Second},
		{"a reset that is nothing", "x-ratelimit-reset-tokens: later", 0},
		{"a negative reset", "x-ratelimit-reset-tokens: -1s", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Told(fieldsOf(tc.fields), aNow); got != tc.want {
				t.Errorf("Told(%.200q) = %v, want %v", tc.fields, got, tc.want)
			}
		})
	}
}

// FuzzTold holds that whatever an upstream writes is bounded, and harms nobody.
func FuzzTold(f *testing.F) {
	for _, seed := range []string{"Retry-After: 7", "retry-after-ms: 1.5.5", "Date: x\nRetry-After: Fri, 27 Nov 2026 10:00:30 GMT", "x-ratelimit-reset-tokens: 9999999h"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d := Told(fieldsOf(text), aNow); d < 0 || d > longestTold {
			t.Errorf("Told(%q) = %v", text, d)
		}
	})
}
