package proxy

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/record"
)

// TestOldAnswersAreTold holds that an upstream which is dialed by an old answer of DNS is in
// the log and in the metrics.
func TestOldAnswersAreTold(t *testing.T) {
	var log bytes.Buffer
	m := record.NewMetrics("test", func() float64 { return 0 })
	e := NewEdge(zerolog.New(&log), io.Discard, m, nil)
	defer e.Close()
	conf := config.Default()
	conf.Upstreams = map[string]config.Upstream{"legacy": {URL: "https://legacy.test"}}
	s, err := e.Compile(conf.Complete())
	if err != nil {
		t.Fatal(err)
	}
	e.Use(s)
	u := e.registry.All()[0]
	u.OnOldAnswer(u.Name, time.Minute, errors.New("lookup legacy.test: server misbehaving"))
	u.Stats.OldAnswers.Add(1)
	if !strings.Contains(log.String(), `"upstream":"legacy"`) || !strings.Contains(log.String(), "server misbehaving") {
		t.Errorf("the log has %s", log.String())
	}
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, series := range f.Metric {
			if text := series.String(); strings.Contains(text, "old_answer") {
				if got := series.GetCounter().GetValue(); got != 1 {
					t.Errorf("%s, want 1", text)
				}
				return
			}
		}
	}
	t.Error("no metric tells of it")
}
