package config

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testcert"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

func TestFilesOfAConfiguration(t *testing.T) {
	cfg := mustLoad(t, Options{File: testkit.File(t, "edge.yaml", `
listen: {tls: {cert_file: /tls/b.pem, key_file: /tls/b.key, ticket_keys: ["file:/run/secrets/tickets", "env:OLD"]}}
admin: {token: file:/run/secrets/token}
upstreams:
  a: {url: https://a.azure-api.net, tls: {ca_file: /tls/ca.pem, cert_file: /tls/b.pem, key_file: /tls/b.key}}
  b: {url: https://b.azure-api.net, tls: {ca_file: /tls/ca.pem}}
routes: {all: {upstream: a}}
traces: {endpoint: "https://collector", ca_file: /tls/collector.pem, headers: {a: file:/run/secrets/otlp, b: "env:X"}}
`)})
	want := []string{"/etc/edge.yaml", "/run/secrets/otlp", "/run/secrets/tickets", "/run/secrets/token", "/tls/b.key", "/tls/b.pem", "/tls/ca.pem", "/tls/collector.pem"}
	if got := Files(cfg, "/etc/edge.yaml"); !reflect.DeepEqual(got, want) {
		t.Errorf("Files: got %q, want %q", got, want)
	}
	if got := Files(Default().Complete(), ""); len(got) != 0 {
		t.Errorf("Files of the defaults: got %q, want none", got)
	}
}

// keyPair returns a certificate and its key as PEM.
func keyPair(t *testing.T) (certificate, key string) {
	t.Helper()
	made, err := testcert.New(t.TempDir(), "edge.test")
	testkit.Must(t, err)
	return string(made.CertPEM), string(made.KeyPEM)
}

func TestCheckFiles(t *testing.T) {
	dir := t.TempDir()
	certificate, key := keyPair(t)
	_, otherKey := keyPair(t)
	for name, content := range map[string]string{
		"tls.pem": certificate, "tls.key": key, "other.key": otherKey, "text": "hello\n", "token": "0123abcd\n", "long": "01234567890123456789012345678901\n", "empty": "\n",
	} {
		testkit.Write(t, filepath.Join(dir, name), content)
	}
	for _, tc := range []struct{ name, file, want string }{
		{"all is well", "listen: {tls: {cert_file: DIR/tls.pem, key_file: DIR/tls.key}}\nadmin: {token: file:DIR/token}\n" +
			"upstreams: {a: {url: https://a.azure-api.net, tls: {ca_file: DIR/tls.pem, cert_file: DIR/tls.pem, key_file: DIR/tls.key}}}\n", ""},
		{"a missing certificate", oneUpstream + "listen: {tls: {cert_file: DIR/no.pem, key_file: DIR/tls.key}}\n",
			`edge.yaml:2: listen.tls.cert_file: found "DIR/no.pem", but the file cannot be read: no such file or directory`},
		{"a missing key", oneUpstream + "listen: {tls: {cert_file: DIR/tls.pem, key_file: DIR/no.key}}\n",
			`edge.yaml:2: listen.tls.key_file: found "DIR/no.key", but the file cannot be read: no such file or directory`},
		{"another certificate's key", oneUpstream + "listen: {tls: {cert_file: DIR/tls.pem, key_file: DIR/other.key}}\n",
			`edge.yaml:2: listen.tls.cert_file: found "DIR/tls.pem", but it does not fit key_file: private key does not match public key`},
		{"a certificate that is none", oneUpstream + "listen: {tls: {cert_file: DIR/text, key_file: DIR/tls.key}}\n",
			`edge.yaml:2: listen.tls.cert_file: found "DIR/text", but it does not fit key_file: failed to find any PEM data in certificate input`},
		{"a key of tickets that can be guessed", oneUpstream + "listen: {tls: {cert_file: DIR/tls.pem, key_file: DIR/tls.key, ticket_keys: ['file:DIR/long', 'file:DIR/token']}}\n",
			`edge.yaml:2: listen.tls.ticket_keys[1]: the secret cannot be used: file:DIR/token: it has less than 32 characters; make one with openssl rand -base64 48`},
		{"an authority that is none", "upstreams: {a: {url: https://a.azure-api.net, tls: {ca_file: DIR/text}}}\n",
			`edge.yaml:1: upstreams.a.tls.ca_file: found "DIR/text", but there is no PEM certificate in it`},
		{"an upstream's client certificate", "upstreams: {a: {url: https://a.azure-api.net, tls: {cert_file: DIR/tls.pem, key_file: DIR/text}}}\n",
			`edge.yaml:1: upstreams.a.tls.cert_file: found "DIR/tls.pem", but it does not fit key_file: failed to find any PEM data in key input`},
		{"a missing token", oneUpstream + "admin: {token: file:DIR/no}\n",
			`edge.yaml:2: admin.token: the secret cannot be read: file:DIR/no: no such file or directory`},
		{"an empty token", oneUpstream + "admin: {token: file:DIR/empty}\n",
			`edge.yaml:2: admin.token: the secret cannot be read: file:DIR/empty: is empty`},
		{"a variable that is not set", oneUpstream + "admin: {token: env:APIM_EDGE_TEST_NOPE}\n",
			`edge.yaml:2: admin.token: the secret cannot be read: env:APIM_EDGE_TEST_NOPE: the environment variable is not set`},
		{"a header and authorities of traces", oneUpstream + "traces: {endpoint: 'https://collector', ca_file: DIR/text, headers: {a: file:DIR/no}}\n",
			`edge.yaml:2: traces.ca_file: found "DIR/text", but there is no PEM certificate in it` + "\n" +
				`edge.yaml:2: traces.headers.a: the secret cannot be read: file:DIR/no: no such file or directory`},
		{"a directory", "upstreams: {a: {url: https://a.azure-api.net, tls: {ca_file: DIR}}}\n",
			`edge.yaml:1: upstreams.a.tls.ca_file: found "DIR", but the file cannot be read: is a directory`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg, err := loadBytes([]byte(strings.ReplaceAll(tc.file, "DIR", dir)), Options{})
			testkit.Must(t, err)
			if got := strings.ReplaceAll(cfg.CheckFiles().Error(), dir, "DIR"); got != tc.want {
				t.Errorf("CheckFiles:\ngot  %s\nwant %s", got, tc.want)
			}
		})
	}
}
