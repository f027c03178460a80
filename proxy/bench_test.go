package proxy

import (
	"testing"

	"github.com/apim-edge/apim-edge/internal/who"
	"github.com/apim-edge/apim-edge/proxy/head"
)

// What an exchange of an OpenAI SDK does with its heads: 14 fields up, 12 down.
var (
	sdkRequest = crlf("POST /openai/v1/chat/completions?api-version=2024-10-21 HTTP/1.1\nHost: edge.example.com\nAccept-Encoding: gzip, deflate\n" +
		"Connection: keep-alive\nAccept: application/json\nContent-Type: application/json\nUser-Agent: OpenAI/Python 2.34.0\n" +
		"X-Stainless-Lang: python\nX-Stainless-Package-Version: 2.34.0\nX-Stainless-OS: Linux\nX-Stainless-Arch: x64\n" +
		"X-Stainless-Runtime: CPython\nX-Stainless-Runtime-Version: 3.13.1\nAuthorization: Bearer 0123456789abcdef0123456789abcdef\nContent-Length: 1500\n\n")
	sdkResponse = crlf("HTTP/1.1 200 OK\nContent-Type: text/event-stream; charset=utf-8\nTransfer-Encoding: chunked\nCache-Control: no-cache\n" +
		"apim-request-id: 5e3a1b7c-0d5f-4a6e-9b1e-2f7d8c9a0b1c\nx-ms-region: Sweden Central\nx-ratelimit-remaining-requests: 149\n" +
		"x-ratelimit-remaining-tokens: 149000\nx-ms-deployment-name: gpt-4.1\nStrict-Transport-Security: max-age=31536000\n" +
		"X-Content-Type-Options: nosniff\nDate: Sat, 21 Nov 2026 09:00:00 GMT\n\n")
)

// hotFunctions are what every exchange goes through, but for its heads (package
// head), the credential rules (package rewrite), the relay (package relay) and the
// network (package wire).
func hotFunctions(tb testing.TB) map[string]func() {
	e, s := compiled(tb)
	x := exchangeOf(e, s)
	must := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	must(x.req.Parse(sdkRequest))
	x.client.store.callers = who.NewCache(who.NewHasher([]byte("k")))
	must(x.decide())
	must(x.attempt.resp.Parse(sdkResponse))
	return map[string]func(){
		"match":     func() { _, _ = s.Match(&x.req.Request) },
		"decide":    func() { must(x.decide()) },
		"meet":      func() { x.meet() },
		"note":      func() { x.kept = kept{array: x.kept.array[:0]}; x.note() },
		"forwarded": func() { x.fill(&head.Forwarded{}) },
		"relayed":   func() { _ = x.relayed() },
	}
}

func TestHotFunctionsAllocateNothing(t *testing.T) {
	for name, f := range hotFunctions(t) {
		f() // what is kept for the next exchange is made by the first
		if n := testing.AllocsPerRun(100, f); n > 0 {
			t.Errorf("%s allocates %v times, want 0", name, n)
		}
	}
}

func BenchmarkHotFunctions(b *testing.B) {
	for name, f := range hotFunctions(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
