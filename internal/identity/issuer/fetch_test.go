package issuer

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/apim-edge/apim-edge/internal/identity/token"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func keysOf(ref string) token.Place { return token.Place{Kind: token.Keys, Ref: ref} }

// serve starts a server of real sockets.
func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func TestWhatAnIssuerMayAnswer(t *testing.T) {
	var strangers atomic.Int32
	stranger := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		strangers.Add(1)
		_, _ = w.Write([]byte(document("evil")))
	})
	endless := func(w http.ResponseWriter, r *http.Request) {
		for range 60 << 4 {
			if _, err := w.Write([]byte(big(64 << 10))); err != nil {
				return
			}
		}
	}
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		fails  string // part of the error; "" for none
	}{
		{"keys", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(document("a"))) }, ""},
		{"a redirect within the host", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
				return
			}
			_, _ = w.Write([]byte(document("a")))
		}, ""},
		{"a redirect to another port", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, stranger.URL, http.StatusFound)
		}, "another host"},
		{"a redirect to the metadata service of the cloud", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/metadata", http.StatusMovedPermanently)
		}, "another host"},
		{"a redirect in circles", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }, "in circles"},
		{"60 MB", endless, "larger than 1 MiB"},
		{"a head without end", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 100<<10))
		}, "exceeded"},
		{"a sign-in page", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>cAnArY</html>")) }, "no set of keys"},
		{"a cut answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5000")
			_, _ = w.Write([]byte(document("a")))
		}, "EOF"},
		{"404", http.NotFound, "404"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, tc.answer)
			state, err := Ask(t.Context(), Options{Client: newClient()}, keysOf(s.URL+"/"))
			if (err == nil) != (tc.fails == "") || err != nil && !strings.Contains(err.Error(), tc.fails) {
				t.Errorf("error %v, want %q", err, tc.fails)
			}
			if err != nil && strings.Contains(err.Error(), "cAnArY") {
				t.Errorf("the error repeats the answer: %v", err)
			}
			if (state.Keys > 0) != (err == nil) {
				t.Errorf("%d keys, error %v", state.Keys, err)
			}
		})
	}
	if n := strangers.Load(); n != 0 {
		t.Errorf("the other host was asked %d times", n)
	}
}

func TestWhereMetadataMayLead(t *testing.T) {
	keys := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(document("a"))) })
	for _, tc := range []struct {
		name, body, fails string
	}{
		{"to a server of its kind", `{"issuer":"i","jwks_uri":"` + keys.URL + `"}`, ""},
		{"to http elsewhere", `{"issuer":"i","jwks_uri":"http://keys.example.com/"}`, "https://"},
		{"to a file", `{"issuer":"i","jwks_uri":"file:///etc/passwd"}`, "jwks_uri"},
		{"to a path", `{"issuer":"i","jwks_uri":"/keys"}`, "jwks_uri"},
		{"with a password", `{"issuer":"i","jwks_uri":"https://u:p@a/"}`, "jwks_uri"},
		{"nowhere", `{"issuer":"i"}`, "no metadata"},
		{"of nobody", `{"jwks_uri":"` + keys.URL + `"}`, "no metadata"},
		{"a list", `[]`, "no metadata"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(tc.body)) })
			_, err := Ask(t.Context(), Options{}, token.Place{Kind: token.Metadata, Ref: m.URL + "/meta"})
			if (err == nil) != (tc.fails == "") || err != nil && !strings.Contains(err.Error(), tc.fails) {
				t.Errorf("error %v, want %q", err, tc.fails)
			}
		})
	}
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"issuer":"i","jwks_uri":"https://id.example.com/keys"}`))
	f.Add([]byte(`{"issuer":"i","jwks_uri":"http://127.0.0.1:1/keys"}`))
	f.Add([]byte(`{"issuer":"i","jwks_uri":"https://u:p@[::1]:x/keys"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parseMetadata(body, "https://id.example.com/meta")
		if err == nil && (m.Issuer == "" || !strings.HasPrefix(strings.ToLower(m.Keys), "https://")) {
			t.Fatalf("%q leads to %q", body, m.Keys)
		}
	})
}

func TestKeysInAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	write := func(text string) {
		testkit.Write(t, path, text)
	}
	r := NewRegistry(Options{})
	if _, err := r.Acquire(keysOf("file:" + path)); err == nil {
		t.Error("a file that is not there is no fault")
	}
	write("nonsense")
	if _, err := r.Acquire(keysOf("file:" + path)); err == nil {
		t.Error("a file with nonsense is no fault")
	}
	if _, err := r.Acquire(keysOf("nonsense")); err == nil {
		t.Error("what is no reference is no fault")
	}
	write(document("a"))
	s, err := r.Acquire(keysOf("file:" + path))
	if err != nil || !s.Keys().Has("a") {
		t.Fatalf("%v", err)
	}
	a := s.Keys().Find("a", "ES256")[0]
	write(document("b"))
	testkit.Await(t, "another file is seen", func() bool { return s.Keys().Has("b") })
	if !a.Gone() {
		t.Error("the key that is no more in the file is believed")
	}
	r.Release(s)
}

func TestASourceIsSharedAndEndsWithItsLastUser(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(document("a"))) })
	r := NewRegistry(Options{})
	defer r.Close()
	first, err := r.Acquire(keysOf(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.Acquire(keysOf(server.URL))
	if err != nil || first != second {
		t.Fatalf("two sources for one place: %v", err)
	}
	testkit.Await(t, "it has keys", func() bool { return first.Keys() != nil })
	key := first.Keys().Find("a", "ES256")[0]
	r.Release(first)
	if key.Gone() || len(r.States()) != 1 {
		t.Error("the source has ended with the first of two users")
	}
	r.Release(second)
	if !key.Gone() || len(r.States()) != 0 {
		t.Error("the source goes on without users")
	}
}
