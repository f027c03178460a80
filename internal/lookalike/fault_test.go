package lookalike

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

const (
	plainBody  = `{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}`
	streamBody = `{"stream":true,"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}`
)

func TestCuts(t *testing.T) {
	url, client := start(t, Options{})
	for _, tc := range []struct {
		name, fault, body string
		wantErr           error // nil: the body must end well
		wantLength        bool  // Content-Length is there
	}{
		{"chunked stream", "cut-chunked", streamBody, io.ErrUnexpectedEOF, false},
		{"chunked JSON", "cut-chunked", plainBody, io.ErrUnexpectedEOF, false},
		{"stream of fixed length", "cut-length", streamBody, io.ErrUnexpectedEOF, true},
		{"JSON of fixed length", "cut-length", plainBody, io.ErrUnexpectedEOF, true},
		{"close-delimited stream", "cut-close", streamBody, syscall.ECONNRESET, false},
		{"close-delimited JSON", "cut-close", plainBody, syscall.ECONNRESET, false},
		{"a stream without its end", "no-done", streamBody, nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			whole := do(t, client, "POST", url+"/v1/chat/completions", tc.body)
			for _, got := range []result{
				do(t, client, "POST", url+"/v1/chat/completions", tc.body, "x-lookalike-fault: "+tc.fault),
				do(t, client, "POST", url+"/v1/chat/completions", strings.Replace(tc.body, "gpt-4o", tc.fault, 1)),
			} {
				if !errors.Is(got.err, tc.wantErr) || got.status != 200 {
					t.Errorf("got %d, end %v; want 200, end %v", got.status, got.err, tc.wantErr)
				}
				if n := len(got.body); n < 40 || n > len(whole.body)*3/4 || strings.Contains(got.body, "[DONE]") {
					t.Errorf("got %d bytes of %d, want about half", n, len(whole.body))
				}
				if got.head.Get("Content-Length") != "" != tc.wantLength {
					t.Errorf("Content-Length: got %q", got.head.Get("Content-Length"))
				}
			}
		})
	}
}

// A client that reads the socket itself sees how the framing ends.
func TestCutOnTheWire(t *testing.T) {
	certificate := httptest.NewUnstartedServer(nil)
	certificate.StartTLS()
	defer certificate.Close()
	serverTLS := &tls.Config{Certificates: certificate.TLS.Certificates}
	for _, tc := range []struct {
		name string
		tls  *tls.Config
	}{{"plain TCP", nil}, {"TLS with close_notify", serverTLS}} {
		t.Run(tc.name, func(t *testing.T) {
			url, _ := start(t, Options{TLS: tc.tls, OnRequest: func(Request) {}})
			raw := exchangeRaw(t, url, tc.tls != nil, fmt.Sprintf(
				"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Lookalike-Fault: cut-chunked\r\nContent-Length: %d\r\n\r\n%s",
				len(streamBody), streamBody))
			if !bytes.HasSuffix(raw, []byte("\n\n\r\n")) || bytes.Contains(raw, []byte("\r\n0\r\n")) {
				t.Errorf("want whole chunks and no last chunk, got an end of %q", raw[max(0, len(raw)-40):])
			}
			if !bytes.Contains(raw, []byte("\r\nTransfer-Encoding: chunked\r\n")) || !bytes.Contains(raw, []byte("\r\napim-request-id: ")) {
				t.Errorf("head: got %q", raw[:min(len(raw), 700)])
			}
		})
	}
}

// exchangeRaw sends request and reads until the end, which must be a clean
// one: FIN, or close_notify under TLS.
func exchangeRaw(t *testing.T, url string, secure bool, request string) []byte {
	t.Helper()
	_, address, _ := strings.Cut(url, "://")
	conn := testkit.Dial(t, address)
	if secure {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("end of the connection: %v, want a clean one", err)
	}
	return raw
}

func TestErrorsOfTheService(t *testing.T) {
	url, client := start(t, Options{PrimaryKey: testKey})
	for _, tc := range []struct {
		fault      string
		wantStatus int
		wantBody   string
	}{
		{"backend-401", 401, serviceBody},
		{"429", 429, "have exceeded token rate limit"},
		{"500", 500, `{"error":{"code":"500","message":"The server had an error while processing your request."}}`},
	} {
		t.Run(tc.fault, func(t *testing.T) {
			got := do(t, client, "POST", url+"/openai/v1/chat/completions", strings.Replace(streamBody, "gpt-4o", tc.fault, 1), "api-key: "+testKey)
			if got.status != tc.wantStatus || !strings.Contains(got.body, tc.wantBody) || got.head.Get("apim-request-id") == "" {
				t.Errorf("got %d %s, want %d %s with apim-request-id", got.status, got.body, tc.wantStatus, tc.wantBody)
			}
			if got.head.Get("WWW-Authenticate") != "" {
				t.Error("WWW-Authenticate is APIM's, the service has none")
			}
			if tc.fault != "429" {
				return
			}
			for name, want := range map[string]string{"Retry-After": "1", "Retry-After-Ms": "700", "X-Ratelimit-Remaining-Tokens": "0"} {
				if v := got.head.Values(name); len(v) != 1 || v[0] != want {
					t.Errorf("%s: got %v, want %s", name, v, want)
				}
			}
		})
	}
}

func TestSlowHeadAnswersInTheEnd(t *testing.T) {
	url, client := start(t, Options{HeadDelay: time.Nanosecond})
	got := do(t, client, http.MethodGet, url+"/v1/models", "", "x-lookalike-fault: slow-head")
	if got.status != 200 || at(t, jsonOf(t, got.body), "object") != "list" {
		t.Errorf("got %d %s, want the list of models", got.status, got.body)
	}
}
