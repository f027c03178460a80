package service

import (
	"crypto/tls"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testcert"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// resumes opens a connection and reports whether it goes on from a session of the
// client before. It reads an answer, since the ticket for the next one comes with it.
func (r *running) resumes(client *tls.Config) bool {
	r.t.Helper()
	c, err := tls.Dial("tcp", r.Address, client)
	testkit.Must(r.t, err)
	defer c.Close() //nolint:errcheck // a test's end
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n"); err != nil {
		r.t.Fatal(err)
	}
	if text, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 200 ") {
		r.t.Fatalf("answer %q, %v", text, err)
	}
	return c.ConnectionState().DidResume
}

// TestTicketsAreSharedByKeys holds that a session goes on at every edge that has the key
// of its ticket, by whatever place it stands in the list, from a reload on; and at no
// other one.
func TestTicketsAreSharedByKeys(t *testing.T) {
	dir := t.TempDir()
	id, err := testcert.New(dir, "edge.test")
	testkit.Must(t, err)
	for _, name := range []string{"old", "new"} {
		testkit.Write(t, filepath.Join(dir, name), strings.Repeat(name, 16))
	}
	with := func(names ...string) string {
		keys := ""
		for _, name := range names {
			keys += "\"file:" + filepath.Join(dir, name) + "\", "
		}
		return minimal + fmt.Sprintf("listen: {tls: {cert_file: %q, key_file: %q, ticket_keys: [%s]}}\n", id.CertFile, id.KeyFile, keys)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			client := func() *tls.Config {
				conf := id.Client()
				conf.MaxVersion, conf.ClientSessionCache = version, tls.NewLRUClientSessionCache(1)
				return conf
			}
			url := upstream(t)
			one, other, alone := start(t, url, with("old")), start(t, url, with("old")), start(t, url, with())
			defer one.Stop("signal")
			defer other.Stop("signal")
			defer alone.Stop("signal")
			old := client()
			for _, step := range []struct {
				what string
				at   *running
				want bool
			}{{"the first session", one, false}, {"the same edge", one, true}, {"another one with the key", other, true}, {"one without keys", alone, false}} {
				if got := step.at.resumes(old); got != step.want {
					t.Errorf("%s: resumed %v, want %v", step.what, got, step.want)
				}
			}
			old = client()
			one.resumes(old)
			reload(other, url, with("new", "old"))
			if !other.resumes(old) {
				t.Error("a ticket is not opened by a key that stands second")
			}
			if one.resumes(old) {
				t.Error("a ticket is not sealed by the key that stands first")
			}
			reload(one, url, with("new"))
			fresh := client()
			other.resumes(fresh)
			if !one.resumes(fresh) {
				t.Error("a ticket of the new key is not opened by it")
			}
			reload(one, url, with())
			if !one.resumes(fresh) {
				t.Error("a key that is taken away is not in use until a restart")
			}
			one.eventually("a word of the restart", func() bool { return one.log.Has(`"key":"listen.tls.ticket_keys"`) })
		})
	}
}

func reload(r *running, url, text string) {
	r.t.Helper()
	r.write(strings.ReplaceAll(text, "{UPSTREAM}", url))
	testkit.Must(r.t, r.Reload("signal"))
}

// TestAReloadWithoutItsTicketKeyChangesNothing holds that the certificate of a
// configuration whose key cannot be read is not shown.
func TestAReloadWithoutItsTicketKeyChangesNothing(t *testing.T) {
	dir := t.TempDir()
	id, err := testcert.New(dir, "edge.test")
	testkit.Must(t, err)
	other := testcert.Temp(t, "other.test")
	url := upstream(t)
	r := start(t, url, minimal+fmt.Sprintf("listen: {tls: {cert_file: %q, key_file: %q}}\n", id.CertFile, id.KeyFile))
	defer r.Stop("signal")
	r.write(strings.ReplaceAll(minimal+fmt.Sprintf("listen: {tls: {cert_file: %q, key_file: %q, ticket_keys: [\"file:%s/none\"]}}\n",
		other.CertFile, other.KeyFile, dir), "{UPSTREAM}", url))
	if err := r.Reload("signal"); err == nil || !strings.Contains(err.Error(), "ticket_keys[0]") {
		t.Errorf("the reload: %v", err)
	}
	r.resumes(id.Client()) // it trusts the first certificate alone
}
