//go:build e2e

package migration

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// setBack sets every time of a census file back by a day: what happened today then happened
// yesterday. It knows of the file only that each line is a JSON object.
func setBack(t *testing.T, file string) {
	t.Helper()
	text := testkit.Read(t, file)
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	for line := range strings.Lines(text) {
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.UseNumber()
		var object any
		if err := decoder.Decode(&object); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		testkit.Must(t, encoder.Encode(aDayEarlier("", object)))
	}
	testkit.Write(t, file, out.String())
}

// aDayEarlier is the value of a member of a JSON object in which each time, and each date
// that is called one, is a day earlier. An api-version is a date as well.
func aDayEarlier(name string, value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name := range v {
			v[name] = aDayEarlier(name, v[name])
		}
	case []any:
		for i := range v {
			v[i] = aDayEarlier(name, v[i])
		}
	case string:
		layout := time.RFC3339Nano
		if name == "date" {
			layout = time.DateOnly
		}
		if at, err := time.Parse(layout, v); err == nil {
			return at.Add(-24 * time.Hour).Format(layout)
		}
	}
	return value
}

// TestADayEarlier: times and dates move, and nothing that only looks like one.
func TestADayEarlier(t *testing.T) {
	var object any
	const from = `{"a":[{"last":"2026-03-01T10:00:00.5Z","date":"2026-03-01","api_version":"2024-10-21","n":12345678901234567}]}`
	decoder := json.NewDecoder(strings.NewReader(from))
	decoder.UseNumber()
	testkit.Must(t, decoder.Decode(&object))
	got, err := json.Marshal(aDayEarlier("", object))
	testkit.Must(t, err)
	const want = `{"a":[{"api_version":"2024-10-21","date":"2026-02-28","last":"2026-02-28T10:00:00.5Z","n":12345678901234567}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
