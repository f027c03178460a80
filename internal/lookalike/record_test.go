package lookalike

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

func TestRequestsAreRecordedAsTheyCame(t *testing.T) {
	certificate := httptest.NewUnstartedServer(nil)
	certificate.StartTLS()
	defer certificate.Close()
	for _, tc := range []struct {
		name string
		tls  *tls.Config
	}{{"plain TCP", nil}, {"TLS", &tls.Config{Certificates: certificate.TLS.Certificates}}} {
		t.Run(tc.name, func(t *testing.T) {
			seen := make(chan Request, 2)
			url, _ := start(t, Options{TLS: tc.tls, OnRequest: func(r Request) { seen <- r }})
			exchangeRaw(t, url, tc.tls != nil, "POST /v1/embeddings?a=%2F HTTP/1.1\r\nhOST: edge\r\nx-B: 1\r\nContent-Length: 25\r\nX-a:  2 \r\nx-b: 3\r\n\r\n"+
				`{"model":"m","input":"x"}`+
				"GET /v1/models HTTP/1.1\r\nHost: edge\r\nauthorization: Bearer k\r\nConnection: close\r\n\r\n")
			first, second := <-seen, <-seen
			wantFields := []Field{{"hOST", "edge"}, {"x-B", "1"}, {"Content-Length", "25"}, {"X-a", "2"}, {"x-b", "3"}}
			if !reflect.DeepEqual(first.Fields, wantFields) {
				t.Errorf("fields\n got %v\nwant %v", first.Fields, wantFields)
			}
			if first.Target != "/v1/embeddings?a=%2F" || first.BodyBytes != 25 || first.BodySHA256 != sha(`{"model":"m","input":"x"}`) {
				t.Errorf("got %+v", first)
			}
			if !first.Has("HOST") || first.Get("X-B") != "1" || first.Has("authorization") {
				t.Errorf("Has and Get do not compare without case: %+v", first)
			}
			if len(second.Fields) != 3 || second.Fields[1] != (Field{"authorization", "Bearer k"}) || second.Credential != "bearer" {
				t.Errorf("second request on the connection: got %+v", second)
			}
		})
	}
}

func TestALargeBodyDoesNotHideTheNextHead(t *testing.T) {
	seen := make(chan Request, 2)
	url, client := start(t, Options{OnRequest: func(r Request) { seen <- r }})
	large := `{"model":"m","input":"` + strings.Repeat("x", 3*sniffKeep) + `"}`
	do(t, client, http.MethodPost, url+"/v1/embeddings", large, "X-First: 1")
	do(t, client, http.MethodPost, url+"/v1/embeddings", large, "X-Second: 2")
	if got := <-seen; got.Get("X-First") != "1" || got.BodyBytes != int64(len(large)) {
		t.Errorf("first: got %v", got.Fields)
	}
	if got := <-seen; got.Get("X-Second") != "2" || got.Has("X-First") || got.Fields[0].Name != "Host" {
		t.Errorf("second: got %v", got.Fields)
	}
}

func TestBehindAnotherServerFieldsAreSorted(t *testing.T) {
	var got Request
	s := New(Options{PrimaryKey: testKey, OnRequest: func(r Request) { got = r }})
	r := httptest.NewRequest(http.MethodGet, "/v1/models", nil)
	r.Header.Set("X-B", "2")
	r.Header.Set("X-A", "1")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	want := []Field{{"Host", "example.com"}, {"X-A", "1"}, {"X-B", "2"}}
	if !reflect.DeepEqual(got.Fields, want) || got.BodySHA256 != "" {
		t.Errorf("got %+v, want fields %v and no digest of a refused body", got, want)
	}
	if w.Code != http.StatusUnauthorized {
		t.Errorf("got %d, want 401", w.Code)
	}
}
