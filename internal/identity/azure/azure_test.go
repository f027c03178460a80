package azure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/apim-edge/apim-edge/internal/identity/azuretest"
	"github.com/apim-edge/apim-edge/internal/identity/upkeep"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const models = "https://cognitiveservices.azure.com"

// somebody returns an identity that no other test has: the library keeps the tokens of
// managed identities in one cache for the whole process.
func somebody(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("00000000-0000-4000-8000-%012x", counter.Add(1))
}

// alone takes every variable away by which a place would be told.
func alone(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT", "MSI_ENDPOINT", "MSI_SECRET", "IMDS_ENDPOINT",
		"AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST",
	} {
		t.Setenv(name, "")
		_ = os.Unsetenv(name) // the library asks whether some are set at all
	}
}

func wantToken(t *testing.T, p *Platform, id, want string) upkeep.Reading {
	t.Helper()
	got, err := p.Token(t.Context(), id, models)
	if err != nil || got.Value.Reveal() != want {
		t.Fatalf("Token = %q, %v; want %q", got.Value.Reveal(), err, want)
	}
	return got
}

func TestTheMetadataServiceIsAskedAsItWants(t *testing.T) {
	alone(t)
	id, cloud := somebody(t), &azuretest.Cloud{}
	p := New(Options{Transport: cloud})
	got := wantToken(t, p, id, "token-1")
	if left := time.Until(got.Expires); left < 59*time.Minute || left > 61*time.Minute {
		t.Errorf("it ends in %v, want an hour", left)
	}
	want := "GET http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&client_id=" + id + "&resource=https%3A%2F%2Fcognitiveservices.azure.com"
	if seen := cloud.Identity.Requests(); len(seen) != 1 || seen[0] != want {
		t.Errorf("asked %q, want %q", seen, want)
	}
	if source := Source(id); !strings.Contains(source, "metadata service") || !strings.Contains(source, id) {
		t.Errorf("the source is %q", source)
	}
}

// TestALongTokenSaysWhenToAskAgain holds what upkeep has to remember: the library says it
// with the first answer, and answers from its cache behind it.
func TestALongTokenSaysWhenToAskAgain(t *testing.T) {
	alone(t)
	id, cloud := somebody(t), &azuretest.Cloud{}
	cloud.Identity.Life = 24 * time.Hour
	p := New(Options{Transport: cloud})
	if got := wantToken(t, p, id, "token-1"); time.Until(got.Refresh) < 11*time.Hour {
		t.Errorf("to be asked again at %v, want in half a day", got.Refresh)
	}
	wantToken(t, p, id, "token-1")
	if n := cloud.Identity.Asked.Load(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

// TestGoneIsAskedAgain holds the 410 of a metadata service that is being updated.
func TestGoneIsAskedAgain(t *testing.T) {
	alone(t)
	id := somebody(t)
	synctest.Test(t, func(t *testing.T) {
		cloud := &azuretest.Cloud{}
		cloud.Identity.Fail(azuretest.Fault{Status: http.StatusGone}, azuretest.Fault{Status: http.StatusGone})
		began := time.Now()
		wantToken(t, New(Options{Transport: cloud}), id, "token-1")
		if n := len(cloud.Identity.Requests()); n != 3 {
			t.Errorf("asked %d times, want 3", n)
		}
		if took := time.Since(began); took < time.Second {
			t.Errorf("it took %v: asked again without a pause", took)
		}
	})
}

func TestWhatTheMetadataServiceRefusesIsSaid(t *testing.T) {
	alone(t)
	for _, tc := range []struct {
		name  string
		fault azuretest.Fault
		want  string
	}{
		{"an identity that the machine does not have", azuretest.Fault{Status: 400, Code: "invalid_request"}, "answers 400 Bad Request (invalid_request AADSTS12345); is this identity assigned to the machine?"},
		{"a redirect elsewhere", azuretest.Fault{Location: "http://127.0.0.1:1/"}, "302"},
		{"a code that is none", azuretest.Fault{Status: 403, Code: "a secret text"}, "answers 403 Forbidden"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cloud := &azuretest.Cloud{}
			cloud.Identity.Fail(tc.fault)
			_, err := New(Options{Transport: cloud}).Token(t.Context(), somebody(t), models)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is %q, want one line with %q", err, tc.want)
			}
			if n := len(cloud.Identity.Requests()); n != 1 {
				t.Errorf("asked %d times, want once", n)
			}
		})
	}
}

// TestAppServiceIsAskedOnLoopback goes through a socket: the client that the edge has
// where nobody answers in its place is part of it.
func TestAppServiceIsAskedOnLoopback(t *testing.T) {
	alone(t)
	id, cloud := somebody(t), &azuretest.Cloud{}
	cloud.Identity.Header = "proof"
	server := httptest.NewServer(cloud)
	defer server.Close()
	t.Setenv("IDENTITY_ENDPOINT", server.URL+"/msi/token")
	t.Setenv("IDENTITY_HEADER", "proof")
	p := New(Options{})
	wantToken(t, p, id, "token-1")
	p.direct.(*http.Client).CloseIdleConnections()
	want := "GET /msi/token?api-version=2019-08-01&client_id=" + id + "&resource=https%3A%2F%2Fcognitiveservices.azure.com"
	if seen := cloud.Identity.Requests(); len(seen) != 1 || seen[0] != want {
		t.Errorf("asked %q, want %q", seen, want)
	}
	if source := Source(""); !strings.Contains(source, "App Service") || !strings.Contains(source, "system-assigned") {
		t.Errorf("the source is %q", source)
	}
}

// TestTheMetadataServiceIsNotAskedThroughAProxy: a proxy would get the token. Vaults and
// Entra may be behind one.
func TestTheMetadataServiceIsNotAskedThroughAProxy(t *testing.T) {
	p := New(Options{})
	through := func(c *http.Client) bool { return c.Transport.(*http.Transport).Proxy != nil }
	if direct, web := through(p.direct.(*http.Client)), through(p.web.(bounded).Client); direct || !web {
		t.Errorf("the platform's own endpoint through a proxy: %v; vaults and Entra: %v", direct, web)
	}
}

// TestAnEndlessAnswerEnds holds that a vault cannot fill the memory.
func TestAnEndlessAnswerEnds(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 64 {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	p := New(Options{})
	r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL, nil)
	testkit.Must(t, err)
	answer, err := p.web.Do(r)
	testkit.Must(t, err)
	n, err := io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	if n > maxAnswer || err == nil {
		t.Errorf("%d bytes were read (%v)", n, err)
	}
	p.web.(bounded).CloseIdleConnections()
}

// TestNoRedirectIsFollowed holds that the proof of who we are stays here.
func TestNoRedirectIsFollowed(t *testing.T) {
	alone(t)
	var reached bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer elsewhere.Close()
	cloud := &azuretest.Cloud{}
	cloud.Identity.Fail(azuretest.Fault{Location: elsewhere.URL})
	server := httptest.NewServer(cloud)
	defer server.Close()
	t.Setenv("IDENTITY_ENDPOINT", server.URL)
	t.Setenv("IDENTITY_HEADER", "proof")
	p := New(Options{})
	_, err := p.Token(t.Context(), somebody(t), models)
	p.direct.(*http.Client).CloseIdleConnections()
	if err == nil || reached {
		t.Errorf("error %v, followed: %v", err, reached)
	}
}

// TestTheAgentOfArcIsAsked holds that it is known by its variables; only root and its
// group may read the file that it names, so that the answer ends there.
func TestTheAgentOfArcIsAsked(t *testing.T) {
	alone(t)
	cloud := &azuretest.Cloud{}
	cloud.Identity.KeyFile = "/etc/passwd"
	t.Setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:40342/metadata/identity/oauth2/token")
	t.Setenv("IMDS_ENDPOINT", "http://127.0.0.1:40342")
	_, err := New(Options{Transport: cloud}).Token(t.Context(), "", models)
	if err == nil || len(cloud.Identity.Requests()) != 1 {
		t.Errorf("error %v after %q: a file outside of the agent's folder was believed", err, cloud.Identity.Requests())
	}
	if source := Source(""); !strings.Contains(source, "Arc") {
		t.Errorf("the source is %q", source)
	}
}

func TestAWorkloadShowsTheTokenOfItsPod(t *testing.T) {
	alone(t)
	file := testkit.File(t, "token", "assertion of the pod")
	cloud := &azuretest.Cloud{}
	cloud.Identity.Assertion = "assertion of the pod"
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", file)
	t.Setenv("AZURE_TENANT_ID", "11111111-2222-3333-4444-555555555555")
	t.Setenv("AZURE_AUTHORITY_HOST", "https://login.contoso.example/")
	t.Setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1") // it comes first
	t.Setenv("IDENTITY_HEADER", "x")
	p := New(Options{Transport: cloud, TrustAuthority: true})
	wantToken(t, p, somebody(t), "token-1")
	if source := Source(""); !strings.Contains(source, "workload identity") {
		t.Errorf("the source is %q", source)
	}
	cloud.Identity.Assertion = "another one"
	_, err := p.Token(t.Context(), somebody(t), models)
	if want := "no token: the identity endpoint answers 401 Unauthorized (invalid_client AADSTS700213)"; err == nil || err.Error() != want {
		t.Errorf("the error is %q, want %q", err, want)
	}
}

// TestTheOrderOfPlaces holds what the library decides, so that a new version of it that
// decides otherwise is seen.
func TestTheOrderOfPlaces(t *testing.T) {
	for _, tc := range []struct {
		variables, want string
	}{
		{"", "metadata service"},
		{"IDENTITY_HEADER", "metadata service"},
		{"IDENTITY_ENDPOINT IMDS_ENDPOINT", "Arc"},
		{"IDENTITY_ENDPOINT IDENTITY_HEADER IMDS_ENDPOINT MSI_ENDPOINT", "App Service"},
		{"IDENTITY_ENDPOINT IDENTITY_HEADER IDENTITY_SERVER_THUMBPRINT", "Service Fabric"},
		{"MSI_ENDPOINT", "Cloud Shell"},
		{"MSI_ENDPOINT MSI_SECRET IMDS_ENDPOINT IDENTITY_ENDPOINT", "Machine Learning"},
		{"AZURE_FEDERATED_TOKEN_FILE", "metadata service"},
		{"AZURE_FEDERATED_TOKEN_FILE AZURE_TENANT_ID IDENTITY_ENDPOINT IDENTITY_HEADER", "workload identity"},
	} {
		t.Run(tc.variables, func(t *testing.T) {
			alone(t)
			for name := range strings.FieldsSeq(tc.variables) {
				t.Setenv(name, "http://127.0.0.1:1")
			}
			if got := Source(""); !strings.Contains(got, tc.want) {
				t.Errorf("%q, want %s", got, tc.want)
			}
		})
	}
}

func TestASlowEndpointIsLeftAtTheDeadline(t *testing.T) {
	alone(t)
	id := somebody(t)
	synctest.Test(t, func(t *testing.T) {
		cloud := &azuretest.Cloud{}
		cloud.Identity.Hang(true)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		began := time.Now()
		_, err := New(Options{Transport: cloud}).Token(ctx, id, models)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 30*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// nobody is a network without anybody.
type nobody struct{}

func (nobody) Do(r *http.Request) (*http.Response, error) {
	return nil, &url.Error{Op: "Get", URL: r.URL.String(), Err: &net.OpError{
		Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(169, 254, 169, 254), Port: 80}, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED),
	}}
}

func TestNobodyThereIsSaid(t *testing.T) {
	alone(t)
	id := somebody(t)
	synctest.Test(t, func(t *testing.T) {
		p := New(Options{Transport: nobody{}})
		for what, ask := range map[string]func() error{
			"a token":  func() error { _, err := p.Token(t.Context(), id, models); return err },
			"a secret": func() error { _, err := p.Secret(t.Context(), vault, "key", ""); return err },
		} {
			if err := ask(); err == nil || !strings.Contains(err.Error(), "169.254.169.254:80") || !strings.HasSuffix(err.Error(), "connection refused") || strings.Contains(err.Error(), "resource=") {
				t.Errorf("%s: the error is %q", what, err)
			}
		}
	})
}
