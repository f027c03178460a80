package carryover

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// exported imports a document that export has written.
func exported(t *testing.T, name string) (Result, *apimpolicy.Document) {
	t.Helper()
	file := "../export/testdata/" + name + ".apim"
	data := testkit.Read(t, file)
	doc, err := apimpolicy.Read(file, []byte(data))
	testkit.Must(t, err)
	return Convert(Input{NoGlobal: true, Upstream: "https://contoso.azure-api.net", APIs: []API{{Path: "openai", KeyHeader: "api-key", Open: true, Policy: doc}}}), doc
}

// TestWhatExportWritesIsRead: each document of export is read, each part of it is
// accounted for, and serve takes what is written.
func TestWhatExportWritesIsRead(t *testing.T) {
	for _, file := range testkit.Files(t, "../export/testdata/*.apim") {
		name := filepath.Base(file[:len(file)-len(".apim")])
		r, doc := exported(t, name)
		if missing := account(r, doc); len(missing) > 0 {
			t.Errorf("%s: not accounted for: %v", name, missing)
		}
		if err := load(t, r.Configuration); err != nil {
			t.Errorf("%s: %v\n%s", name, err, r.Configuration)
		}
		if len(doc.Repairs) > 0 {
			t.Errorf("%s: export has written what is no XML: %v", name, doc.Repairs)
		}
	}
}

// TestARouteThatAsksForTokensComesBack: who may pass, with what, and what the upstream is
// told and shown, is the same behind export and import.
func TestARouteThatAsksForTokensComesBack(t *testing.T) {
	r, _ := exported(t, "tokens")
	if !r.Complete() {
		t.Errorf("not complete:\n%s", r.List())
	}
	before, err := config.Load(config.Options{File: "../export/testdata/tokens.yaml"})
	testkit.Must(t, err)
	after := read(t, r.Configuration)
	got, want := after.Routes["openai"], before.Routes["openai"]
	if !reflect.DeepEqual(got.ForwardClaims, want.ForwardClaims) {
		t.Errorf("claims %v, want %v", got.ForwardClaims, want.ForwardClaims)
	}
	gotPolicy, wantPolicy := after.TokenPolicies[got.Require.Token[0]], before.TokenPolicies[want.Require.Token[0]]
	if !reflect.DeepEqual(gotPolicy, wantPolicy) {
		t.Errorf("token policy\n%+v\nwant\n%+v", gotPolicy, wantPolicy)
	}
	gotUpstream, wantUpstream := after.Upstreams[got.Upstream], before.Upstreams[want.Upstream]
	if gotUpstream.Auth != wantUpstream.Auth || gotUpstream.URL != wantUpstream.URL+got.StripPrefix {
		t.Errorf("upstream %+v, want %+v", gotUpstream, wantUpstream)
	}
}

// read returns a configuration that was written.
func read(t *testing.T, text string) config.Config {
	t.Helper()
	file := testkit.File(t, "edge.yaml", text)
	conf, err := config.Load(config.Options{File: file})
	testkit.Must(t, err)
	return conf
}
