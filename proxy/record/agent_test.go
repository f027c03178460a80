package record

import (
	"fmt"
	"testing"
)

// TestAKnownAgentIsReadAsANewOne goes round more agents than are remembered: what is
// remembered and what is read anew are the same, and neither allocates.
func TestAKnownAgentIsReadAsANewOne(t *testing.T) {
	var agents Agents
	texts := [][]byte{nil, []byte("Mozilla/5.0"), []byte("somebody/1.2")}
	for i := range 200 {
		texts = append(texts, fmt.Appendf(nil, "OpenAI/Python 2.34.%d", i))
	}
	for range 3 {
		for _, text := range texts {
			for range 2 {
				family, version := agents.Look(text)
				if want := FamilyOf(text); family != want || version != VersionOf(text, want) {
					t.Fatalf("%q: %v %s, want %v %s", text, family, version, want, VersionOf(text, want))
				}
			}
		}
	}
	i := 0
	if n := testing.AllocsPerRun(1000, func() { i++; agents.Look(texts[i%len(texts)]) }); n > 0 {
		t.Errorf("a look allocates %v times", n)
	}
}

func BenchmarkAgents(b *testing.B) {
	for _, text := range []string{"OpenAI/Python 2.34.0", "curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"} {
		agent := []byte(text)
		b.Run(text[:6]+", searched", func(b *testing.B) {
			for b.Loop() {
				VersionOf(agent, FamilyOf(agent))
			}
		})
		b.Run(text[:6]+", known", func(b *testing.B) {
			var agents Agents
			for b.Loop() {
				agents.Look(agent)
			}
		})
	}
}
