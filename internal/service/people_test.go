package service

import (
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// TestTheLogForPeople holds the lines of a terminal as they are, behind the time.
func TestTheLogForPeople(t *testing.T) {
	exchange := func(status int, path, reason, cause string, took time.Duration, more func(*zerolog.Event)) func(*zerolog.Logger) {
		return func(log *zerolog.Logger) {
			line := log.Info().Str("request_id", "7f").Str("method", "POST").Str("path", path).Str("route", "openai").Str("upstream", "legacy").
				Int("status", status).Int("upstream_status", status).Int64("bytes", 12).Dur("first_byte_ms", took).Dur("duration_ms", took).
				Bool("stream", true).Str("client", "curl").Str("cause", cause)
			if reason != "" {
				line.Str("reason", reason)
			}
			if more != nil {
				more(line)
			}
			line.Msg("exchange")
		}
	}
	for _, tc := range []struct {
		name  string
		write func(*zerolog.Logger)
		want  string
		color string // of the level or the status
	}{
		{"an exchange", exchange(200, "/openai/v1/responses", "bearer_key", "complete", 1234*time.Millisecond, nil),
			"200 POST /openai/v1/responses 1.23s bearer_key complete", "32"},
		{"a stream", exchange(200, "/a", "token", "complete", 83400*time.Millisecond, func(e *zerolog.Event) { e.Int64("events", 812) }),
			"200 POST /a 1m23s token complete events=812", "32"},
		{"a 401 of upstream", exchange(401, "/a", "no_credential", "complete", 41*time.Millisecond, func(e *zerolog.Event) { e.Str("apim_request_id", "a1") }),
			"401 POST /a 41ms no_credential complete apim_request_id=a1 request_id=7f route=openai upstream=legacy", "33"},
		{"an error of the edge", exchange(502, "/a", "bearer_key", "upstream_connect_failed", 417*time.Microsecond, func(e *zerolog.Event) { e.Int("upstream_status", 0).Str("error", "dial: refused") }),
			`502 POST /a 420µs bearer_key upstream_connect_failed error="dial: refused" request_id=7f route=openai upstream=legacy upstream_status=0`, "31"},
		{"a departure", exchange(0, "/a", "token", "client_left", 3*time.Second, nil),
			"--- POST /a 3s token client_left request_id=7f route=openai upstream=legacy", "90"},
		{"a redirect", exchange(302, "/a", "token", "complete", time.Millisecond, nil), "302 POST /a 1ms token complete", "36"},
		{"what would command the terminal", exchange(400, "/\x1b[2J\u009b1m\r\n", "", "request_malformed", time.Millisecond, nil),
			`400 POST "/\x1b[2J\u009b1m\r\n" 1ms request_malformed request_id=7f route=openai upstream=legacy`, "33"},
		{"any other line", func(log *zerolog.Logger) { log.Warn().Str("upstream", "legacy").Msg("an upstream cannot be reached") },
			"WRN an upstream cannot be reached upstream=legacy", "33"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, color := range []bool{false, true} {
				var out strings.Builder
				log := zerolog.New(people(&out, color)).With().Timestamp().Logger()
				tc.write(&log)
				got, marks := withoutColor(out.String())
				_, got, _ = strings.Cut(got, " ")
				if got != tc.want+"\n" {
					t.Errorf("\n%s\nwant\n%s", got, tc.want)
				}
				if first := "\x1b[" + tc.color + "m" + tc.want[:3] + "\x1b[0m"; strings.Contains(out.String(), first) != color || (marks > 0) != color {
					t.Errorf("colour %v: %q", color, out.String())
				}
			}
		})
	}
}

// withoutColor takes the orders for colours out of a text.
func withoutColor(text string) (plain string, count int) {
	parts := strings.Split(text, "\x1b[")
	for i, part := range parts[1:] {
		_, parts[i+1], _ = strings.Cut(part, "m")
	}
	return strings.Join(parts, ""), len(parts) - 1
}
