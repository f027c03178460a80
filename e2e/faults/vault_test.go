//go:build e2e

package faults

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/apim-edge/apim-edge/internal/identity/azuretest"
	"github.com/apim-edge/apim-edge/internal/testcert"
)

const (
	vaultHost   = "contoso.vault.azure.net"
	vaultSecret = "the-key-in-the-vault"
)

// vault is a look-alike of Key Vault at the vault's own name, which the edge reaches by
// the proxy that its environment names, over TLS.
type vault struct {
	cloud azuretest.Cloud
	away  atomic.Bool // connections to it lead nowhere
	// missed counts those who wanted one meanwhile.
	missed atomic.Int64

	mu    sync.Mutex
	conns map[net.Conn]struct{} // of the proxy
}

// startVault starts one, and changes the environment of the edge that starts after it: App
// Service gives out the token that the vault wants.
func startVault(t *testing.T) *vault {
	t.Helper()
	id := testcert.Temp(t, vaultHost)
	v := &vault{conns: map[net.Conn]struct{}{}}
	v.cloud.Identity.Header = "faults"
	v.cloud.Vault.Set("aoai", azuretest.Secret{Value: vaultSecret})
	identity := httptest.NewServer(&v.cloud)
	t.Cleanup(identity.Close)
	secure := httptest.NewUnstartedServer(&v.cloud)
	secure.TLS = id.Server()
	secure.StartTLS()
	t.Cleanup(secure.Close)
	proxy := httptest.NewServer(v.lead(secure.Listener.Addr().String()))
	t.Cleanup(proxy.Close)
	t.Cleanup(v.cut)
	for name, value := range map[string]string{
		"IDENTITY_ENDPOINT": identity.URL, "IDENTITY_HEADER": "faults",
		"HTTPS_PROXY": proxy.URL, "NO_PROXY": "", "SSL_CERT_FILE": id.CertFile,
	} {
		t.Setenv(name, value)
	}
	return v
}

// lead is a proxy (RFC 9110 section 9.3.6) that knows one host.
func (v *vault) lead(address string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if v.away.Load() {
			v.missed.Add(1)
		}
		if r.Method != http.MethodConnect || !strings.HasPrefix(r.Host, vaultHost+":") || v.away.Load() {
			http.Error(w, "nobody is there", http.StatusBadGateway)
			return
		}
		there, err := net.Dial("tcp", address)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer there.Close()
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer here.Close()
		v.mu.Lock()
		v.conns[here] = struct{}{}
		v.mu.Unlock()
		_, _ = io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() { _, _ = io.Copy(there, here); _ = there.Close() }()
		_, _ = io.Copy(here, there)
	}
}

// goAway has the vault be away: what is open ends, and nothing new comes to it.
func (v *vault) goAway() { v.away.Store(true); v.cut() }

func (v *vault) cut() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for c := range v.conns {
		_ = c.Close()
	}
	clear(v.conns)
}
