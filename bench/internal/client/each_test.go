package client

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// TestEachRequestIsSentOnce holds that a load of many requests sends none twice, leaves
// none out, and is over behind the last one.
func TestEachRequestIsSentOnce(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen[r.Header.Get("Authorization")]++
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	target := Target{Address: strings.TrimPrefix(server.URL, "http://")}
	var each [][]byte
	for n := range 100 {
		each = append(each, target.Showing(fmt.Sprint(n)).Request(Small, "json:2"))
	}
	l := &Closed{Target: target, Each: each, Connections: 7, Meter: NewMeter()}
	l.Start()
	<-l.Over()
	l.Stop()
	if l.Meter.Units.Load() != 100 || len(seen) != 100 || l.Meter.Errors.Load() != 0 {
		t.Errorf("%d came through, %d were seen, %d failed", l.Meter.Units.Load(), len(seen), l.Meter.Errors.Load())
	}
	for token, n := range seen {
		if n != 1 {
			t.Errorf("%s was sent %d times", token, n)
		}
	}
}
