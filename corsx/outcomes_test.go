package corsx

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestTheHotPathDoesNotAllocate(t *testing.T) {
	p := mustNew(t, Options{AllowedOrigins: []string{exactOrigin, "https://*.example.org"}, AllowCredentials: true})
	every := mustNew(t, origins("*"))
	buf := make([]byte, 0, 4096)
	method, from, wild := []byte("POST"), []byte(exactOrigin), []byte("https://a.example.org")
	names := [][]byte{[]byte("content-type"), []byte("x-ratelimit-limit-tokens"), []byte("openai-model"), []byte("access-control-allow-origin")}
	vary := [][]byte{[]byte("Accept-Encoding, Cookie"), []byte("origin")}
	for _, tc := range []struct {
		name string
		call func()
	}{
		{"AppendResponse to a listed origin", func() { p.AppendResponse(buf, method, from, names) }},
		{"AppendResponse to an origin under a wildcard", func() { p.AppendResponse(buf, method, wild, names) }},
		{"AppendResponse where every origin is allowed", func() { every.AppendResponse(buf, method, from, names) }},
		{"AppendResponse without an origin", func() { p.AppendResponse(buf, method, nil, names) }},
		{"AppendVary", func() { p.AppendVary(buf, vary) }},
		{"Allows", func() { p.Allows(from) }},
		{"Owned and Family", func() { Owned(names[3]); Family(names[1]) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := testing.AllocsPerRun(100, tc.call); got != 0 {
				t.Errorf("%v allocations, want none", got)
			}
		})
	}
}

func TestAPreflightCostsFewAllocations(t *testing.T) {
	p := mustNew(t, origins(exactOrigin))
	buf := make([]byte, 0, 4096)
	r := PreflightRequest{Origin: []byte(exactOrigin), Method: []byte("POST"), Headers: []byte(sdkPreflight)}
	const bound = 30
	if got := testing.AllocsPerRun(100, func() { p.Preflight(buf, r) }); got > bound {
		t.Errorf("%v allocations, want at most %d", got, bound)
	}
}

func TestInventedOriginsDoNotGrowMemory(t *testing.T) {
	kept := func(p *Policy) (n int) {
		for i := range p.outcomes.sets {
			for j := range p.outcomes.sets[i] {
				if p.outcomes.sets[i][j].Load() != nil {
					n++
				}
			}
		}
		return n
	}
	flood := func(p *Policy, pattern string) {
		for i := range 20 * outcomeSets * outcomeWays {
			p.AppendResponse(nil, []byte("POST"), fmt.Appendf(nil, pattern, i), nil)
		}
	}
	t.Run("refused ones are not kept and displace nothing", func(t *testing.T) {
		p := mustNew(t, origins(exactOrigin))
		first := p.outcome([]byte("POST"), []byte(exactOrigin))
		flood(p, "https://evil-%d.example.net")
		if got := kept(p); got != 1 || p.outcomes.find([]byte("POST"), []byte(exactOrigin)) != first {
			t.Errorf("%d outcomes kept, want the first one only", got)
		}
	})
	t.Run("those under a wildcard fill the table and no more", func(t *testing.T) {
		p := mustNew(t, origins("https://*.example.com"))
		flood(p, "https://page-%d.example.com")
		if got, want := kept(p), outcomeSets*outcomeWays; got != want {
			t.Errorf("%d outcomes kept, want %d", got, want)
		}
	})
	t.Run("where every origin is allowed they share one", func(t *testing.T) {
		p := mustNew(t, origins("*"))
		flood(p, "https://page-%d.example.com")
		if got := kept(p); got != 1 {
			t.Errorf("%d outcomes kept, want 1", got)
		}
	})
	t.Run("invented methods are not kept", func(t *testing.T) {
		p := mustNew(t, origins(exactOrigin))
		for i := range 1000 {
			p.AppendResponse(nil, fmt.Appendf(nil, "M%d", i), []byte(exactOrigin), nil)
		}
		if got := kept(p); got != 0 {
			t.Errorf("%d outcomes kept, want none", got)
		}
	})
}

// With the race detector this also shows that a Policy may be shared.
func TestAnAnswerIsNeverThatOfAnotherOrigin(t *testing.T) {
	p := mustNew(t, origins("https://*.example.com"))
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 2000 {
				from := fmt.Sprintf("https://p%d-%d.example.com", g%2, i%700)
				out, allowed := p.AppendResponse(nil, []byte("POST"), []byte(from), nil)
				if !allowed || !strings.HasPrefix(string(out), "Access-Control-Allow-Origin: "+from+"\r\n") {
					t.Errorf("%s got %q", from, out)
					return
				}
			}
		})
	}
	all.Wait()
}

// FuzzRequest holds for any bytes: the answers to a preflight and to a request
// are those of the library under net/http, save the listed differences; they are
// whole lines; and nobody else's origin comes out.
func FuzzRequest(f *testing.F) {
	f.Add(exactOrigin, "POST", sdkPreflight, false)
	f.Add("https://evil.test/.example.com", "POST", "Authorization, x", true)
	f.Add("https://a.example.com\r\nSet-Cookie: a=b", "GET\r\n", "a\r\nb", false)
	f.Add("null", "", ",,,", true)
	f.Add("https://\u212a.example.com", "OPTIONS", "\u212aey", false)
	f.Add("https://[::1].example.com", "GET", "\"a\",b", false)
	var pairs []pair
	for _, name := range slices.Sorted(maps.Keys(oracles)) {
		pairs = append(pairs, newPair(f, name))
	}
	f.Fuzz(func(t *testing.T, origin, method, headers string, private bool) {
		for _, p := range pairs {
			r := PreflightRequest{[]byte(origin), []byte(method), []byte(headers), private}
			p.comparePreflight(t, r)
			p.compareResponse(t, method, origin)
			out, allowed, _ := p.policy.Preflight(nil, r)
			if got := parse(t, out).Get("Access-Control-Allow-Origin"); allowed && got != origin && got != "*" {
				t.Fatalf("preflight of %q allowed for %q", origin, got)
			}
			out, _ = p.policy.AppendResponse(nil, []byte(method), []byte(origin), [][]byte{[]byte(headers)})
			if fields := parse(t, out); len(fields["Access-Control-Allow-Origin"]) > 1 || len(fields) > 3 {
				t.Fatalf("response to %q exposing %q: %q", origin, headers, out)
			}
		}
	})
}

func BenchmarkAppendResponse(b *testing.B) {
	p := mustNew(b, origins(exactOrigin))
	buf := make([]byte, 0, 4096)
	method, from := []byte("POST"), []byte(exactOrigin)
	names := [][]byte{[]byte("date"), []byte("content-type"), []byte("x-ratelimit-limit-tokens"), []byte("x-ratelimit-remaining-tokens"), []byte("openai-model")}
	b.ReportAllocs()
	for b.Loop() {
		p.AppendResponse(buf, method, from, names)
	}
}

func BenchmarkPreflight(b *testing.B) {
	p := mustNew(b, origins(exactOrigin))
	buf := make([]byte, 0, 4096)
	r := PreflightRequest{Origin: []byte(exactOrigin), Method: []byte("POST"), Headers: []byte(sdkPreflight)}
	b.ReportAllocs()
	for b.Loop() {
		p.Preflight(buf, r)
	}
}
