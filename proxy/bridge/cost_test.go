package bridge

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// bodies are requests as clients write them, model behind everything else.
func bodies(t testing.TB) map[string][]byte {
	t.Helper()
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	marshal := func(v any) []byte {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	last := func(field string, v any) []byte {
		return fmt.Appendf(nil, `{"%s":%s,"model":"gpt-4o"}`, field, marshal(v))
	}
	var talk []message
	for range 40 {
		talk = append(talk, message{"user", strings.Repeat("She said \"no\".\nThen she left, and nobody knew why. ", 100)})
	}
	vectors := make([][]int, 500)
	for i := range vectors {
		vectors[i] = []int{i, 17, 4711, 100257, 9, 220}
	}
	var tools []map[string]any
	for i := range 200 {
		tools = append(tools, map[string]any{"type": "function", "function": map[string]any{"name": fmt.Sprint("f", i),
			"parameters": map[string]any{"type": "object", "properties": map[string]any{"model": map[string]any{"type": "string"}, "n": []int{1, 2}}}}})
	}
	return map[string][]byte{
		"200 KB of text":       last("messages", talk),
		"2 MB of base64":       last("input", base64.StdEncoding.EncodeToString(make([]byte, 3<<19))),
		"lists of numbers":     last("input", vectors),
		"schemas of 200 tools": last("tools", tools),
	}
}

func TestACrossingAllocatesNothing(t *testing.T) {
	table := newTable(t, Options{To: Legacy, Models: models})
	toV1 := newTable(t, Options{To: V1, Models: models})
	var c Crossing
	room := make([]byte, 0, 512)
	for _, tc := range []struct {
		name  string
		table *Table
		request
	}{
		{"chat", table, post("/chat/completions?a=1", first)},
		{"an escaped name", table, post("/chat/completions", `{"\u006dodel":"gpt\u002d4o"}`)},
		{"responses", table, post("/responses", `{"model":"org/mod l"}`)},
		{"a form", table, postForm("/audio/transcriptions", form(`name="model"`, "gpt-4o"))},
		{"models", table, get("/models")},
		{"legacy chat", toV1, post("/openai/deployments/a%20b%2Fc/chat/completions?api-version=1", `{"model":null}`)},
	} {
		body := []byte(tc.request.body)
		r := Request{Method: []byte(tc.method), Path: []byte(tc.path), Query: []byte(tc.query), ContentType: []byte(tc.contentType), HasBody: len(body) > 0}
		allocs := testing.AllocsPerRun(100, func() {
			if err := tc.table.Begin(&c, &r); err != nil {
				t.Fatal(err)
			}
			for end := 1; c.NeedsBody(); end++ {
				rest := ToCome
				if end == len(body) {
					rest = None
				}
				if _, err := c.Scan(body[:end], rest); err != nil {
					t.Fatal(err)
				}
			}
			if c.Answer() == "" {
				c.AppendQuery(c.AppendPath(room))
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", tc.name, allocs)
		}
	}
}

func BenchmarkJSON(b *testing.B) {
	for name, body := range bodies(b) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				var s jsonScan
				for end := 0; end < len(body); { // as reads bring it
					end = min(end+16<<10, len(body))
					if err := s.scan(body[:end]); err != nil {
						b.Fatal(err)
					}
				}
				if !s.found {
					b.Fatal("not found")
				}
			}
		})
	}
}

func BenchmarkForm(b *testing.B) {
	body := []byte(form(`name="file"; filename="a.mp3"`, strings.Repeat("\r\n--\r\n-\x00abc", 500_000), `name="model"`, "gpt-4o"))
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		var s formScan
		if err := s.begin([]byte(formType)); err != nil {
			b.Fatal(err)
		}
		for end := 0; end < len(body); {
			end = min(end+16<<10, len(body))
			if err := s.scan(body[:end]); err != nil {
				b.Fatal(err)
			}
		}
		if !s.found {
			b.Fatal("not found")
		}
	}
}

func BenchmarkCrossing(b *testing.B) {
	table := newTable(b, Options{To: Legacy, Models: models})
	body, room := []byte(first), make([]byte, 0, 512)
	r := Request{Method: []byte("POST"), Path: []byte("/chat/completions"), ContentType: []byte(jsonType), HasBody: true}
	var c Crossing
	for b.Loop() {
		if err := table.Begin(&c, &r); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Scan(body, None); err != nil {
			b.Fatal(err)
		}
		c.AppendQuery(c.AppendPath(room))
	}
}
