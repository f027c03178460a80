package service

import (
	"strings"
	"testing"
)

// TestThePageShowsTheCensus holds that the way out is on the page where a census counts,
// and not elsewhere.
func TestThePageShowsTheCensus(t *testing.T) {
	for conf, want := range map[string]bool{minimal: false, minimal + "census: {enabled: true}\n": true} {
		r := start(t, upstream(t), conf)
		r.raw("GET /v1/models HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer k1\r\nConnection: close\r\n\r\n")
		shows := func() bool {
			status, body := r.admin("GET", "/")
			return status == 200 && strings.Contains(body, "<strong>1</strong> callers.") && strings.Contains(body, "<strong>1</strong> of them")
		}
		if want {
			r.eventually("the census on the page", shows)
		} else if shows() {
			t.Error("there is no census, and the page shows one")
		}
		r.Stop("signal")
	}
}
