//go:build e2e

package faults

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/load"
	"github.com/apim-edge/apim-edge/e2e/internal/raw"
)

// TestFloodsOfFields: heads that never end are refused at limits.head, or at the
// number of fields that a head may have, and cost no more than that.
func TestFloodsOfFields(t *testing.T) {
	t.Parallel()
	s := abused(t, sides{}, "", "")
	before, pss := s.quiet(), s.memory("Pss")
	most := s.watchMemory()
	served := s.startOthers("300 clients sending fields without end")
	s.abuse(abusers, func(a *abuser) error {
		status, code := 431, "head_too_large"
		switch a.number % 4 {
		case 0:
			_ = a.say(a.head("POST", small))
			a.pour("X: "+strings.Repeat("a field of some length ", 10)+"\r\n", 1<<20)
		case 1:
			_ = a.say(a.head("POST", small) + "X: ")
			a.pour("one long field ", 1<<20)
		case 2:
			status, code = 414, "uri_too_long"
			_ = a.say("GET /")
			a.pour("a-long-target/", 1<<20)
		case 3:
			status, code = 400, "request_malformed"
			_ = a.say(a.head("POST", small))
			a.pour("X: short\r\n", 1<<20)
		}
		if err := a.answer("POST", status, code); err != nil {
			return err
		}
		return a.ended()
	})
	<-served
	wantWithin(t, "heads without end", abusers, pss, most(), 160<<10)
	s.wantCauses("head_too_large", abusers/4*2)
	s.wantCauses("uri_too_long", abusers/4)
	s.wantCauses("request_malformed", abusers/4)
	s.wantQuiet(before)
	s.drained()
}

// TestGiantPreflights: preflights that name as many fields as a head has room for
// are answered by the edge alone, larger ones are refused so that the page sees
// why.
func TestGiantPreflights(t *testing.T) {
	t.Parallel()
	const each = 20
	s := abused(t, sides{}, "", "")
	before, pss := s.quiet(), s.memory("Pss")
	most := s.watchMemory()
	served := s.startOthers("300 clients sending giant preflights")
	s.abuse(abusers, func(a *abuser) error {
		head := "OPTIONS /abuse HTTP/1.1\r\nHost: edge\r\nX-Request-Id: " + a.nonce + "\r\nOrigin: " + load.Origin +
			"\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: "
		giant := head + strings.Repeat("x-stainless-os,", 60<<10/15) + "x-last\r\n\r\n"
		for range each {
			if err := a.say(giant); err != nil {
				return err
			}
			resp, err := http.ReadResponse(a.In, &http.Request{Method: "OPTIONS"})
			if err != nil || resp.StatusCode >= 500 || resp.Header.Get("X-Nonce") != "" {
				return fmt.Errorf("answer %v, %v", resp, err)
			}
		}
		_ = a.say(head)
		a.pour("x-stainless-os,", 1<<20)
		resp, err := http.ReadResponse(a.In, &http.Request{Method: "OPTIONS"})
		if err != nil || resp.StatusCode != 431 || resp.Header.Get("Access-Control-Allow-Origin") != load.Origin {
			return fmt.Errorf("answer %v, %v; want 431 that the page may read", resp, err)
		}
		return nil
	})
	<-served
	wantWithin(t, "giant preflights", abusers, pss, most(), 160<<10)
	s.wantCauses("head_too_large", abusers)
	for i := range abusers {
		if nonce := fmt.Sprintf("abuser-%d", i); s.up.Has(nonce) {
			t.Errorf("the preflight %s has reached the upstream", nonce)
		}
	}
	s.wantQuiet(before)
	s.drained()
}

// TestBodiesBeyondTheLimit: a body that is too large is refused before the
// upstream hears of it if it says so, and cut off at the limit if it does not.
func TestBodiesBeyondTheLimit(t *testing.T) {
	t.Parallel()
	s := abused(t, sides{}, "", "limits: {request_body: 1MiB}\n")
	before, pss := s.quiet(), s.memory("Pss")
	most := s.watchMemory()
	served := s.startOthers("300 clients sending bodies beyond the limit")
	piece := strings.Repeat("x", 1<<10)
	s.abuse(abusers, func(a *abuser) error {
		status, code := 413, "body_too_large"
		switch head := a.head("POST", hundred); a.number % 3 {
		case 0:
			_ = a.say(head + fmt.Sprintf("Content-Length: %d\r\n\r\n", 4<<20))
			a.pour(piece, 4<<20)
		case 1:
			_ = a.say(head + "Transfer-Encoding: chunked\r\n\r\n")
			a.pour(string(raw.Chunk([]byte(piece))), 4<<20)
		case 2:
			status, code = 200, ""
			_ = a.say(head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", 1<<20, strings.Repeat("x", 1<<20)))
		}
		return a.answer("POST", status, code)
	})
	<-served
	wantWithin(t, "bodies beyond the limit", abusers, pss, most(), 64<<10)
	s.wantCauses("body_too_large", abusers/3*2)
	for i := 0; i < abusers; i += 3 {
		if nonce := fmt.Sprintf("abuser-%d", i); s.up.Has(nonce) {
			t.Errorf("%s has reached the upstream, although it said that it is too large", nonce)
		}
	}
	s.wantQuiet(before)
	s.drained()
}
