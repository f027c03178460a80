package config

import (
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

func TestParseRate(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"600/m": 100 * time.Millisecond, "10/s": 100 * time.Millisecond, "5000/h": 720 * time.Millisecond, "1/d": 24 * time.Hour, "1/s": time.Second,
	} {
		r, ok := ParseRate(text)
		if !ok || r.Every() != want {
			t.Errorf("%s: one each %v, %v, want each %v", text, r.Every(), ok, want)
		}
	}
	for _, text := range []string{"", "600", "/m", "600/", "600/M", "0/s", "-1/s", "1.5/s", " 1/s", "1/s ", "1e3/s", "9999999999/s", "600/w"} {
		if r, ok := ParseRate(text); ok {
			t.Errorf("%q is read as %v", text, r)
		}
	}
}

// TestABurstThatIsNotWritten holds what it is then: not one, which would refuse each SDK
// that asks for two things at once.
func TestABurstThatIsNotWritten(t *testing.T) {
	for requests, want := range map[string]int{"600/m": 60, "10/s": 10, "5/h": 5, "50/m": 10, "1/s": 1, "90000/s": 9000, "90000000/d": 100000} {
		if got := (RouteLimits{Requests: requests}).complete().Burst; got != want {
			t.Errorf("%s: a burst of %d, want %d", requests, got, want)
		}
	}
	if got := (RouteLimits{Requests: "600/m", Burst: 1}).complete().Burst; got != 1 {
		t.Errorf("a burst that is written becomes %d", got)
	}
	if got := (RouteLimits{Concurrent: 5}).complete(); got.Burst != 0 || got.Per != "credential" {
		t.Errorf("a limit of what runs has become %+v", got)
	}
}

func TestLimitsInWords(t *testing.T) {
	for want, l := range map[string]RouteLimits{
		"600/m, of which 60 at once and 50 at a time, for each credential": {Requests: "600/m", Concurrent: 50},
		"5 at a time, for all together":                                    {Per: "route", Concurrent: 5},
		"10/s, of which 3 at once, for each client's address":              {Per: "address", Requests: "10/s", Burst: 3},
	} {
		if got := l.complete().Text(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestParseStore(t *testing.T) {
	for text, want := range map[string]Store{
		"redis://store":                          {Address: "store:6379", Host: "store"},
		"rediss://edge@store.example.com:6380/2": {Address: "store.example.com:6380", Host: "store.example.com", TLS: true, User: "edge", Database: 2},
		"REDISS://store:":                        {Address: "store:6379", Host: "store", TLS: true},
		"redis://[::1]:7000/":                    {Address: "[::1]:7000", Host: "::1"},
	} {
		if got, fault := ParseStore(text); got != want || fault != "" {
			t.Errorf("%s: got %+v, %q, want %+v", text, got, fault, want)
		}
	}
	for _, text := range []string{"", "redis://", "redis:store", "redis://:hunter2@store", "redis://store/-1", "redis://store/+1", "redis://store/-0", "redis://store/%31", "redis://store/1/2", "redis://store#x", "redis://store?"} {
		if got, fault := ParseStore(text); fault == "" || strings.Contains(fault, "hunter2") {
			t.Errorf("%s: got %+v and the fault %q", text, got, fault)
		}
	}
}

// TestLimits loads what the documentation shows, and again from what is shown of it.
func TestLimits(t *testing.T) {
	t.Setenv("REDIS_PASSWORD", "s3cret")
	cfg := mustLoad(t, Options{File: testkit.File(t, "edge.yaml", `upstreams: {legacy: {url: https://contoso.azure-api.net}}
routes: {openai: {limits: {per: credential, requests: "600/m", burst: 60, concurrent: 50}}}
shared: {redis: "rediss://store.example.com:6380", password: "env:REDIS_PASSWORD"}
`)})
	want := RouteLimits{Per: "credential", Requests: "600/m", Burst: 60, Concurrent: 50}
	if got := cfg.Routes["openai"].Limits; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if warnings := cfg.Warnings(); len(warnings) > 0 {
		t.Errorf("warnings: %v", warnings)
	}
	again := mustLoad(t, Options{File: testkit.File(t, "masked.yaml", dump(t, cfg))})
	if again.Routes["openai"].Limits != want || again.Shared != cfg.Shared {
		t.Errorf("loaded from what Masked shows: got %+v and %+v", again.Routes["openai"].Limits, again.Shared)
	}
}

func TestWhatAStoreIsWarnedOf(t *testing.T) {
	t.Setenv("REDIS_PASSWORD", "s3cret")
	const up = "upstreams: {legacy: {url: https://contoso.azure-api.net}}\n"
	const limited = up + "routes: {openai: {limits: {requests: \"600/m\"}}}\n"
	for _, tc := range []struct{ name, file, want string }{
		{"nothing to count", up + `shared: {redis: "redis://127.0.0.1", password: "env:REDIS_PASSWORD"}`, "nothing is counted there"},
		{"no TLS", limited + `shared: {redis: "redis://store.example.com", password: "env:REDIS_PASSWORD"}`, "can be read on the way"},
		{"no password", limited + `shared: {redis: "redis://127.0.0.1"}`, "shared.password: without a password"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := mustLoad(t, Options{File: testkit.File(t, "edge.yaml", tc.file)})
			if got := cfg.Warnings(); len(got) != 1 || !strings.Contains(got.Error(), tc.want) {
				t.Errorf("got %v, want one with %q", got, tc.want)
			}
		})
	}
}
