package rewrite

import (
	"strings"
	"testing"
)

// sdkHead is the head that openai-python sends: 14 fields.
const sdkHead = `Host: edge
Accept-Encoding: gzip, deflate
Connection: keep-alive
Accept: application/json
Content-Type: application/json
User-Agent: OpenAI/Python 2.34.0
X-Stainless-Lang: python
X-Stainless-Package-Version: 2.34.0
X-Stainless-OS: Linux
X-Stainless-Arch: x64
X-Stainless-Runtime: CPython
X-Stainless-Runtime-Version: 3.13.5
x-stainless-retry-count: 0
`

// entraToken has the size of a token as Entra issues them.
var entraToken = strings.Replace(token, "c2VjcmV0", strings.Repeat("c2VjcmV0", 200), 1)

var hotCases = []struct{ name, head string }{
	{"bearer key", sdkHead + "Authorization: Bearer " + key},
	{"both keys", sdkHead + "Authorization: Bearer " + key + "\napi-key: " + key},
	{"token", sdkHead + "Authorization: Bearer " + entraToken},
	{"misplaced token", sdkHead + "api-key: " + entraToken},
	{"token and key", sdkHead + "Authorization: Bearer " + entraToken + "\napi-key: " + key},
	{"swapped", sdkHead + "Authorization: Bearer " + key + "\napi-key: " + entraToken},
	{"doubled scheme", sdkHead + "Authorization: Bearer Bearer " + key},
	{"api-version", sdkHead + "Authorization: Bearer " + key + "\n?api-version=2024-10-21"},
	{"query key", sdkHead + "\n?api-version=2024-10-21&subscription-key=" + key},
	{"subprotocol", sdkHead + "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key." + key},
	{"neighbour", sdkHead + "Authorization: Bearer " + key + "\napi_key: " + key},
	{"refused", sdkHead + "Authorization: Bearer a b"},
}

var hotPath = []byte("/openai/deployments/gpt-4.1/chat/completions")

// TestHotPathAllocatesNothing is the bound that a steady exchange relies on.
func TestHotPathAllocatesNothing(t *testing.T) {
	p := mustPolicy(t, Options{})
	dst := make([]byte, 0, 16<<10)
	for _, tc := range hotCases {
		fields, query := parseHead(tc.head)
		if n := testing.AllocsPerRun(100, func() {
			d := p.Decide(fields, query)
			out := p.AppendFields(dst, &d, fields)
			out, _ = p.AppendQuery(out, query)
			p.AppendRedactedQuery(out, query)
			p.AppendRedactedPath(out, hotPath)
		}); n != 0 {
			t.Errorf("%s: %v allocations, want 0", tc.name, n)
		}
	}
	path := []byte("/openai/v1/models/org%2Fmodel")
	if n := testing.AllocsPerRun(100, func() { _, _ = CheckPath(path) }); n != 0 {
		t.Errorf("CheckPath: %v allocations, want 0", n)
	}
	secret := []byte("/api%2Dkey/0123456789abcdef/x;Token%3dy/" + token + "/1.2.3")
	if n := testing.AllocsPerRun(100, func() { p.AppendRedactedPath(dst, secret); p.AppendRedactedQuery(dst, secret) }); n != 0 {
		t.Errorf("redaction: %v allocations, want 0", n)
	}
}

func BenchmarkDecide(b *testing.B) {
	p := mustPolicy(b, Options{})
	for _, tc := range hotCases {
		fields, query := parseHead(tc.head)
		b.Run(strings.ReplaceAll(tc.name, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d := p.Decide(fields, query)
				if d.Reason == ReasonNoCredential {
					b.Fatal("no credential seen")
				}
			}
		})
	}
}

func BenchmarkAppendFields(b *testing.B) {
	p := mustPolicy(b, Options{})
	dst := make([]byte, 0, 16<<10)
	for _, tc := range hotCases[:3] {
		fields, query := parseHead(tc.head)
		d := p.Decide(fields, query)
		b.Run(strings.ReplaceAll(tc.name, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.AppendFields(dst, &d, fields)
			}
		})
	}
}

func BenchmarkCheckPath(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := CheckPath(hotPath); err != nil {
			b.Fatal("refused")
		}
	}
}

func BenchmarkAppendRedactedQuery(b *testing.B) {
	p := mustPolicy(b, Options{})
	query, dst := []byte("api-version=2024-10-21"), make([]byte, 0, 1<<10)
	b.ReportAllocs()
	for b.Loop() {
		p.AppendRedactedQuery(dst, query)
	}
}

func BenchmarkAppendRedactedPath(b *testing.B) {
	p := mustPolicy(b, Options{})
	dst := make([]byte, 0, 1<<10)
	b.ReportAllocs()
	for b.Loop() {
		p.AppendRedactedPath(dst, hotPath)
	}
}

// Unusual headers leave the short scan: what that costs.
func BenchmarkIsTokenNested(b *testing.B) {
	value := []byte(compact(`{"alg":"RS256","crit":["b64"],"b64":false}`, 3))
	b.ReportAllocs()
	for b.Loop() {
		if !isToken(value) {
			b.Fatal("no token")
		}
	}
}
