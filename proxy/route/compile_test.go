package route

import (
	"path/filepath"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/record"
)

// TestWhatOnlyCompilingFindsHasItsPlace: files may go between the check of a
// configuration and its use; the message says the line that names them all the same.
func TestWhatOnlyCompilingFindsHasItsPlace(t *testing.T) {
	dir := t.TempDir()
	file, text := filepath.Join(dir, "edge.yaml"), filepath.Join(dir, "text")
	for name, content := range map[string]string{text: "hello\n", file: `
upstreams:
  a: {url: "https://a.azure-api.net"}
  b:
    url: https://b.azure-api.net
    tls:
      ca_file: ` + text + `
  c:
    url: https://c.azure-api.net
    tls:
      cert_file: ` + text + `.pem
      key_file: ` + text + `
routes: {a: {upstream: a}, b: {upstream: b, path_prefix: /b}}
`} {
		testkit.Write(t, name, content)
	}
	conf, err := config.Load(config.Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	registry := NewRegistry(nil)
	_, err = registry.Compile(conf, record.NewMetrics("test", func() float64 { return 0 }))
	if err == nil {
		t.Fatal("Compile took files that are none")
	}
	want := file + ":7: upstreams.b.tls.ca_file: " + text + " holds no PEM certificate\n" +
		file + ":11: upstreams.c.tls.cert_file: open " + text + ".pem: no such file or directory"
	if err.Error() != want {
		t.Errorf("Compile:\ngot  %v\nwant %s", err, want)
	}
	if n := len(registry.All()); n != 0 {
		t.Errorf("%d upstreams are left", n)
	}
}
